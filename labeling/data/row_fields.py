"""What is checked of a field of a row: each refusal names the field, the value seen and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from django.utils.translation import gettext as _

from formats import values
from formats.values import Repeated

MAX_ID, MAX_TEXT = 200, 1_000_000  # characters


class BadRow(Exception):
    """Names the field, the value seen and what to do."""

    def __init__(self, field: str, value: object, remedy: str) -> None:
        self.field, self.value, self.remedy = field, values.shown(value), remedy
        said = {"field": field, "remedy": remedy, "value": self.value}
        super().__init__(_("%(field)s: %(remedy)s (got %(value)s)") % said)


def check_keys(fields: dict[str, object], field: str, known: Sequence[str]) -> None:
    """None unknown, which would be ignored, and none twice, of which one value would be."""
    check_repeated(fields, field)
    unknown = next((key for key in fields if key not in known), None)
    if unknown is None:
        return
    if meant := nearest(unknown, known):
        remedy = _("unknown key; did you mean %(meant)s?") % {"meant": meant}
    else:
        remedy = _("unknown key; these are known: %(known)s") % {"known": ", ".join(known)}
    raise BadRow(inside(field, unknown), fields[unknown], remedy)


def check_repeated(fields: dict[str, object], field: str) -> None:
    if isinstance(fields, Repeated):
        remedy = _("this key stands twice in one object: keep one of them")
        raise BadRow(inside(field, fields.key), fields[fields.key], remedy)


def nearest(name: str, known: Iterable[str]) -> str:
    return "".join(get_close_matches(name, known, n=1)) if len(name) <= MAX_ID else ""


def inside(field: str, key: str) -> str:
    return f"{field}.{values.clipped(key)}" if field else values.clipped(key)


def text(value: object, field: str, remedy: str, *, limit: int = MAX_TEXT) -> str:
    """`remedy` is translated only where it is needed: this is called for each text of a file."""
    if not isinstance(value, str) or not value.strip():
        raise BadRow(field, value, _("must be a text that is not empty: %(remedy)s") % {"remedy": _(remedy)})
    if len(value) > limit:
        raise BadRow(field, value, too_long(len(value), limit))
    return storable(value, field)


def storable(value: str, field: str) -> str:
    if kind := values.flaw_of_text(value):
        raise BadRow(field, value, remedy(kind))
    return value


def remedy(kind: str) -> str:
    return {
        "nul": _("has a NUL character, which PostgreSQL can't store: remove it"),
        "surrogate": _("has half a surrogate pair: repair the encoding"),
        "number": _("is a number beyond all that can be stored: write it as a text"),
        "depth": _("is nested deeper than %(most)s levels") % {"most": values.MAX_DEPTH},
    }[kind]


def too_long(n: int, limit: int) -> str:
    return _("is %(n)s characters long, %(limit)s at most") % {"n": n, "limit": limit}


def too_many(n: int, most: int) -> str:
    return _("is a list of %(n)s, %(most)s at most") % {"n": n, "most": most}
