"""Brings a backup into an empty site. All of it is checked before anything is written.

Killed half-way, the site is as empty as before for whoever asks the tables, and the same command begins anew: the rows
come in one transaction, and a folder beside the models says that what lies there is not of a site yet.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import psycopg
from django.apps import apps
from django.db import Error, connection, transaction

from artifacts import store
from artifacts.errors import Changed, StorageAway
from jobs import lifecycle
from jobs.locks import one_at_a_time
from jobs.models import Job
from operations.backup import files, schema, tables
from operations.backup.archive import Opened, Reader
from operations.backup.backup import file_key, key_file
from operations.backup.errors import BackupError, BrokenBackup
from operations.backup.manifest import (
    ABOUT,
    MANIFEST,
    MOST_BYTES,
    PROJECTS,
    SECRET_KEY,
    About,
    Manifest,
    Table,
    identity,
    piece_name,
    read_about,
    read_manifest,
)
from operations.backup.progress import Progress

DRAFT = ".restore"  # in the folder of models, while a restore is at work
NOUNS = {
    "labeling_user": "accounts",
    "labeling_project": "projects",
    "labeling_prompt": "prompts",
    "labeling_ranking": "rankings",
    "rewardtrain_rewardmodel": "models",
}
MOST_PIECE = 64 * 2**20


@dataclass(frozen=True)
class Checked:
    about: About
    manifest: Manifest
    identity: str


def restore(path: Path, progress: Progress) -> Checked:
    """Raises BackupError, whose subclass BrokenBackup says that the file can't be used, and OSError."""
    with open(path, "rb") as file, one_at_a_time("operations.restore") as alone:
        if not alone:
            raise BackupError("Another restore is at work on this database: wait for its end.")
        root = store.root()
        checked = check(file, path, root, progress)
        schema.check_known(checked.about)
        if not _is_finished(checked, root):
            _refuse_filled(root)
            file.seek(0)
            _fill(file, path, checked, root, progress)
        schema.migrate()
        _put_back_jobs(checked.about)
        shutil.rmtree(root / DRAFT, ignore_errors=True)
        return checked


# --- Before anything is written ---------------------------------------------------------------------------------------


def check(file: IO[bytes], path: Path, root: Path, progress: Progress) -> Checked:
    """Reads all of it, and compares it with what it says of itself."""
    progress.begin("Check", path.stat().st_size)
    archive = Reader(file, progress.advance)
    about: About | None = None
    held: dict[str, bytes] = {}
    needed = 0
    try:
        for name, size, pieces in archive:
            if MANIFEST in held:
                raise BrokenBackup(f"{name!r} comes after its end.")
            if about is None and name != ABOUT:
                raise BrokenBackup("It is no backup of Podium's.")
            if size > MOST_BYTES.get(name, size) or (name.startswith("tables/") and size > MOST_PIECE):
                raise BrokenBackup(f"{name!r} in it has {size:,} bytes, more than there can be.")
            needed += size
            _check_space(root, needed)
            if name in MOST_BYTES:
                held[name] = b"".join(pieces)
                about = about or read_about(held[name])
    except BrokenBackup as error:
        raise BrokenBackup(f"{path} can't be restored, nothing was changed. {error}") from None
    if about is None or MANIFEST not in held:
        raise BrokenBackup(f"{path} can't be restored, nothing was changed. It ends too early: it is only a part.")
    seen = {name: member for name, member in archive.members.items() if name != MANIFEST}
    try:
        return Checked(about, read_manifest(held[MANIFEST], seen), identity(held[MANIFEST]))
    except BrokenBackup as error:
        raise BrokenBackup(f"{path} can't be restored, nothing was changed. {error}") from None


def _check_space(root: Path, needed: int) -> None:
    place = next(folder for folder in (root, *root.parents) if folder.exists())
    if needed > (free := shutil.disk_usage(place).free):
        raise BackupError(
            f"The backup holds more than {needed / 1e9:.1f} GB, and on the disk of {root} {free / 1e9:.1f} GB are "
            "free: free some space, or set PODIUM_MODEL_DIR to another disk. Nothing was changed."
        )


def _is_finished(checked: Checked, root: Path) -> bool:
    """Tells whether an earlier call brought all rows and files of this backup and was killed after that."""
    with connection.cursor() as cursor:
        return (root / DRAFT).is_dir() and schema.is_marked(cursor, checked.identity)


