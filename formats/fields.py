"""What is checked of a field, whatever row or message it stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from formats import values
from formats.refusals import Refused
from formats.values import Repeated

LONGEST_GUESSED = 200  # characters of a key that may be a misspelt one


def check_keys(fields: dict[str, object], known: Mapping[str, None], *, others: bool = False) -> None:
    """Refuses unknown keys, which would be ignored, and a key that stands twice, of which one value would be.

    others: unknown ones are somebody's, and ignored.
    """
    if type(fields) is not dict:  # as it is nearly always, and these are called for each object of a file
        check_repeated(fields)
    if others or fields.keys() <= known.keys():
        return
    unknown = next(key for key in fields if key not in known)
    if meant := nearest(unknown, known):
        raise Refused(values.clipped(unknown), fields[unknown], "misspelt_key", meant=meant)
    raise Refused(values.clipped(unknown), fields[unknown], "unknown_key", known=", ".join(known))


def check_repeated(fields: dict[str, object]) -> None:
    if isinstance(fields, Repeated):
        raise Refused(values.clipped(fields.key), fields[fields.key], "repeated_key")


def nearest(name: str, known: Iterable[str]) -> str:
    """Tells which of the known ones was meant; empty where none is like it."""
    return "".join(get_close_matches(name, known, n=1)) if len(name) <= LONGEST_GUESSED else ""


def text(value: object, field: str, remedy: str, *, limit: int | None = None) -> str:
    """Reads a text with words in it. `remedy` is the code of what to do where it has none."""
    if not isinstance(value, str) or not value or value.isspace():  # strip() would copy every text
        raise Refused(field, value, "no_text", remedy=remedy)
    if (limit is None or len(value) <= limit) and value.isascii() and "\x00" not in value:
        return value  # as most are, without a call
    return sound(value, field, limit=limit)


def optional(value: object, field: str, code: str, *, limit: int | None = None) -> str:
    """Reads a text, or nothing, which is the empty one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(field, value, code)
    return sound(value, field, limit=limit)


def sound(value: str, field: str, *, limit: int | None = None) -> str:
    """Takes a text of characters that can be stored and read by a tokenizer, and not too many."""
    if limit is not None and len(value) > limit:
        raise Refused(field, value, "too_long", n=len(value), limit=limit)
    if kind := values.flaw_of_text(value):
        raise Refused(field, value, kind)
    return value


def some(value: object, field: str, code: str, limit: int | None) -> list[object]:
    """Reads a list, of at most so many."""
    if not isinstance(value, list):
        raise Refused(field, value, code)
    if limit is not None and len(value) > limit:
        raise Refused(field, value, "too_many", n=len(value), most=limit)
    return value
