"""What was found out about frozen versions by reading them whole, kept in files: of one file it can never be another.

Named by checksums, so that a result is of those bytes and no others. Only the newest are kept, for all can be made
again; a backup leaves them out.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from artifacts import store
from jobs.locks import one_at_a_time
from labeling.data.versions.datasets import UNREADABLE
from labeling.errors import Conflict, PodiumError

MOST = 60  # results of a project

Summary = dict[str, Any]


@dataclass(frozen=True)
class Result:
    summary: Summary  # small enough for a page
    lines: Path  # the whole, as JSON Lines; empty where there is no more than the summary


def find(project_id: int, name: str) -> Result | None:
    folder = _folder(project_id)
    try:
        return Result(json.loads((folder / f"{name}.json").read_text("utf-8")), folder / f"{name}.jsonl")
    except FileNotFoundError:
        return None


def find_or_make(
    project_id: int, name: str, make: Callable[[Path], Summary], *, stands: Callable[[], bool] = lambda: True
) -> Result:
    """Gives what is kept, or makes it. `make` fills the file whose path it is given, and gives the summary.

    Raises Conflict('being_made') while one of its kind is being made already, the first word of its name: each reads
    whole files, so it is one at a time on the whole site. Raises PodiumError('file_missing') where a version's file
    can't be read. It is not kept where it doesn't stand when it is made: a version's file may be replaced meanwhile.
    """
    if result := find(project_id, name):
        return result
    with one_at_a_time(f"{__name__} {name.partition('-')[0]}") as is_ours:
        if not is_ours:
            raise Conflict("being_made", _("Frozen versions are being read already. Try again in some seconds."))
        try:
            if result := find(project_id, name):
                return result
            result = _make(_folder(project_id), name, make)
        except UNREADABLE as error:
            raise file_missing(error) from error
    if not stands():
        (_folder(project_id) / f"{name}.json").unlink(missing_ok=True)
        result.lines.unlink(missing_ok=True)
    return result


def file_missing(error: Exception) -> PodiumError:
    """Says so without the server's paths."""
    number = getattr(error, "errno", None)  # its words may hold a path
    reason = os.strerror(number) if number else type(error).__name__
    message = _("The file of a frozen version can't be read (%(reason)s). Restore it from a backup.")
    return PodiumError("file_missing", message % {"reason": reason})


def forget(project_id: int) -> None:
    """Deletes all of a project's, which may name people; each is made again where somebody asks for it."""
    folder = _folder(project_id)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir():  # of a comparison, perhaps a killed one
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _make(folder: Path, name: str, make: Callable[[Path], Summary]) -> Result:
    """The summary is written last: what has none is no result."""
    folder.mkdir(parents=True, exist_ok=True)
    result = Result({}, folder / f"{name}.jsonl")
    draft = folder / f"{name}.{os.getpid()}-{threading.get_ident()}.tmp"
    try:
        draft.touch()
        summary = make(draft)
        os.replace(draft, result.lines)
        draft.write_text(json.dumps(summary, ensure_ascii=False), "utf-8")
        os.replace(draft, folder / f"{name}.json")
    finally:
        draft.unlink(missing_ok=True)
    _forget_oldest(folder)
    return Result(summary, result.lines)


def _forget_oldest(folder: Path) -> None:
    """Also what a process left that was killed: whatever is beyond the newest."""
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files[2 * MOST :]:
        with suppress(FileNotFoundError):
            path.unlink()


def _folder(project_id: int) -> Path:
    return store.work_path(f"projects/{project_id}/datasets/results")