def _refuse_filled(root: Path) -> None:
    with connection.cursor() as cursor:
        rows = schema.filled(cursor)
    if rows:
        first = {name: f"{n:,} {NOUNS[name]}" for name, n in rows.items() if name in NOUNS}
        others = [f"{n:,} rows of {name}" for name, n in rows.items() if name not in NOUNS]
        raise BackupError(
            f"This site is not empty: it has {', '.join([*first.values(), *others][:5])}. Restore into an empty "
            "one: another PODIUM_DATA_DIR, or with DATABASE_URL another database. Nothing was changed."
        )
    if (root / DRAFT).is_dir():
        return  # what lies there is an earlier call's
    projects = root / "projects"
    if any(path.is_file() for path in projects.rglob("*")):
        raise BackupError(
            f"This site is not empty: there are files in {projects}. Restore into an empty folder: another "
            "PODIUM_DATA_DIR or PODIUM_MODEL_DIR. Nothing was changed."
        )
    keeper = store.bucket()
    if keeper and (key := keeper.first_below("projects")):
        raise BackupError(
            f"This site is not empty: there is {key} in the bucket {keeper.bucket_name}. Restore into an empty one, "
            "or name an empty folder of it in PODIUM_STORAGE. Nothing was changed."
        )


# --- Filling the site -------------------------------------------------------------------------------------------------


def _fill(file: IO[bytes], path: Path, checked: Checked, root: Path, progress: Progress) -> None:
    draft = root / DRAFT
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700, parents=True)
    schema.make(checked.about)
    progress.begin("Restore", path.stat().st_size)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            names = [table.name for table in checked.manifest.tables]
            schema.check_tables(cursor, names)
            tables.begin_filling(cursor, names)
            _read_in(cursor, Reader(file, progress.advance), checked.manifest, draft, progress)
            tables.end_filling(cursor, names, checked.manifest.sequences)
            schema.mark(cursor, checked.identity)
            _publish(draft / "models", files.named_by_rows(cursor))
            _move(draft, root)
    except BaseException as error:
        shutil.rmtree(draft / "models", ignore_errors=True)  # the folder itself stays for the next call to know
        if not isinstance(error, Error | psycopg.Error):  # COPY raises the driver's own
            raise
        words = str(error).strip().splitlines()[0]
        raise BackupError(f"The rows of {path} don't fit its tables ({words}): nothing was restored.") from error


def _read_in(cursor: Any, archive: Reader, manifest: Manifest, draft: Path, progress: Progress) -> None:
    """Reads once more what was checked, and looks at each checksum again: the file may have changed since."""
    by_name = {table.name: table for table in manifest.tables}
    members = iter(archive)
    for name, _, pieces in members:
        if name.startswith("tables/"):
            table = by_name[name.split("/")[1]]
            if tables.copy_in(cursor, table, _rows_of(table, pieces, members), progress) != table.rows:
                raise BrokenBackup(f"The table {table.name} has another number of rows than its manifest says.")
        elif name.startswith(PROJECTS) or name == SECRET_KEY:
            _write(draft / name, pieces)
    for name, target in manifest.links.items():
        _link(draft / target, draft / name)
    if {name: each for name, each in archive.members.items() if name != MANIFEST} != manifest.files:
        raise BrokenBackup("The file was changed while it was read.")


def _rows_of(table: Table, pieces: Iterator[bytes], members: Iterator[Opened]) -> Iterator[bytes]:
    """Gives the pieces of all files of a table, which follow each other."""
    yield from pieces
    for number in range(2, table.pieces + 1):
        name, _, more = next(members, ("", 0, iter(())))
        if name != piece_name(table.name, number):
            raise BrokenBackup(f"The pieces of the table {table.name} are not in their order.")
        yield from more


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _link(target: Path, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(target, path)
    except FileExistsError:
        raise BrokenBackup(f"{path.name} is in it twice.") from None
    except OSError:  # a file system without links
        shutil.copyfile(target, path)


def _publish(made: Path, named: files.Named) -> None:
    """Puts versions and models into the bucket, where there is one, before their rows are there for all. The names are
    those of the rows: an earlier call that was killed had put the same there."""
    keeper = store.bucket()
    if keeper is None:
        return
    try:
        for name in named.versions:
            if (made / name).is_file():
                store.put(keeper, made / name, name)
        for folder in named.models:
            with suppress(FileNotFoundError, Changed):  # the backup lacked files of it, and names them
                store.put_folder(keeper, made / folder, folder)
                shutil.rmtree(made / folder)
    except StorageAway as error:
        raise BackupError(f"{error} Nothing was restored; the same command begins anew.") from error


def _move(draft: Path, root: Path) -> None:
    """Puts the files where they belong, just before the rows are there for all: then nothing is left to fail."""
    for made in sorted((draft / "models").glob("*")):
        target = root / made.name
        if target.is_dir():
            shutil.rmtree(target)  # empty, or an earlier call's
        os.rename(made, target)
    if (draft / SECRET_KEY).exists() and file_key() is not None:
        os.replace(draft / SECRET_KEY, key_file())


def _put_back_jobs(about: About) -> None:
    """Lets what was at work go on: its worker is not of this site. One that has begun here since stays."""
    before = datetime.fromisoformat(about.made_at) + timedelta(minutes=1)
    for kind in apps.get_models():
        if issubclass(kind, Job):
            lifecycle.put_back_all(kind, silent_since=before)
