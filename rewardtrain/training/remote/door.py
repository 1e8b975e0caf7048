"""What a job asks the web for where a bucket keeps the files: an address for each, and to know what it has sent.

The row says whose the run is, so a start that another one followed, or whose run is over, is refused by one statement.
An address is good for minutes and for one object of the run. Names change all at once, in the row.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction

from artifacts import store
from labeling.errors import Conflict, Invalid, Missing
from rewardtrain.core_command import STOPPED
from rewardtrain.models import TrainingRun
from rewardtrain.training.remote import door_values as values
from rewardtrain.training.remote.in_bucket import lines, object_of, sent

if TYPE_CHECKING:
    from artifacts.bucket import Bucket

ADDRESS_SECONDS = 15 * 60  # to begin a transfer; what has begun goes on
PART_BYTES = 512 * 2**20  # larger files come in parts of so many bytes; S3 takes 5 GB at once
MOST_NAMES = 20_000  # of a run

Values = Mapping[str, Any]
Act = Callable[["Bucket", TrainingRun, Values], dict[str, Any]]


def answer(name: str, act: str, body: object) -> dict[str, Any]:
    """Does what the job of this name asks for. Raises Conflict where it doesn't have its run, Invalid, StorageAway."""
    if act not in ACTS:
        raise Missing("not_found", f"A job asks for one of {', '.join(ACTS)}; got {act[:80]!r}.")
    do, fields = ACTS[act]
    said = values.read(body, {"start": values.any_name if act in OF_ANY_START else values.start, **fields})
    run, keeper = _run(name), store.bucket()
    if run is None or keeper is None:
        raise _over()
    if act not in OF_ANY_START and run.job_said.get("start") != said["start"]:
        raise Conflict("job_over", "another start of this job has the run")
    return do(keeper, run, said)


def _run(name: str) -> TrainingRun | None:
    """Finds it by what the name says, for which there is an index."""
    _, project, number, *_ = f"{name}---".split("-")
    if not (project.isdecimal() and number.isdecimal() and len(project + number) < 18):
        return None
    runs = TrainingRun.objects.filter(project_id=int(project), number=int(number), job_name=name)
    return runs.filter(state=TrainingRun.State.RUNNING).first()


def _over() -> Conflict:
    return Conflict("job_over", "the run is over, or another job has it")


@contextmanager
def _changing(run: TrainingRun, start: str) -> Iterator[TrainingRun]:
    """Gives the row to change what the job has said in. Raises Conflict where it isn't this start's any more."""
    with transaction.atomic():
        held = TrainingRun.objects.filter(pk=run.pk, job_name=run.job_name, state=TrainingRun.State.RUNNING)
        row = held.select_for_update(of=("self",)).only("job_said", "job_files", "folder").first()
        if row is None or (start and row.job_said.get("start") != start):
            raise _over()
        yield row
        row.save(update_fields=["job_said", "job_files"])


# --- Whose the run is -------------------------------------------------------------------------------------------------


def _description(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    return {"text": run.job_said["spec"]}


def _begin(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    """Has another start of the job own the run. What has ended is begun again only where it was stopped."""
    with _changing(run, "") as row:
        if row.job_said.get("ended", {}).get("code", STOPPED) != STOPPED:
            raise _over()
        row.job_said = {**row.job_said, "start": secrets.token_hex(16), "ended": {}}
        known = {name: {"sha256": about.get("sha256", "")} for name, about in row.job_files.items()}
    return {"start": row.job_said["start"], "files": known}


def _still(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    return {}


def _end(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    with _changing(run, said["start"]) as row:
        row.job_said["ended"] = {"code": said["code"], "manifest_sha256": said["manifest_sha256"]}
    return {}


def _ended(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    return {"code": run.job_said.get("ended", {}).get("code")}


# --- What is read -----------------------------------------------------------------------------------------------------


def _input(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    name = run.job_said["inputs"].get(said["name"])
    if name is None:
        raise Invalid(
            "invalid", f"name is {said['name'][:100]!r}; it must be one that the description has", attr="name"
        )
    return {"address": keeper.address(name, ADDRESS_SECONDS)}


def _read(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    if said["name"] not in run.job_files:
        raise Invalid("invalid", f"name is {said['name'][:100]!r}; it must be one that `begin` has listed", attr="name")
    return {"address": keeper.address(object_of(run, said["name"]), ADDRESS_SECONDS)}


# --- What is written --------------------------------------------------------------------------------------------------


def _write(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    name, size = sent(run, said["sha256"]), said["bytes"]
    if keeper.bytes_of(name) == size:
        return {}
    if size > PART_BYTES:
        return {"part_bytes": PART_BYTES}
    return {"address": keeper.upload_address(name, size, ADDRESS_SECONDS)}


def _parts(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    return {"upload": keeper.begin_parts(sent(run, said["sha256"]))}


def _part(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    name = sent(run, said["sha256"])
    return {"address": keeper.part_address(name, said["upload"], said["part"], ADDRESS_SECONDS)}


def _whole(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    return {"whole": keeper.end_parts(sent(run, said["sha256"]), said["upload"], said["parts"])}


def _lines(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    name = lines(run, said["start"], said["name"])
    return {"address": keeper.upload_address(name, said["bytes"], ADDRESS_SECONDS)}


def _sent(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    with _changing(run, said["start"]) as row:
        row.job_files[said["name"]] = {"start": said["start"]}
    return {}


def _publish(keeper: Bucket, run: TrainingRun, said: Values) -> dict[str, Any]:
    """Puts these files in the place of what there was of this name, or below it, and deletes what no name has now."""
    name, files = said["name"], said["files"]
    if odd := next((each for each in files if not _is_of(each, name)), ""):
        raise Invalid("invalid", f"files has {odd!r}; it must be {name!r}, or below it", attr="files")
    with _changing(run, said["start"]) as row:
        gone = {each: about for each, about in row.job_files.items() if _is_of(each, name)}
        row.job_files = {each: about for each, about in row.job_files.items() if each not in gone} | files
        if len(row.job_files) > MOST_NAMES:
            raise Invalid("invalid", f"files are too many: a run has at most {MOST_NAMES}", attr="files")
    kept = {about.get("sha256") for about in row.job_files.values()}
    for sha256 in {about["sha256"] for about in gone.values()} - kept:
        keeper.remove(sent(run, sha256))
    return {}


def _is_of(name: str, folder: str) -> bool:
    return name == folder or name.startswith(f"{folder}/")


# Machines of a job beside its first write nothing, so they need not have begun: the token says whose they are.
OF_ANY_START = ("description", "begin", "input", "ended")
_FILE = {"sha256": values.sha256, "bytes": values.size}
ACTS: Mapping[str, tuple[Act, Mapping[str, Callable[[str, object], Any]]]] = {
    "description": (_description, {}),
    "begin": (_begin, {}),
    "still": (_still, {}),
    "ended": (_ended, {}),
    "end": (_end, {"code": values.code, "manifest_sha256": values.manifest}),
    "input": (_input, {"name": values.any_name}),
    "read": (_read, {"name": values.any_name}),
    "write": (_write, _FILE),
    "parts": (_parts, _FILE),
    "part": (_part, {**_FILE, "upload": values.upload, "part": values.part}),
    "whole": (_whole, {"sha256": values.sha256, "upload": values.upload, "parts": values.tags}),
    "lines": (_lines, {"name": values.growing, "bytes": values.size}),
    "sent": (_sent, {"name": values.growing}),
    "publish": (_publish, {"name": values.published, "files": values.files}),
}
