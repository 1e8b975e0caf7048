"""Which of several texts look the same once they are rendered, though they differ."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

from labeling.content.unseen import LOOKS, NOTHING, SPACES

# A text without these is rendered with all of its letters, so two with other letters don't look the same.
_MAY_LOSE_LETTERS = re.compile(r"[$\\&%]|xn--|math|!\[")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
# Joiners shape the letters of scripts that have them, and emoji; after others they do nothing.
_IDLE_JOINER = re.compile("(?<![\u0590-\U0010ffff])[\u200c\u200d]")
_JOINERS = {0x200C: "\ue000", 0x200D: "\ue001"}  # kept, under private names, while all else that has no look goes
_SAME_LOOK = (
    (re.compile(r'<span [^>]*data-name="([^"]*)"[^>]*>'), r"[\1]"),
    (re.compile(r' (?:alttext|dir|rel|tabindex|target|href|data-name)="[^"]*"| class="(?:left|scroll)"'), ""),
    # Colours and gaps say nothing that their words don't; a letter of a formula looks like a letter.
    (re.compile(r"</?(?:span|math|mrow|mi|mn|mo|mtext|mstyle)(?: [^>]*)?>"), ""),
    (re.compile(r"(</?h)[56]"), r"\g<1>4"),
    (re.compile(r"<em><strong>"), "<strong><em>"),
    (re.compile(r"</strong></em>"), "</em></strong>"),
    (re.compile(r"\t"), "    "),
    (re.compile(r"\s+(?=\n|</?(?:p|div|br|code|ul|ol|li|td|th|h\d)\b)|(?<=<br>)\n"), ""),
)


def look_alike(texts: Sequence[str], htmls: Sequence[str]) -> list[list[int]]:
    """Gives each text the places of those that look the same and aren't; equal texts are no such thing.

    `htmls` are the texts rendered.
    """
    distinct = set(texts)
    if len(distinct) < 2:
        return [[] for _ in texts]
    close = any(map(_MAY_LOSE_LETTERS.search, distinct))
    letters: dict[str, set[str]] = defaultdict(set)
    for text in distinct:
        letters["" if close else _NOT_LETTERS.sub("", _folded(text))].add(text)
    looks = [
        _look(html) if any(text in group and len(group) > 1 for group in letters.values()) else ""
        for text, html in zip(texts, htmls, strict=True)
    ]
    places: dict[str, list[int]] = defaultdict(list)
    for place, look in enumerate(looks):
        places[look].append(place)
    return [
        [other for other in places[look] if texts[other] != text] if look else []
        for text, look in zip(texts, looks, strict=True)
    ]


def _look(html: str) -> str:
    look = _folded(html.replace("&nbsp;", " "))
    for pattern, replacement in _SAME_LOOK:
        look = pattern.sub(replacement, look)
    return look.strip() or " "


def _folded(text: str) -> str:
    """Writes one character for all that look like it, and none for what has no look."""
    if text.isascii():
        return text
    folded = unicodedata.normalize("NFC", text).translate(LOOKS)
    joined = _IDLE_JOINER.sub("", folded).translate(_JOINERS)
    return SPACES.sub(" ", NOTHING.sub("", joined))
