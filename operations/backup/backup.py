"""Writes a backup while people label and models are trained."""

from __future__ import annotations

import fcntl
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from artifacts import store
from artifacts.errors import StorageAway
from labeling.errors import Conflict
from labeling.models.project_lock import files_stay
from operations.backup import files, tables
from operations.backup.archive import Writer
from operations.backup.errors import BackupError
from operations.backup.manifest import ABOUT, FORMAT, MANIFEST, SECRET_KEY, About, Manifest, Sequence, Table, written
from operations.backup.progress import Progress


@dataclass(frozen=True)
class Snapshot:
    tables: list[Table]
    sequences: list[Sequence]
    named: files.Named


def back_up(path: Path, progress: Progress) -> Manifest:
    """Writes the file, which only its owner can read. It is there when it is whole. Raises BackupError, OSError."""
    if path.exists():
        raise BackupError(f"{path} is there already: give another name, or move it away.")
    draft = path.with_name(path.name + ".part")
    with _alone(draft) as file:
        manifest = write(file, progress)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(draft, path)  # where a rename would overwrite
        except FileExistsError:
            raise BackupError(f"{path} is there already: give another name, or move it away.") from None
        except OSError:  # a file system without links
            os.rename(draft, path)
    return manifest


@contextmanager
def _alone(draft: Path) -> Iterator[IO[bytes]]:
    """Opens it, or what a killed backup left of it, empty. Raises BackupError while another backup writes it."""
    with open(os.open(draft, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(
                f"Another backup is being written to {draft}: wait for it, or give another name."
            ) from None
        os.fchmod(file.fileno(), 0o600)
        file.truncate(0)
        try:
            yield file
        finally:
            draft.unlink(missing_ok=True)


def write(file: IO[bytes], progress: Progress) -> Manifest:
    """Writes a backup to anything that takes bytes. Raises BackupError, OSError."""
    try:
        with files_stay():
            return _write(file, progress)
    except Conflict as error:
        raise BackupError(f"{error.detail} What was written is no backup.") from error


def _write(file: IO[bytes], progress: Progress) -> Manifest:
    archive = Writer(file)
    snapshot = _copy_rows(archive, progress)
    root = store.root()
    progress.begin("Files", 0)
    try:
        copied = files.copy_out(root, snapshot.named, archive, progress)
    except StorageAway as error:
        raise BackupError(f"{error} No backup was written.") from error
    if key := file_key():
        archive.add(SECRET_KEY, key)
    manifest = Manifest(snapshot.tables, snapshot.sequences, dict(archive.members), copied.links, copied.lacking)
    archive.add(MANIFEST, written(manifest))
    archive.close()
    return manifest


def _copy_rows(archive: Writer, progress: Progress) -> Snapshot:
    with transaction.atomic(), connection.cursor() as cursor:
        tables.begin_snapshot(cursor)
        names = tables.ours(cursor)
        archive.add(ABOUT, written(_about(cursor)))
        progress.begin("Tables", tables.sizes(cursor, names))
        copied = [tables.copy_out(cursor, name, archive, progress) for name in names]
        return Snapshot(copied, tables.sequences_of(cursor, names), files.named_by_rows(cursor))


def _about(cursor: Any) -> About:
    cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY id")
    migrations = [name for (name,) in cursor.fetchall()]
    cursor.execute("SHOW server_version")
    [postgres] = cursor.fetchone()
    return About(FORMAT, podium_version(), timezone.now().isoformat(timespec="seconds"), postgres, migrations)


def podium_version() -> str:
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text(encoding="utf-8"))
    return str(project["project"]["version"])


def key_file() -> Path:
    return Path(settings.DATA_DIR) / "secret_key"


def file_key() -> bytes | None:
    """Reads the key of the data directory, where it is the one in use: SECRET_KEY is kept where it was set."""
    try:
        key = key_file().read_bytes()
    except FileNotFoundError:
        return None
    return key if key.strip() == settings.SECRET_KEY.encode() else None
