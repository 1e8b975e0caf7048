"""Brings a dataset from a hub into a file of ours, which is then looked into as one that was sent.

Nobody is said to ask: the token in the environment is the operator's, and whoever manages a project may not read by it
what the operator may (docs/decisions/0154). What is fetched goes on at its next file where a worker was killed, and
begins anew where the dataset has changed. Nothing is under the import's own name before all of it is there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.utils import timezone

from formats.lines import MAX_FILE
from jobs import lifecycle, notify
from labeling.data.hub import names, pull
from labeling.data.hub.pull import Found, Remote
from labeling.data.hub.talk import address
from labeling.data.importing.background import import_files
from labeling.data.importing.background.import_jobs import IMPORT
from labeling.errors import Conflict, Invalid, PodiumError
from labeling.models import Import

BEAT_SECONDS = 1.0
MOST_SECONDS = 10**9
PIECE = 2**20
_NOT_PUBLIC = ("hub_unauthorized", "hub_forbidden", "hub_missing")


def carry_out(job: Import, halt_if_asked: Callable[[], None]) -> None:
    """Fetches all that is missing, and has the import wait to be started or read. Raises PodiumError.

    `halt_if_asked` is called every second, and raises to stop there.
    """
    folder = import_files.path_of(import_files.name_of_fetched(job))
    aside = folder / job.worker.rpartition(":")[2]  # a worker that lost its claim writes beside, if it lives
    try:
        found = _found(job)
        _clear(folder)
        fetch = _Fetch(job, found, folder / "all", aside, halt_if_asked)
        fetch.go_on()
        _end(job, fetch.finish(), halt_if_asked)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise import_files.no_space() from error
        raise
    except PodiumError as error:
        raise _for_everybody(error, job) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(OSError):  # whole files stay for the next attempt
            folder.rmdir()


def _end(job: Import, sha256: str, halt_if_asked: Callable[[], None]) -> None:
    """Gives the row what it would have if the file had been sent just now. Raises ClaimLost."""
    halt_if_asked()
    ended = lifecycle.held(job).filter(cancel_requested=False, pause_requested=False)
    state = job.state_when_fetched
    changed = ended.update(
        state=state,
        state_when_fetched="",
        upload=import_files.name_of_upload(job.project, job.number),
        sha256=sha256,
        requested_at=timezone.now(),
        **dict.fromkeys(("started_at", "heartbeat_at", "seconds_left")),
        **dict.fromkeys(("attempts", "bytes_read", "done", "total"), 0),
        worker="",
    )
    if not changed:
        halt_if_asked()
        raise lifecycle.ClaimLost(f"{job} ({job.pk}) is no longer held by {job.worker}")
    if state == Import.State.QUEUED:
        notify.notify(IMPORT, job.pk)


def _found(job: Import) -> Found:
    advice = f"whoever runs Podium takes some of its files by {_command(job)} --files 'data/train*'"
    return pull.find(names.read_fetched(job.hub), token=None, most_bytes=MAX_FILE, advice=advice)


def _for_everybody(error: PodiumError, job: Import) -> PodiumError:
    """Says what a manager can do, who has no token here."""
    if error.code not in _NOT_PUBLIC:
        return error
    message = f"On {address()} there is no dataset {names.read_fetched(job.hub).name} that everybody may read"
    advice = f"check the name; a private or gated one is imported by whoever runs Podium, by {_command(job)}"
    return Invalid("hub_not_public", f"{message}: {advice}.")


def _command(job: Import) -> str:
    return f"manage.py import_prompts {job.project.slug} {names.PREFIX}{job.hub}"


def _clear(folder: Path) -> None:
    """Deletes what killed workers had not finished, all but the whole files."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


class _Fetch:
    """A dataset's files on their way into one, in their order."""

    def __init__(self, job: Import, found: Found, into: Path, aside: Path, halt_if_asked: Callable[[], None]) -> None:
        self.job, self.found, self.into, self.aside = job, found, into, aside
        self._halt_if_asked = halt_if_asked
        self._began, self._beaten = time.monotonic(), 0.0
        self._bytes = self._bytes_before = 0  # of files that are here; before this attempt

    def go_on(self) -> None:
        done = self._whole_files()
        self._bytes = self._bytes_before = sum(file.size for file in self.found.files[:done])
        parts = [{"name": file.name, "size": file.size} for file in self.found.files]
        total = {"size": self.found.size, "total": len(parts)}
        self._note(commit=self.found.commit, parts=parts, done=done, bytes_read=self._bytes, **total)
        for file in self.found.files[done:]:
            path = pull.fetch(self.found, file, self.aside, token=None, told=self._told)
            self._append(path, file)
            self._bytes += file.size
            done += 1
            self._note(done=done, bytes_read=self._bytes, attempts=1)  # an attempt that got on is a first one again

    def _whole_files(self) -> int:
        """Counts the files that an earlier attempt has brought, of the same commit."""
        size = self.into.stat().st_size if self.into.exists() else 0
        if self.job.commit != self.found.commit or self.job.parts != [
            {"name": file.name, "size": file.size} for file in self.found.files
        ]:
            return 0
        done = 0
        for file in self.found.files[: self.job.done]:
            size -= file.size
            if size < 0:
                break
            done += 1
        return done

    def _append(self, path: Path, file: Remote) -> None:
        if not self._bytes:
            os.replace(path, self.into)
            with self.into.open("rb") as whole:
                os.fsync(whole.fileno())
            return
        with path.open("rb") as source, self.into.open("r+b") as whole:
            whole.truncate(self._bytes)
            whole.seek(self._bytes)
            while piece := source.read(PIECE):
                whole.write(piece)
                self._told(file.size)
            whole.flush()
            os.fsync(whole.fileno())
        path.unlink()

    def finish(self) -> str:
        """Gives the file the import's own name, and returns its checksum."""
        digest, size = hashlib.sha256(), 0
        with self.into.open("rb") as whole:
            while piece := whole.read(PIECE):
                digest.update(piece)
                size += len(piece)
                self._told(0)
        if size != self.found.size:
            message = f"Of {self.job.hub} {size} bytes lie here and {self.found.size} should: try again."
            raise Conflict("hub_strange", message)
        os.replace(self.into, import_files.path_of(import_files.name_of_upload(self.job.project, self.job.number)))
        return digest.hexdigest()

    def _told(self, n: int) -> None:
        """Beats every second, with how far the file is that is coming."""
        now = time.monotonic()
        if now - self._beaten < BEAT_SECONDS:
            return
        self._beaten = now
        here = self._bytes + n
        came = here - self._bytes_before
        left = (self.found.size - here) * (now - self._began) / came if came > 0 else None
        seconds = None if left is None else min(round(left), MOST_SECONDS)
        self._note(bytes_read=min(here, self.found.size), seconds_left=seconds)
        self._halt_if_asked()

    def _note(self, **changes: Any) -> None:
        lifecycle.heartbeat(self.job, **changes)
        for name, value in changes.items():
            setattr(self.job, name, value)
