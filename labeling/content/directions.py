"""Which way a text reads: as the most of its letters do, whichever comes first in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from markdown_it.rules_core import StateCore
from markdown_it.token import Token

LONGEST = 2_000  # characters of a block that are counted: the rest of a longer one won't change it
_FROM_THE_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")
_BLOCKS = {"paragraph_open", "heading_open", "td_open", "th_open"}
_CONTAINERS = {"bullet_list_open", "ordered_list_open", "blockquote_open", "table_open"}
_CLOSING = {name.replace("_open", "_close") for name in _CONTAINERS}


def direction(text: str) -> str:
    """Tells the direction: `rtl` or `ltr`; `auto` where there is no letter. As many of both: that of the first."""
    if not _FROM_THE_RIGHT.search(text):
        return "ltr" if re.search(r"[^\W\d_]", text) else "auto"
    kinds = [kind for kind in map(unicodedata.bidirectional, text[:LONGEST]) if kind in {"L", "R", "AL"}]
    left = kinds.count("L")
    if 2 * left == len(kinds):
        return "auto" if not kinds else "ltr" if kinds[0] == "L" else "rtl"
    return "ltr" if 2 * left > len(kinds) else "rtl"


def give_directions(state: StateCore) -> None:
    """Each block has that of its own words; lists, quotes and tables have that of all the words in them.

    `dir=auto` goes by the first letter, and skips every child that has a direction of its own. A list item has none,
    because its number stands where the list's are; what reads another way in it is set apart.
    """
    open_containers: list[tuple[Token, list[str]]] = []
    ways: list[str] = []  # of the containers around, from the last one
    for token, following in zip(state.tokens, [*state.tokens[1:], None], strict=False):
        if token.type in _CONTAINERS:
            open_containers.append((token, []))
        elif token.type == "inline" and open_containers:
            open_containers[-1][1].append(token.content)
        elif token.type in _CLOSING:
            container, words = open_containers.pop()
            if direction("\n".join(words)) == "rtl":
                container.attrSet("dir", "rtl")
            if open_containers:
                open_containers[-1][1].extend(words)
        elif token.type in _BLOCKS and following is not None:
            token.attrSet("dir", direction(following.content))
    _set_apart(state.tokens, ways)


def _set_apart(tokens: Sequence[Token], ways: list[str]) -> None:
    """The words of a tight list's item have no paragraph; where they read another way than the list they get one."""
    hidden: list[bool] = []
    for token in tokens:
        if token.type in _CONTAINERS:
            ways.append("rtl" if token.attrGet("dir") else "ltr")
        elif token.type in _CLOSING:
            ways.pop()
        elif token.type == "paragraph_open":
            apart = token.hidden and token.attrGet("dir") not in {"auto", *ways[-1:]}
            token.hidden = token.hidden and not apart
            hidden.append(token.hidden)
        elif token.type == "paragraph_close":
            token.hidden = hidden.pop()


def lines_html(html: str, text: str) -> str:
    """Gives `html`, which is the text line for line, with a direction for each line where the text has more than
    one."""
    if not _FROM_THE_RIGHT.search(text):
        return html
    lines = zip(html.split("\n"), text.split("\n"), strict=False)
    return "".join(f'<span class="line" dir="{direction(line)}">{shown}\n</span>' for shown, line in lines)
