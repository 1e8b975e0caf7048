"""Characters that nobody sees, made to be seen: white space that a browser drops, and what has no look of its own."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from django.utils.html import escape

CLASSES = frozenset({"gap", "unseen"})

# A browser shows a run of spaces as one, and none at the beginning of a line.
_GAP = re.compile(r"[ \t]{2,}|\t")
_GAP_FIRST = re.compile(r"^[ \t]+|[ \t]{2,}|\t")
# An override shows letters in an order that they don't have, so it is named and turns nothing.
_OVERRIDES = re.compile("[\u202d\u202e]")
# No-break and other widths of a space, controls, and all that Unicode calls a format character or can be ignored.
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800"
_NOTHING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff"
)
NOTHING = re.compile(f"[{_NOTHING}]")
SPACES = re.compile(f"[{_SPACES}]")
_MARKED = re.compile(f"([ \t]+)(?=\n|$)|(\n+)$|\t|[{_SPACES}{_NOTHING}]", re.ASCII)
# Letters that look like a Latin one, and marks that look like others; each is a single character or a few.
_LOOKS = dict(
    zip(
        "АВЕКМНОРСТУХЅІЈЁЇаеорсухѕіјԁԛԝһёїΑΒΕΖΗΙΚΜΝΟΡΤΥΧονϲϳՕօⅠⅤⅩⅬⅭⅮⅯⅰⅴⅹⅼⅽⅾⅿ‐‑–−µ",
        "ABEKMHOPCTYXSIJËÏaeopcyxsijdqwhëïABEZHIKMNOPTYXovcjOoIVXLCDMivxlcdm----μ",
        strict=True,
    )
) | {"…": "...", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"}
LOOKS = {ord(letter): other for letter, other in _LOOKS.items()}
_LIKE_ANOTHER = re.compile(f"[{''.join(_LOOKS)}]|[\u0300-\u036f]")


def text_html(text: str, *, first: bool = False) -> str:
    """Gives text within a line as HTML: runs of spaces keep their width. `first` where it begins a line."""
    gaps = _GAP_FIRST if first else _GAP
    html = str(escape(text))
    if gaps.search(html):
        html = gaps.sub(r'<span class="gap">\g<0></span>', html)
    return without_overrides(html)


def without_overrides(html: str) -> str:
    return _OVERRIDES.sub(lambda match: _named(match[0]), html) if _OVERRIDES.search(html) else html


def marked(text: str) -> str:
    """Gives text as HTML in which each character that can't be seen, or told from another, has its name beside it."""
    html = _MARKED.sub(_mark, str(escape(text)))
    return html if text.isascii() else _LIKE_ANOTHER.sub(lambda match: f"{match[0]}{_named(match[0], of='')}", html)


def _mark(match: re.Match[str]) -> str:
    if match[1]:
        return "".join(_named(blank, "\N{MIDDLE DOT}" if blank == " " else "⇥") for blank in match[1])
    if match[2]:
        return _named("\n", "↵") * len(match[2])
    return _named(match[0], "⇥" if match[0] == "\t" else "")


def _named(character: str, name: str = "", *, of: str | None = None) -> str:
    """The name stands in an attribute, which the style sheet shows: so what is copied is what was written."""
    inside = character if of is None else of
    return f'<span class="unseen" data-name="{name or _code(character)}">{inside}</span>'


@lru_cache(maxsize=1024)
def _code(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{code} {unicodedata.name(character, '').title()}".strip() if character.isprintable() else code
