"""Where finished artifacts are published and read: the storage "models" of Django's settings, a folder or a bucket.

Whoever makes one writes it on this machine first, below root(), where work in progress stays: checkpoints, metrics,
logs, caches. In a folder it is published by a rename, or is where it belongs already. In a bucket its name says its
checksum, so that nothing is ever written over what a row names, not by a worker that was thought dead either; and a
folder's files lie there by their content, for heads share a backbone: see docs/decisions/0150.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages

from artifacts.copies import Copies
from artifacts.errors import Lost
from artifacts.folder_manifest import MANIFEST, Part, check, parts_of, sha256_of
from artifacts.names import checked, content, with_checksum

if TYPE_CHECKING:
    from artifacts.bucket import Bucket

LINKED_FROM = 2**20  # bytes; smaller files are copied, for some are written in place


def bucket() -> Bucket | None:
    """Gives the bucket that keeps the artifacts; None where a folder does."""
    storage = storages["models"]
    if isinstance(storage, FileSystemStorage):
        return None
    from artifacts.bucket import Bucket

    assert isinstance(storage, Bucket)
    return storage


def root() -> Path:
    """Gives the folder of this machine below which everything lies that isn't in a bucket."""
    storage = storages["models"]
    return Path(storage.path("") if isinstance(storage, FileSystemStorage) else settings.MODEL_DIR)


def work_path(name: str) -> Path:
    """Gives the place on this machine of what is being made. Raises SuspiciousFileOperation."""
    return root() / checked(name)


def place(name: str) -> Path:
    """Gives the path that local_copy and local_folder give, and asks for nothing. Raises SuspiciousFileOperation."""
    return work_path(name) if bucket() is None else _copies().place(checked(name))


def exists(name: str) -> bool:
    """Tells whether the file of an artifact is there. Raises StorageAway."""
    keeper = bucket()
    return work_path(name).is_file() if keeper is None else keeper.bytes_of(name) is not None


def local_copy(name: str, sha256: str = "") -> Path:
    """Gives the file of an artifact on this machine.

    A folder's own file is given whether it is there or not, and costs nothing. Of a bucket a copy, whose checksum was
    compared. Raises SuspiciousFileOperation, Lost, Changed, StorageAway.
    """
    keeper = bucket()
    return work_path(name) if keeper is None else _copies().get(name, partial(_download, keeper, checked(name), sha256))


def local_folder(name: str, manifest_sha256: str = "") -> Path:
    """Gives the folder of an artifact on this machine, as local_copy gives a file."""
    keeper = bucket()
    if keeper is None:
        return work_path(name)
    return _copies().get(name, partial(_download_folder, keeper, checked(name), manifest_sha256))


def objects_of(keeper: Bucket, name: str, manifest_sha256: str) -> dict[str, str]:
    """Names the objects that have a folder's files, by the names of these. Raises Lost, Changed, StorageAway."""
    with tempfile.NamedTemporaryFile() as file:
        keeper.download(f"{checked(name)}/{MANIFEST}", file)
        file.flush()
        check(Path(file.name), manifest_sha256, f"{name}/{MANIFEST}")
        parts = parts_of(Path(file.name).read_bytes(), name)
    found = {f"{name}/{part.name}": content(name, part.sha256) for part in parts}
    return {f"{name}/{MANIFEST}": f"{name}/{MANIFEST}", **found}


def publish(draft: Path, name: str, sha256: str) -> str:
    """Makes the draft visible, all of it at once, and gives the name that it is read by.

    Raises OSError, of which StorageAway is one, and what was there is there then.
    """
    keeper = bucket()
    if keeper is None:
        final = work_path(name)
        final.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft, final)
        return name
    name = with_checksum(checked(name), sha256)
    put(keeper, draft, name)
    return name


def publish_folder(name: str) -> str:
    """Makes the folder that was made in work_path(name) visible, manifest last, and gives the name it is read by.

    Killed half-way it leaves nothing that looks finished, and the next call goes on. Raises as publish does, and
    Changed where a file isn't what the manifest says.
    """
    keeper = bucket()
    if keeper is None:
        return name
    made = work_path(name)
    final = with_checksum(name, sha256_of(made / MANIFEST))
    put_folder(keeper, made, final)
    return final


def remove_below(folder: str) -> None:
    """Deletes all that lies below a folder, here and in the bucket, for which no row may ask any more.

    Killed half-way, the same again goes on; twice is harmless. Raises OSError, of which StorageAway is one.
    """
    if keeper := bucket():
        keeper.remove_below(folder)
        _copies().remove_below(folder)
    if (here := work_path(folder)).is_dir():
        shutil.rmtree(here)


def remove(name: str) -> None:
    """Deletes a file for which no row asks any more, here and in the bucket; twice is harmless.

    Raises OSError, of which StorageAway is one.
    """
    if keeper := bucket():
        keeper.remove(name)
        _copies().remove(name)
    work_path(name).unlink(missing_ok=True)


def put(keeper: Bucket, draft: Path, name: str) -> None:
    """Puts a file into the bucket by just this name, which no row may have yet, and makes the draft our copy of it."""
    keeper.upload(draft, checked(name))
    _copies().get(name, partial(os.replace, draft))


def put_folder(keeper: Bucket, made: Path, name: str) -> None:
    """Does the same with a folder, whose files stay here too."""
    manifest = (made / MANIFEST).read_bytes()
    parts = parts_of(manifest, checked(name))
    for part in parts:
        if keeper.bytes_of(content(name, part.sha256)) != part.bytes:
            check(made / part.name, part.sha256, f"{name}/{part.name}")
            keeper.upload(made / part.name, content(name, part.sha256))
    keeper.upload(made / MANIFEST, f"{name}/{MANIFEST}")
    _copies().get(name, partial(_gather, parts, manifest, lambda part: partial(_link, made / part.name)))


# --- Copies of what a bucket keeps ------------------------------------------------------------------------------------


def _copies() -> Copies:
    return Copies(root() / "copies", settings.COPIES_BYTES)


def _download(keeper: Bucket, name: str, sha256: str, to: Path) -> None:
    with to.open("wb") as file:
        keeper.download(name, file)
        file.flush()
        os.fsync(file.fileno())
    check(to, sha256, name)


def _download_folder(keeper: Bucket, name: str, manifest_sha256: str, to: Path) -> None:
    manifest = to.with_name(to.name + ".manifest")
    _download(keeper, f"{name}/{MANIFEST}", manifest_sha256, manifest)
    written = manifest.read_bytes()

    def downloaded(part: Part) -> Callable[[Path], None]:
        return partial(_download, keeper, content(name, part.sha256), part.sha256)

    _gather(parts_of(written, name), written, downloaded, to)
    manifest.unlink()


def _gather(parts: list[Part], manifest: bytes, source: Callable[[Part], Callable[[Path], None]], to: Path) -> None:
    """Makes a folder of links to the files by their content. source: what makes one that isn't here yet."""
    to.mkdir()
    for part in parts:
        os.link(_copies().content(part.sha256, source(part)), to / part.name)
    (to / MANIFEST).write_bytes(manifest)


def _link(path: Path, to: Path) -> None:
    if not path.is_file():
        raise Lost(f"{path} is gone while it was published; try again")
    if path.stat().st_size < LINKED_FROM:
        shutil.copyfile(path, to)
    else:
        os.link(path, to)
