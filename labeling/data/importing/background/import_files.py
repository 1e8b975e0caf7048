"""The files of imports: what was sent, kept until it is in, and the bad lines of it. Below the folder of models."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from artifacts import store
from formats.files.parts import Part
from formats.files.records import Records, Seekable
from formats.lines import MAX_FILE, Readable
from labeling.data.importing.upload_lines import records_of, records_of_parts
from labeling.errors import Conflict, Invalid
from labeling.models import Import, Project

PIECE = 2**20
ABANDONED_SECONDS = 24 * 60 * 60.0  # after which what breaks off while it is sent is deleted


@dataclass(frozen=True)
class Received:
    """A file that was sent whole, under a name of its own until its import has a number."""

    draft: Path
    size: int
    sha256: str


def receive(project: Project, stream: Readable) -> Received:
    """Writes what is sent to the disk, a piece at a time. Raises Invalid and Conflict; nothing of it is left then."""
    folder = path_of(folder_of(project))
    folder.mkdir(parents=True, exist_ok=True)
    _delete_abandoned(folder)
    draft = folder / f"{secrets.token_hex(8)}.tmp"
    try:
        return _written(draft, stream)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_space() from error
        raise


def no_space() -> Conflict:
    return Conflict("no_space", _("The disk of the server is full: the file was not kept."))


def _written(draft: Path, stream: Readable) -> Received:
    size, digest = 0, hashlib.sha256()
    with draft.open("xb") as file:
        while piece := stream.read(PIECE):
            size += len(piece)
            if size > MAX_FILE:
                message = _("The file is larger than %(limit)d GiB: send it in several files.")
                raise Invalid("file_too_large", message % {"limit": MAX_FILE // 2**30}, attr="file")
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return Received(draft, size, digest.hexdigest())


def _delete_abandoned(folder: Path) -> None:
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def keep(received: Received, project: Project, number: int) -> str:
    """Gives the file the name of its import, and returns it."""
    name = name_of_upload(project, number)
    os.replace(received.draft, path_of(name))
    return name


def records_in(file: Seekable, job: Import) -> Records:
    """Opens the import's upload, which is one file or several of a dataset."""
    parts = [Part(**part) for part in job.parts]
    if len(parts) > 1:
        return records_of_parts(file, parts)
    return records_of(file, parts[0].name if parts else job.file_name)


def name_of_upload(project: Project, number: int) -> str:
    return f"{folder_of(project)}/{number:05}.upload"


def name_of_fetched(job: Import) -> str:
    """Names the folder of what is not all here yet."""
    return f"{folder_of(job.project)}/{job.number:05}.fetch"


def name_of_bad_lines(job: Import) -> str:
    return f"{folder_of(job.project)}/{job.number:05}.bad"


def delete_upload(job: Import) -> None:
    """Deletes the file of an import that needs it no more. The row says so first, for it may be asked meanwhile."""
    if job.upload:
        path = path_of(job.upload)
        Import.objects.filter(pk=job.pk).update(upload="")
        job.upload = ""
        path.unlink(missing_ok=True)


def delete_fetched(job: Import) -> None:
    """Deletes what was fetched of a dataset that has never been all here."""
    shutil.rmtree(path_of(name_of_fetched(job)), ignore_errors=True)
    path_of(name_of_upload(job.project, job.number)).unlink(missing_ok=True)


def folder_of(project: Project) -> str:
    return f"projects/{project.pk}/imports"


def path_of(name: str) -> Path:
    return store.work_path(name)
