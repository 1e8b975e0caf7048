"""The files that a snapshot's rows name: dataset versions, models, of each run what it said and where it goes on, and
what imports that aren't over still read.

Versions, models and uploads never change once a row names them, so they may be copied after the snapshot. What is left
out: caches, which are made anew; models of runs that weren't finished; checkpoints of runs that are over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from django.core.exceptions import SuspiciousFileOperation

from artifacts import store
from artifacts.errors import Changed, Lost, StorageAway
from operations.backup.archive import PIECE, Member, Writer
from operations.backup.manifest import MODELS
from operations.backup.progress import Progress

MODEL_MANIFEST = "manifest.json"
CHECKPOINT_INFO = "info.json"  # written last
LOOKS = 3  # for checkpoints, which a training that goes on deletes meanwhile
ACTIVE = ("queued", "running")


@dataclass(frozen=True)
class Named:
    """What the rows of a snapshot name, below the folder of models."""

    versions: dict[str, str]  # file -> sha256
    models: list[str]  # folders
    runs: dict[str, bool]  # folder -> whether it goes on
    uploads: dict[str, str] = field(default_factory=dict)  # of imports that aren't over: file -> sha256
    bad_lines: list[str] = field(default_factory=list)  # files, which may grow


@dataclass
class Copied:
    """What became of them."""

    links: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)


def named_by_rows(cursor: Any) -> Named:
    """Asks in SQL, for a database may be of an earlier version than the models of today."""
    cursor.execute("SELECT file, sha256 FROM labeling_datasetversion ORDER BY id")
    versions = dict(cursor.fetchall())
    cursor.execute("SELECT folder FROM rewardtrain_rewardmodel ORDER BY id")
    models = [folder for (folder,) in cursor.fetchall()]
    cursor.execute("SELECT folder, state FROM rewardtrain_trainingrun ORDER BY id")
    runs = {folder: state in ACTIVE for folder, state in cursor.fetchall()}
    cursor.execute("SELECT to_regclass('labeling_import')")
    if cursor.fetchone() == (None,):
        return Named(versions, models, runs)
    cursor.execute("SELECT upload, sha256 FROM labeling_import WHERE upload <> '' ORDER BY id")
    uploads = dict(cursor.fetchall())
    cursor.execute("SELECT bad_lines FROM labeling_import WHERE bad_lines <> '' ORDER BY id")
    return Named(versions, models, runs, uploads, [name for (name,) in cursor.fetchall()])


def copy_out(root: Path, named: Named, archive: Writer, progress: Progress) -> Copied:
    """Writes them all. What can't be had, or isn't what it was when it was made, is listed as lacking."""
    files = _Files(root, archive, progress)
    for name, sha256 in named.versions.items():
        files.copy_version(name, sha256)
    for folder in named.models:
        files.copy_model(folder)
    for folder, goes_on in named.runs.items():
        files.copy_run(folder, goes_on=goes_on)
    for name, sha256 in named.uploads.items():
        files.copy(root / name, name, sha256)
    for name in named.bad_lines:
        files.copy(root / name, name)
    return files.copied


class _Files:
    def __init__(self, root: Path, archive: Writer, progress: Progress) -> None:
        self.root, self.archive, self.progress = root, archive, progress
        self.copied = Copied()
        self.first: dict[tuple[int, int], str] = {}  # by device and inode: heads share their backbone's file

    def copy_version(self, name: str, sha256: str) -> None:
        try:
            path = store.local_copy(name, sha256)
        except Changed:
            self.copied.lacking.append(f"{name} (it was changed)")
        except (Lost, SuspiciousFileOperation):
            self.copied.lacking.append(name)
        else:
            self.copy(path, name, sha256)

    def copy(self, path: Path, name: str, sha256: str | None = None) -> None:
        try:
            with open(path, "rb") as file:
                member = self.write(name, file)
        except (OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError | ValueError) or path.is_dir():
                self.copied.lacking.append(name)
                return
            raise
        if sha256 is not None and member.sha256 != sha256:
            self.copied.lacking.append(f"{name} (it was changed)")

    def write(self, name: str, file: IO[bytes]) -> Member:
        """Writes as much as there is now: a log may go on growing."""
        about = os.fstat(file.fileno())
        place = (about.st_dev, about.st_ino)
        if about.st_nlink > 1 and place in self.first:
            self.copied.links[MODELS + name] = self.first[place]
            return self.archive.members[self.first[place]]
        member = self.archive.add_pieces(MODELS + name, about.st_size, self.pieces(file, about.st_size))
        self.first[place] = MODELS + name
        return member

    def pieces(self, file: IO[bytes], left: int) -> Iterator[bytes]:
        while left and (piece := file.read(min(left, PIECE))):
            left -= len(piece)
            self.progress.advance(len(piece))
            yield piece

    def copy_model(self, folder: str) -> None:
        try:
            here = store.local_folder(folder)
            made = json.loads((here / MODEL_MANIFEST).read_bytes())
            wanted = {name: str(about["sha256"]) for name, about in made["files"].items()}
        except StorageAway:
            raise
        except (OSError, ValueError, LookupError, TypeError, SuspiciousFileOperation):
            self.copied.lacking.append(f"{folder}/{MODEL_MANIFEST}")
            return
        for name, sha256 in wanted.items():
            self.copy(here / name, f"{folder}/{name}", sha256)
        self.copy(here / MODEL_MANIFEST, f"{folder}/{MODEL_MANIFEST}")

    def copy_run(self, folder: str, *, goes_on: bool) -> None:
        """Copies checkpoints before its metrics, which may be longer than those say but no shorter."""
        if goes_on:
            self.copy_checkpoint(f"{folder}/out/checkpoints")
        for part in ("", "out/"):
            with suppress(FileNotFoundError, NotADirectoryError):
                for path in sorted((self.root / folder / part).iterdir()):
                    name = f"{folder}/{part}{path.name}"
                    finished = path.name == "report.json" and goes_on  # of a model that this snapshot doesn't know
                    if path.is_file() and not path.name.endswith(".tmp") and not finished:
                        with suppress(FileNotFoundError), open(path, "rb") as file:
                            self.write(name, file)

    def copy_checkpoint(self, folder: str) -> None:
        """Copies the newest whole checkpoint and that of the best step, whose weights are the model in the end.

        Opens all of their files first: a training that goes on deletes them, and what is open stays to be read.
        """
        for _ in range(LOOKS):
            for checkpoint in _whole_checkpoints(self.root / folder):
                with ExitStack() as stack, suppress(FileNotFoundError, ValueError, LookupError, TypeError):
                    opened = {
                        f"{folder}/{each.name}/{path.name}": stack.enter_context(open(path, "rb"))
                        for each in (*_best_of(checkpoint), checkpoint)
                        for path in sorted(each.iterdir())
                    }
                    for name, file in opened.items():
                        self.write(name, file)
                    return


def _whole_checkpoints(folder: Path) -> list[Path]:
    """Lists those that are whole, the newest first."""
    found = [path for path in folder.glob("step-*") if path.name[5:].isdecimal() and (path / CHECKPOINT_INFO).is_file()]
    return sorted(found, key=lambda path: int(path.name[5:]), reverse=True)


def _best_of(checkpoint: Path) -> list[Path]:
    """Gives the folder of its best step, if that is another.

    One of format 1, of trainings begun before sharding, says it only to torch: then all that are there may be it.
    Raises FileNotFoundError, and ValueError, LookupError or TypeError where its info.json is damaged.
    """
    info = json.loads((checkpoint / CHECKPOINT_INFO).read_bytes())
    step, values = info["step"], info.get("values")
    if values is None:
        return [each for each in _whole_checkpoints(checkpoint.parent) if each != checkpoint]
    best = values["stopping"]["best_step"]
    return [checkpoint.parent / f"step-{best}"] if best not in (None, step) else []
