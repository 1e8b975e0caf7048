"""What a job may say at the door: each value by a pattern, for it becomes a part of an object's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from labeling.errors import Invalid
from rewardtrain.core_command import GROWING

LARGEST = 5 * 2**40  # bytes, of what S3 keeps as one object
MOST_FILES = 4096  # of a folder
MOST_PARTS = 10_000
_FILE = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}"
_PUBLISHED = re.compile(rf"out/checkpoints/step-[0-9]{{1,18}}(/{_FILE})?|out/model(/{_FILE})?|(out/)?{_FILE}\.json")


def sha256(name: str, value: object) -> str:
    return _matching(name, value, r"[0-9a-f]{64}", "64 digits of hexadecimal")


def start(name: str, value: object) -> str:
    return _matching(name, value, r"[0-9a-f]{32}", "what `begin` has given")


def upload(name: str, value: object) -> str:
    return _matching(name, value, r"[\x21-\x7e]{1,2000}", "what `parts` has given")


def tags(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_PARTS:
        _refuse(name, value, f"a list of at most {MOST_PARTS} ETags")
    return [_matching(name, each, r"[\x21-\x7e]{1,200}", "a list of ETags") for each in value]


def size(name: str, value: object) -> int:
    return _whole(name, value, 0, LARGEST)


def part(name: str, value: object) -> int:
    return _whole(name, value, 1, MOST_PARTS)


def code(name: str, value: object) -> int:
    return _whole(name, value, -255, 255)


def manifest(name: str, value: object) -> str:
    return "" if value == "" else sha256(name, value)


def growing(name: str, value: object) -> str:
    if value not in GROWING:
        _refuse(name, value, f"one of {', '.join(GROWING)}")
    return str(value)


def any_name(name: str, value: object) -> str:
    """Reads what is looked up and becomes no part of anything."""
    if not isinstance(value, str):
        _refuse(name, value, "the name of a file")
    return value


def published(name: str, value: object) -> str:
    if not isinstance(value, str) or not _PUBLISHED.fullmatch(value):
        _refuse(name, value, "the name of a checkpoint, the model or a report")
    return value


def files(name: str, value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or len(value) > MOST_FILES:
        _refuse(name, value, f"an object of at most {MOST_FILES} files")
    return {published(name, each): _about(name, about) for each, about in value.items()}


def read(values: object, known: Mapping[str, Callable[[str, object], Any]]) -> dict[str, Any]:
    """Reads these fields, all of them and no other. Raises Invalid."""
    if not isinstance(values, dict):
        _refuse("the body", values, "an object")
    if odd := sorted(values.keys() ^ known.keys()):
        raise Invalid("invalid", f"{odd[0][:100]!r} is missing or unknown; there are {', '.join(known)}", attr=odd[0])
    return {name: take(name, values[name]) for name, take in known.items()}


def _about(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != {"sha256", "bytes"}:
        _refuse(name, value, "an object with sha256 and bytes for each file")
    return {"sha256": sha256("sha256", value["sha256"]), "bytes": size("bytes", value["bytes"])}


def _matching(name: str, value: object, pattern: str, what: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        _refuse(name, value, what)
    return value


def _whole(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        _refuse(name, value, f"a whole number from {least} to {most}")
    return value


def _refuse(name: str, value: object, what: str) -> NoReturn:
    raise Invalid("invalid", f"{name} is {str(value)[:100]!r}; it must be {what}", attr=name)
