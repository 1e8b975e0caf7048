"""Carries out a job: fetches, has the training process work, publishes what it says and makes. It never loads torch.

The training is a process of its own, so that whatever kills it (memory, a signal) is told in the storage by this one.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from rewardtrain.core.errors import CoreError, Stopped
from rewardtrain.core.job.publishing import Checkpoints, GrowingFile, Publisher, whole_folders
from rewardtrain.core.job.shared_folder import MANIFEST, SharedFolder, copy_file, copy_here
from rewardtrain.core.job.spec import Comparison, Spec, read_spec

METRICS, CHECKPOINTS, LOG = "out/metrics.jsonl", "out/checkpoints", "log.txt"
MODEL, REPORT = "out/model", "out/report.json"
CURRENT = "jobs/current"  # the name of the job that has the run, by the web's side; nothing once it is over
OWNER = "jobs/owner"  # which start of a job works on the run: who came last. Whoever else still does ends
INFO = "info.json"  # of a checkpoint, written last
LOOK_SECONDS = 0.2
STOPPED = 75


@dataclass
class Job:
    """A job of this name, at work in a folder of this node."""

    name: str
    spec: Spec
    storage: SharedFolder
    scratch: Path
    should_stop: Callable[[], bool]
    owner: bytes = b""  # its name and which start of it this is
    taken_over: threading.Event = field(default_factory=threading.Event)
    _log_base: int = 0

    def carry_out(self) -> int:
        """Does all of it and gives the exit code that it is to be known by. Raises a CoreError."""
        self.storage.patiently(self._require_current)
        self.begin()
        publisher = Publisher(self._copies(), tell=self.say)
        try:
            code = self._work()
        except CoreError as error:
            self.say(f"error: {error}".replace("\n", " "))
            code = error.exit_code
        except BaseException:
            publisher.stop()
            raise
        if self.taken_over.is_set():
            publisher.stop()
            return STOPPED
        publisher.close(self.storage.patiently)
        manifest = self._publish_model() if code == 0 else None
        ended = json.dumps({"code": code, "manifest_sha256": manifest}).encode()
        self.storage.patiently(lambda: self.storage.write(f"jobs/{self.name}.ended.json", ended))
        return code

    def begin(self) -> None:
        """Takes the run over from whoever worked on it before, and brings here what that one has left."""
        self.owner = f"{self.name}:{uuid4().hex}".encode()
        self.storage.patiently(lambda: self.storage.write(OWNER, self.owner))
        self.storage.before_change = self._require_ours
        self.storage.patiently(self._forget_end)
        self._log_base = self.storage.patiently(self._log_size)
        self.storage.patiently(self._bring_back)

    def _forget_end(self) -> None:
        (self.storage.run / f"jobs/{self.name}.ended.json").unlink(missing_ok=True)

    def _log_size(self) -> int:
        self.storage.require()
        log = self.storage.run / LOG
        return log.stat().st_size if log.exists() else 0

    def _bring_back(self) -> None:
        self.storage.require()
        (self.scratch / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        for folder in whole_folders(self.storage.run / CHECKPOINTS, INFO):
            _copy_folder(folder, self.scratch / CHECKPOINTS / folder.name)
        if (self.storage.run / MODEL / MANIFEST).is_file() and (self.storage.run / REPORT).is_file():
            _copy_folder(self.storage.run / MODEL, self.scratch / MODEL)
            copy_here(self.storage.run / REPORT, self.scratch / REPORT)
        if (self.storage.run / METRICS).is_file():
            copy_here(self.storage.run / METRICS, self.scratch / METRICS)

    # --- While it works ---------------------------------------------------------------------------------------------

    def _copies(self) -> list[Callable[[], None]]:
        metrics = GrowingFile(self.scratch / METRICS, self.storage, METRICS, base=0)
        log = GrowingFile(self.scratch / LOG, self.storage, LOG, base=self._log_base)
        checkpoints = Checkpoints(self.scratch / CHECKPOINTS, self.storage, CHECKPOINTS, info=INFO)

        def lines() -> None:
            self._require_ours()
            metrics.copy()
            log.copy()

        return [lines, checkpoints.copy]

    def _require_current(self) -> None:
        """Raises Stopped where the run is another job's, or over; OSError."""
        if self.storage.read(CURRENT) != self.name.encode():
            self.taken_over.set()
            raise Stopped("the run is over, or another job has it")

    def _require_ours(self) -> None:
        """Raises Stopped as well where another start of this job has it."""
        self._require_current()
        if self.storage.read(OWNER) != self.owner:
            self.taken_over.set()
            raise Stopped("another start of this job has the run")

    def _work(self) -> int:
        inputs = self.scratch / "inputs"
        inputs.mkdir(exist_ok=True)
        spec, fetch = self.spec, self.storage.fetch_folder
        data = self.storage.fetch(spec.data, inputs / Path(spec.data.name).name)
        settings = dict(spec.settings)
        if spec.backbone:
            settings["backbone"] = str(fetch(spec.backbone, inputs / "backbone"))
        (inputs / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        options: list[str | Path] = ["--config", inputs / "settings.json", "--cache", self.scratch / "cache"]
        if spec.champion:
            options += ["--champion", fetch(spec.champion, inputs / "champion")]
        for sha256 in spec.formerly:
            options += ["--formerly", sha256]
        code = self._run("train", data, self.scratch / "out", *options)
        for number, comparison in enumerate(spec.comparisons):
            if code == 0:
                code = self._compare(comparison, data, inputs / f"rival-{number}")
        return code

    def _compare(self, comparison: Comparison, data: Path, rival: Path) -> int:
        report = self.scratch / "reports" / comparison.report
        report.parent.mkdir(parents=True, exist_ok=True)
        options: list[str | Path] = ["--out", report]
        if comparison.champion:
            options += ["--champion", self.storage.fetch_folder(comparison.champion, rival)]
        return self._run("evaluate", self.scratch / MODEL, data, *options)

    def _run(self, command: str, *arguments: str | Path) -> int:
        """Runs a command of ours to its end, or ends it where we are to stop. A signal's code is negative."""
        words = [sys.executable, "-m", "rewardtrain.core", command, *map(str, arguments)]
        with (self.scratch / LOG).open("ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            code = self._follow(process)
        finally:
            process.kill()
            process.wait()
        return STOPPED if code and self.should_stop() else code  # a signal met it before it could answer

    def _follow(self, process: "subprocess.Popen[bytes]") -> int:
        asked = False
        while True:
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self.taken_over.is_set():
                    return STOPPED
                if self.should_stop() and not asked:
                    asked = True
                    process.terminate()  # it answers with a checkpoint

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
        ours = (self.scratch / MODEL / MANIFEST).read_bytes()
        return self.storage.patiently(lambda: self.storage.read(f"{MODEL}/{MANIFEST}")) == ours


def carry_out(
    root: Path,
    spec: str,
    *,
    name: str,
    sha256: str,
    scratch: Path | None,
    patience: float,
    should_stop: Callable[[], bool],
) -> int:
    """Does the job whose description is this file of the storage. Raises a CoreError.

    name: what the job is called. scratch: where its own folder is made; None is the system's place for such.
    patience: seconds that the storage may be away for.
    """
    run = spec.rpartition("/jobs/")[0]
    storage = SharedFolder(root, run, patience=patience, should_stop=should_stop)
    text = storage.patiently((root / spec).read_bytes)
    with tempfile.TemporaryDirectory(prefix="podium-job-", dir=scratch, ignore_cleanup_errors=True) as folder:
        return Job(name, read_spec(text, sha256), storage, Path(folder), should_stop).carry_out()


def _copy_folder(source: Path, to: Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        copy_here(path, to / path.name)
