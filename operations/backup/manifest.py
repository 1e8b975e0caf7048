"""What a backup says of itself: at its beginning who made it, at its end what is in it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from operations.backup.archive import Member, is_safe
from operations.backup.errors import BackupError, BrokenBackup

FORMAT = 1
ABOUT, MANIFEST, SECRET_KEY = "about.json", "manifest.json", "secret_key"
MOST_BYTES = {ABOUT: 2**20, MANIFEST: 2**27, SECRET_KEY: 2**12}
MODELS = "models/"
PROJECTS = "models/projects/"  # where all of them are
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class About:
    """The first file of a backup."""

    podium_backup: int  # the format
    podium: str  # the version
    made_at: str
    postgres: str
    migrations: list[str]  # "labeling.0001_initial", those that had been applied


@dataclass(frozen=True)
class Table:
    name: str
    columns: list[str]
    rows: int
    bytes: int
    pieces: int  # files tables/NAME/000001 and on, of which the rows are made


@dataclass(frozen=True)
class Sequence:
    """Where the ids of a table's column go on."""

    table: str
    column: str
    last: int
    called: bool


@dataclass(frozen=True)
class Manifest:
    """The last file of a backup. `links` are files that are others by another name."""

    tables: list[Table]
    sequences: list[Sequence]
    files: dict[str, Member]
    links: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    def rows_of(self, name: str) -> int:
        return sum(table.rows for table in self.tables if table.name == name)

    @property
    def file_bytes(self) -> int:
        return sum(member.bytes for name, member in self.files.items() if name.startswith(MODELS))


def piece_name(table: str, number: int) -> str:
    return f"tables/{table}/{number:06}"


def written(value: About | Manifest) -> bytes:
    return json.dumps(asdict(value), indent=1, ensure_ascii=False).encode()


def identity(manifest: bytes) -> str:
    """Names a backup by all that is in it."""
    return hashlib.sha256(manifest).hexdigest()


def read_about(data: bytes) -> About:
    """Raises BrokenBackup, or BackupError for a backup of a later Podium."""
    value = _object(data, ABOUT)
    if not isinstance(value.get("podium_backup"), int):
        raise BrokenBackup("It is no backup of Podium's.")
    if value["podium_backup"] > FORMAT:
        raise BackupError(
            f"The backup has format {value['podium_backup']}, and this Podium reads up to {FORMAT}: restore it with "
            f"the Podium that made it ({value.get('podium')}), or a later one."
        )
    about: About = _made(About, value, ABOUT)
    try:
        datetime.fromisoformat(about.made_at)
        "".join(about.migrations)
    except (TypeError, ValueError):
        raise BrokenBackup(f"Its {ABOUT} can't be read.") from None
    return about


def read_manifest(data: bytes, seen: Mapping[str, Member]) -> Manifest:
    """Raises BrokenBackup where it doesn't say just what was read before it."""
    value = _object(data, MANIFEST)
    try:
        manifest = Manifest(
            tables=[_made(Table, each, MANIFEST) for each in value["tables"]],
            sequences=[_made(Sequence, each, MANIFEST) for each in value["sequences"]],
            files={name: _made(Member, each, MANIFEST) for name, each in value["files"].items()},
            links=dict(value["links"]),
            lacking=list(value["lacking"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise BrokenBackup(f"Its {MANIFEST} can't be read.") from None
    _compare(manifest, seen)
    return manifest


def _compare(manifest: Manifest, seen: Mapping[str, Member]) -> None:
    for name, member in manifest.files.items():
        if name not in seen:
            raise BrokenBackup(f"It lacks {name!r}.")
        if seen[name] != member:
            raise BrokenBackup(f"{name!r} in it was changed: its checksum is another.")
    if extra := seen.keys() - manifest.files.keys():
        raise BrokenBackup(f"{min(extra)!r} is in it, of which its {MANIFEST} knows nothing.")
    pieces = {piece_name(table.name, n) for table in manifest.tables for n in range(1, table.pieces + 1)}
    others = {name for name in manifest.files if not name.startswith(PROJECTS)} - {ABOUT, SECRET_KEY}
    if pieces != others:
        raise BrokenBackup(f"{min(pieces ^ others)!r} is no part of a table, or a missing one.")
    names = [name for table in manifest.tables for name in (table.name, *table.columns)]
    names += [name for each in manifest.sequences for name in (each.table, each.column)]
    if not all(_NAME.fullmatch(name) for name in names):
        raise BrokenBackup(f"A table or column in its {MANIFEST} has an impossible name.")
    for name, target in manifest.links.items():
        below = is_safe(name) and name.startswith(PROJECTS) and target.startswith(PROJECTS)
        if not below or target not in manifest.files:
            raise BrokenBackup(f"The link {name!r} in its {MANIFEST} leads elsewhere.")


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BrokenBackup(f"Its {name} can't be read.") from None
    if not isinstance(value, dict):
        raise BrokenBackup(f"Its {name} can't be read.")
    return value


def _made(kind: Any, value: Any, name: str) -> Any:
    try:
        return kind(**value)
    except TypeError:
        raise BrokenBackup(f"Its {name} can't be read.") from None
