"""Runs of a cluster whose files are in a bucket: where they lie there, and what is brought here of them.

    RUN/job/files/SHA256     what a job has sent; the row's job_files says of which names it is
    RUN/job/START/NAME       lines of one start of a job: its metrics, its log

What a job has said itself (which start works, how it ended) is in the row's job_said, by way of the door.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from artifacts import folder_manifest, store
from artifacts.errors import StorageAway
from rewardtrain.core_command import LOG, METRICS
from rewardtrain.models import TrainingRun
from rewardtrain.training.run_files import Files

if TYPE_CHECKING:
    from artifacts.bucket import Bucket

MOST_AT_ONCE = 4 * 2**20  # bytes of metrics, of one look
LAST_OF_LOG = 64 * 2**10  # bytes
MODEL = "out/model/"
REPORTS = ("out/report.json", "beside_the_head.json")


def sent(run: TrainingRun, sha256: str) -> str:
    """Names the object of what a job has sent."""
    return f"{run.folder}/job/files/{sha256}"


def lines(run: TrainingRun, start: str, name: str) -> str:
    """Names the object of a file of lines of one start."""
    return f"{run.folder}/job/{start}/{Path(name).name}"


def object_of(run: TrainingRun, name: str) -> str:
    """Names the object of a published file. Raises KeyError."""
    about = run.job_files[name]
    return lines(run, about["start"], name) if "start" in about else sent(run, about["sha256"])


def inputs(keeper: Bucket, spec: Mapping[str, Any]) -> dict[str, str]:
    """Lists what the job of this description reads, by name, and the object of each. Raises StorageAway, Lost."""
    found = {spec["data"]["name"]: spec["data"]["name"]}
    for model in (spec["backbone"], spec["champion"], *(each["champion"] for each in spec["comparisons"])):
        if model:
            found |= store.objects_of(keeper, model["name"], model["sha256"])
    return found


class MetricsTail:
    """The lines that the newest start has added to its metrics since it was last asked."""

    def __init__(self, keeper: Bucket, run: TrainingRun, position: int) -> None:
        self._keeper, self._run, self.position = keeper, run, position

    def lines(self) -> Iterator[bytes]:
        """Raises StorageAway."""
        about = self._run.job_files.get(METRICS, {})
        if about.get("start") != self._run.job_said.get("start"):
            return  # it has sent none yet
        name = object_of(self._run, METRICS)
        size = self._keeper.bytes_of(name) or 0
        if size < self.position:
            self.position = 0  # it went on from an earlier checkpoint
        text = self._keeper.read_from(name, self.position, MOST_AT_ONCE) if size > self.position else b""
        for line in text.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            self.position += len(line)
            yield line


# --- Brought here -----------------------------------------------------------------------------------------------------


def bring_log(keeper: Bucket, run: TrainingRun, files: Files) -> None:
    """Brings the end of the log here, where there is one. Raises StorageAway."""
    if LOG in run.job_files:
        name = object_of(run, LOG)
        if size := keeper.bytes_of(name):
            files.folder.mkdir(parents=True, exist_ok=True)
            files.log.write_bytes(keeper.read_from(name, max(0, size - LAST_OF_LOG), LAST_OF_LOG))


def bring_made(keeper: Bucket, run: TrainingRun, files: Files) -> None:
    """Brings model and reports here. Raises StorageAway, Lost, Changed."""
    for name in REPORTS:
        if name in run.job_files:
            _download(keeper, run, name, files.folder / name)
    names = [name for name in run.job_files if name.startswith(MODEL)]
    manifest = run.job_files.get(MODEL + folder_manifest.MANIFEST, {"sha256": "-"})
    here = files.model / folder_manifest.MANIFEST
    if here.is_file() and folder_manifest.sha256_of(here) == manifest["sha256"]:
        return  # from a look that came no further
    part = files.out / f".part-{uuid4().hex}"
    try:
        for name in names:
            _download(keeper, run, name, part / name.removeprefix(MODEL))
        shutil.rmtree(files.model, ignore_errors=True)
        if names:
            os.replace(part, files.model)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _download(keeper: Bucket, run: TrainingRun, name: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with to.open("wb") as file:
        keeper.download(object_of(run, name), file)
    folder_manifest.check(to, run.job_files[name]["sha256"], name)


# --- Dropped ----------------------------------------------------------------------------------------------------------


def drop_made(keeper: Bucket, run: TrainingRun) -> None:
    """Drops model and reports, for a job to make them anew. Raises StorageAway."""
    for name in [name for name in run.job_files if name.startswith(MODEL) or name in REPORTS]:
        keeper.remove(object_of(run, name))
        del run.job_files[name]
    TrainingRun.objects.filter(pk=run.pk).update(job_files=run.job_files)


def without_reports(run: TrainingRun, files: Files) -> dict[str, Any]:
    """Gives what a new attempt begins with: a report there may be of a champion that only another machine has noted."""
    for path in (files.report, files.head_report):
        path.unlink(missing_ok=True)
    return {name: about for name, about in run.job_files.items() if name not in REPORTS}


def forget(keeper: Bucket, run: TrainingRun, files: Files) -> None:
    """Drops what a run that is over needs no more. The lines of its jobs stay. Raises StorageAway."""
    keeper.remove_below(f"{run.folder}/job/files")
    with suppress(StorageAway):  # not every server lists them, nor every key may: a rule of the bucket ends them too
        keeper.drop_parts_below(f"{run.folder}/job/files")
    TrainingRun.objects.filter(pk=run.pk).update(job_files={}, job_said={})
    for path in (files.report, files.head_report):  # they name labelers, whom no erasure would find there
        path.unlink(missing_ok=True)
