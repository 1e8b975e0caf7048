"""Carries out a job: fetches, has the training process work, publishes what it says and makes. It never loads torch."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rewardtrain.core.errors import ConfigError, CoreError
from rewardtrain.core.full.node import Node
from rewardtrain.core.job.commands import STOPPED, Commands
from rewardtrain.core.job.door import Door
from rewardtrain.core.job.follower import Follower
from rewardtrain.core.job.names import CHECKPOINTS, INFO, LOG, MANIFEST, METRICS, MODEL, REPORT
from rewardtrain.core.job.place import place
from rewardtrain.core.job.publishing import Checkpoints, Lines, Publisher
from rewardtrain.core.job.shared_folder import SharedFolder, copy_file
from rewardtrain.core.job.spec import Comparison, Spec, read_spec
from rewardtrain.core.job.storage import Copying, Storage, fetch_folder
from rewardtrain.core.job.training import fetch_inputs

TOKEN = "PODIUM_JOB_TOKEN"  # the variable that has the job's secret, where the web's door asks for one


@dataclass
class Job:
    """A job at work in a folder of this node. It has begun: the run is its own.

    node: which of the job's machines this is, where it has several: the first.
    """

    spec: Spec
    storage: Storage
    scratch: Path
    should_stop: Callable[[], bool]
    node: Node | None = None

    def carry_out(self) -> int:
        """Does all of it and gives the exit code that it is to be known by. Raises a CoreError."""
        (self.scratch / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        self.storage.bring_back(self.scratch)
        publisher = Publisher(self._copies(), tell=self.say)
        try:
            code = self._work()
        except CoreError as error:
            self.say(f"error: {error}".replace("\n", " "))
            code = error.exit_code
        except BaseException:
            publisher.stop()
            raise
        if self.storage.taken_over.is_set():
            publisher.stop()
            return STOPPED
        publisher.close(self.storage.patiently)
        self.storage.end(code, self._publish_model() if code == 0 else None)
        return code

    # --- While it works ---------------------------------------------------------------------------------------------

    def _copies(self) -> list[Copying]:
        lines = Lines(self.storage, [self.storage.growing(self.scratch / name, name) for name in (METRICS, LOG)])
        return [lines, Checkpoints(self.scratch / CHECKPOINTS, self.storage, CHECKPOINTS, info=INFO, lines=lines)]

    def _work(self) -> int:
        data, options = fetch_inputs(self.spec, self.storage, self.scratch)
        inputs = self.scratch / "inputs"
        if self.spec.champion:
            options += ["--champion", fetch_folder(self.storage, self.spec.champion, inputs / "champion")]
        options += self.node.words() if self.node else []
        code = self._run("train", data, self.scratch / "out", *options)
        for number, comparison in enumerate(self.spec.comparisons):
            if code == 0:
                code = self._compare(comparison, data, inputs / f"rival-{number}")
        return code

    def _compare(self, comparison: Comparison, data: Path, rival: Path) -> int:
        report = self.scratch / "reports" / comparison.report
        report.parent.mkdir(parents=True, exist_ok=True)
        options: list[str | Path] = ["--out", report]
        if comparison.champion:
            options += ["--champion", fetch_folder(self.storage, comparison.champion, rival)]
        return self._run("evaluate", self.scratch / MODEL, data, *options)

    def _run(self, command: str, *arguments: str | Path) -> int:
        lost = self.storage.taken_over.is_set
        return Commands(self.scratch / LOG, should_stop=self.should_stop, is_lost=lost).run(command, *arguments)

    def say(self, line: str) -> None:
        """Writes a line into the run's log."""
        with (self.scratch / LOG).open("ab") as log:
            log.write(line.encode() + b"\n")

    # --- At its end -------------------------------------------------------------------------------------------------

    def _publish_model(self) -> str:
        """Publishes the reports and the model, whose manifest is there last; gives the manifest's sha256."""
        put = self.storage.put
        for comparison in self.spec.comparisons:
            made, name = self.scratch / "reports" / comparison.report, comparison.report
            self.storage.patiently(lambda made=made, name=name: put(made, name))  # type: ignore[misc]
            if name == REPORT:
                copy_file(made, self.scratch / REPORT)
        model = self.scratch / MODEL
        if not self._is_published():
            self.storage.patiently(lambda: self.storage.put_folder(model, MODEL, last=MANIFEST))
        self.storage.patiently(lambda: put(self.scratch / REPORT, REPORT))
        return copy_file(model / MANIFEST, self.scratch / MANIFEST)

    def _is_published(self) -> bool:
        manifest = self.scratch / MODEL / MANIFEST
        return self.storage.patiently(lambda: self.storage.is_same(manifest, f"{MODEL}/{MANIFEST}"))


def carry_out(
    where: str,
    spec: str,
    *,
    name: str,
    sha256: str,
    nodes: int,
    scratch: Path | None,
    patience: float,
    should_stop: Callable[[], bool],
) -> int:
    """Does the job whose description is this file of the storage. Raises a CoreError.

    where: the shared folder, or the address of the web's door for this job; the token for it is in PODIUM_JOB_TOKEN.
    name: what the job is called. nodes: how many machines it has, each called with the same words. scratch: where its
    own folder is made; None is the system's place for such.
    patience: seconds that the storage may be away for.
    """
    node = place(nodes, name, os.environ)
    storage = _storage(where, spec, name, patience, should_stop)
    with tempfile.TemporaryDirectory(prefix="podium-job-", dir=scratch, ignore_cleanup_errors=True) as folder:
        described = read_spec(storage.description(), sha256)
        if node and node.rank > 0:
            return Follower(described, storage, Path(folder), should_stop, node).carry_out()
        storage.begin()
        return Job(described, storage, Path(folder), should_stop, node).carry_out()


def _storage(where: str, spec: str, name: str, patience: float, should_stop: Callable[[], bool]) -> Storage:
    if not where.startswith(("https://", "http://")):
        run = spec.rpartition("/jobs/")[0]
        return SharedFolder(Path(where), run, name=name, spec=spec, patience=patience, should_stop=should_stop)
    token = os.environ.pop(TOKEN, "")  # the training needs none
    if not token:
        raise ConfigError(f"{TOKEN} is not set; whoever starts the job has to give it, as its scheduler was told to")
    return Door(where, token, patience=patience, should_stop=should_stop)
