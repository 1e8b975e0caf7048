"""Names of accounts: which of them look alike.

The rules are those of Unicode UTS 39: letters of one script (with the usual East Asian company), and no name whose
letters can be taken for another's. The tables are the package confusable-homoglyphs'.
"""

from __future__ import annotations

import unicodedata
from functools import cache

MAX_LETTERS = 150
_EVERYWHERE = frozenset({"COMMON", "INHERITED"})
_EAST_ASIAN = frozenset({"HAN", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})


def key(name: str) -> str:
    """What looks the same has the same key: ADMIN, ａｄｍｉｎ and a Cyrillic аdmіn have that of admin.

    Letters of ASCII are told apart as they are (1 and l, 0 and o): they are on one keyboard, and people look twice.
    """
    folded = unicodedata.normalize("NFKC", name[:MAX_LETTERS]).casefold()
    if folded.isascii():
        return folded
    return unicodedata.normalize("NFKC", "".join(map(_prototype, folded)).casefold())


def scripts(name: str) -> list[str]:
    """Names the scripts that don't go together in `name`; none where its letters are of one."""
    from confusable_homoglyphs import categories  # reads a table, so only where a name is made

    scripts = {str(script) for script in categories.unique_aliases(unicodedata.normalize("NFKC", name))} - _EVERYWHERE
    company = scripts - _EAST_ASIAN
    together = company <= {"LATIN"} if scripts & _EAST_ASIAN else len(company) <= 1
    return [] if together else sorted(script.capitalize() for script in scripts)


@cache
def _prototype(letter: str) -> str:
    """Gives the ASCII letter that this one can be taken for, else itself."""
    from confusable_homoglyphs import confusables

    likes = [str(like["c"]) for like in confusables.confusables_data.get(letter, ())]
    return letter if letter.isascii() else next((like for like in likes if like.isascii()), letter)
