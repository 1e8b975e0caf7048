"""JSON as it is stored: read strictly, and what PostgreSQL can't keep found by its path."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 64  # of lists and objects in one another
CLIP = 80
MOST_VALUES = 1_000_000  # of one record: each takes some 80 bytes, and two to write
LONGEST_INTEGER = 4300  # digits, Python's own limit

_encoder = json.JSONEncoder(ensure_ascii=False, default=str)
_surrogate = re.compile("[\ud800-\udfff]")


class Repeated(dict[str, object]):
    """An object in whose text one key stands twice; its last value is here, as everywhere in JSON."""

    key: str


def parse(text: str) -> object:
    """Reads JSON. Raises ValueError saying what is wrong: NaN and Infinity, a number too long, too deep or too many
    values too."""
    try:
        if text.startswith("\ufeff"):  # as json.loads does, which makes a decoder at each call
            raise json.JSONDecodeError("Unexpected UTF-8 BOM (decode using utf-8-sig)", text, 0)
        if len(text) > MOST_VALUES:
            check_count(text)
        return decoder.decode(text)
    except RecursionError as error:
        raise ValueError("lists and objects are nested too deep") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        if "integer string conversion" in str(error):
            raise ValueError(f"a number has more than {LONGEST_INTEGER:,} digits") from error
        raise


def check_count(text: str, start: int = 0) -> None:
    """Raises ValueError where reading JSON would make hundreds of megabytes of values; signs within texts count too."""
    if len(text) - start > MOST_VALUES and sum(text.count(sign, start) for sign in ",[{") > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES:,} values")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    seen: set[str] = set()
    repeated = Repeated(values)
    repeated.key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return repeated


decoder = json.JSONDecoder(parse_constant=_no_constant, object_pairs_hook=_object)


def slip_of(value: object) -> str | None:
    """Words a slip of whoever wrote what parse() read: a key that stands twice, or a number that is none."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Repeated):
            return f"the key {clipped(found.key)!r} stands twice in one object"
        if isinstance(found, float) and not math.isfinite(found):
            return "a number is too large"
        if isinstance(found, dict | list):
            waiting.extend(found.values() if isinstance(found, dict) else found)
    return None


@dataclass(frozen=True)
class Flaw:
    """What can't be stored: nul, surrogate, number (not finite) or depth, where it is, and the value."""

    kind: str
    path: str
    value: object


def flaw_of(value: object, path: str, *, max_depth: int = MAX_DEPTH) -> Flaw | None:
    """Finds the first thing in a value that PostgreSQL can't keep; None where all is well. One step a value, no
    recursion."""
    waiting: list[tuple[object, tuple[object, ...], int]] = [(value, (), 0)]
    while waiting:
        found, way, depth = waiting.pop()
        kind = _flaw(found)
        if kind is None and isinstance(found, dict | list):
            kind = "depth" if depth == max_depth else None
            within = found.items() if isinstance(found, dict) else enumerate(found)
            if kind is None:
                bad_key = next((key for key, _ in within if isinstance(key, str) and _flaw(key)), None)
                if bad_key is not None:
                    return Flaw(str(_flaw(bad_key)), _path(path, way), bad_key)
                within = found.items() if isinstance(found, dict) else enumerate(found)
                waiting.extend((item, (way, key), depth + 1) for key, item in within)
        if kind is not None:
            return Flaw(kind, _path(path, way), found)
    return None


def _flaw(value: object) -> str | None:
    if isinstance(value, str):
        return flaw_of_text(value)
    return "number" if isinstance(value, float) and not math.isfinite(value) else None


def flaw_of_text(text: str) -> str | None:
    """Names the flaw: nul, surrogate (half a pair of UTF-16, which is no character) or None."""
    if "\x00" in text:
        return "nul"
    return "surrogate" if not text.isascii() and _surrogate.search(text) else None


def _path(path: str, way: tuple[object, ...]) -> str:
    keys: list[object] = []
    while way:
        way, key = way  # type: ignore[assignment]
        keys.append(key)
    for key in reversed(keys):
        path += f"[{key}]" if isinstance(key, int) else f".{clipped(str(key))}"
    return path


def shown(value: object) -> str:
    """Writes a value as JSON for a message: of any size and depth, clipped, and without what can't be sent."""
    text = ""
    for piece in _pieces(value):
        text += piece[: CLIP + 1]
        if len(text) > CLIP:
            break
    return clipped(text)


def _pieces(value: object) -> Iterator[str]:
    return _encoder.iterencode(value[: CLIP + 1] if isinstance(value, str) else value)


def clipped(text: str) -> str:
    text = text if len(text) <= CLIP else text[: CLIP - 3] + "..."
    return text.encode("utf-8", "backslashreplace").decode()
