"""Folders of a dataset: what `datasets.save_to_disk` writes, and a repository of a hub as it is downloaded.

Of a folder nothing is believed but names within it: no link is followed and no path that leads out of it, and as few
files are looked at as anybody keeps on purpose.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

MOST_FILES = 1_000
MOST_BYTES = 16 * 2**30
MOST_ENTRIES = 20_000  # of the folder and those in it
MOST_OF_STATE = 2**20  # bytes
DEEPEST = 8  # folders in one another
OWN_ROWS = "rankings/*.parquet"  # in a folder that a Podium made, beside the pairs of the same rankings
STATE, SPLITS = "state.json", "dataset_dict.json"  # of one dataset that was saved, and of several
_DATA = re.compile(r".+\.(parquet|jsonl|ndjson|json|csv|tsv|arrow|feather)(\.(gz|zst))?", re.IGNORECASE)
_NOT_DATA = ("dataset_infos.json", "dataset_info.json", SPLITS, STATE, "*config.json")  # what `datasets` and hubs write
# As `datasets` tells a split by a file's name.
_split = re.compile(r"(?:^|[^a-z])(train|training|validation|valid|val|dev|test|testing|eval)(?:[^a-z]|$)")


class BadFolder(Exception):
    """Says in English what is wrong with a folder, and what to do."""


@dataclass(frozen=True)
class DataFile:
    """name: in its folder, with / between. split: as the folder names it; empty where it doesn't."""

    path: Path
    name: str
    split: str


def data_files(folder: Path) -> list[DataFile]:
    """Lists the files that hold a folder's rows, in their order. Raises BadFolder."""
    if (folder / SPLITS).is_file():
        splits = _names(folder / SPLITS, "splits")
        found = [file for split in splits for file in _saved(folder / split, split, f"{split}/")]
    elif (folder / STATE).is_file():
        found = list(_saved(folder, "", ""))
    else:
        names = list(_walk(folder))
        found = [DataFile(folder / name, name, split_in(name)) for name in data_names(names)]
    if not found:
        raise BadFolder(f"{folder} has no Parquet, Arrow, JSON or CSV file to import.")
    _check(folder, found)
    return found


def data_names(names: Iterable[str]) -> list[str]:
    """Gives those names that are of rows, in their order; where a Podium wrote the folder, of its rows alone."""
    safe = [name for name in names if is_data(name)]
    return sorted([name for name in safe if fnmatchcase(name, OWN_ROWS)] or safe)


def is_data(name: str) -> bool:
    parts = name.split("/")
    if any(part in ("", "..") or part.startswith(".") for part in parts) or "\\" in name or not name.isprintable():
        return False
    return bool(_DATA.fullmatch(name)) and not any(fnmatchcase(parts[-1], pattern) for pattern in _NOT_DATA)


def split_in(name: str) -> str:
    """Tells the split by a file's name, or by the folders that it is in; empty where none says."""
    for part in reversed(PurePosixPath(name.casefold()).parts):
        if match := _split.search(part):
            return match[1]
    return ""


def _saved(folder: Path, split: str, before: str) -> Iterator[DataFile]:
    for name in _names(folder / STATE, "_data_files"):
        yield DataFile(folder / name, f"{before}{name}", split)


def _names(file: Path, key: str) -> Sequence[str]:
    """Reads the names that a file of `datasets` lists. Raises BadFolder for any that is no plain one."""
    try:
        with file.open("rb") as opened:
            said = json.loads(opened.read(MOST_OF_STATE))
        names = [each["filename"] if isinstance(each, dict) else each for each in said[key]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadFolder(f"{file} can't be read as `datasets` writes it: save the dataset again.") from error
    for name in names:
        if not isinstance(name, str) or not name or name in (".", "..") or re.search(r"[/\\\x00]", name):
            raise BadFolder(f"{file} names {name!r}, which is not in its folder: save the dataset again.")
    return names


def _walk(folder: Path) -> Iterator[str]:
    """Yields the names of all files, without what begins with a dot. Raises BadFolder where there are too many."""
    entries, waiting = 0, [folder]
    while waiting:
        here = waiting.pop()
        with os.scandir(here) as found:
            for entry in found:
                entries += 1
                if entries > MOST_ENTRIES:
                    raise BadFolder(f"{folder} has more than {MOST_ENTRIES:,} files: name the folder of the dataset.")
                path = Path(entry.path)
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if len(path.relative_to(folder).parts) <= DEEPEST:
                        waiting.append(path)
                elif entry.is_file():
                    yield path.relative_to(folder).as_posix()


def _check(folder: Path, files: Sequence[DataFile]) -> None:
    if len(files) > MOST_FILES:
        raise BadFolder(f"{folder} has {len(files):,} files to read, {MOST_FILES:,} at most: name some of them.")
    root, size = folder.resolve(), 0
    for file in files:
        if not file.path.resolve().is_relative_to(root) or file.path.is_symlink():
            raise BadFolder(f"{file.name} is a link, and none is followed: copy the files into one folder.")
        if not file.path.is_file():
            raise BadFolder(f"{file.name} is named by the folder and not there: copy all of it.")
        size += file.path.stat().st_size
    if size > MOST_BYTES:
        raise BadFolder(f"{folder} has {size / 2**30:.1f} GiB to read, {MOST_BYTES // 2**30} at most: name its files.")
