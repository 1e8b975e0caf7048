"""What a person looks for, as PostgreSQL's query: words, "exact words", and -words that must not be there."""

from __future__ import annotations

import re
from functools import reduce
from operator import and_
from typing import cast

from django.contrib.postgres.search import SearchQuery, SearchQueryCombinable
from django.db.models import Func, TextField, Value
from django.utils.translation import gettext as _

from labeling.errors import Invalid
from labeling.projects.search_languages import PLAIN

MAX_LETTERS, MAX_WORDS = 500, 20
FROM_THE_BEGINNING = 4  # letters of a word that also finds what begins so: fewer are the beginning of half a language
REFUSALS = ("too_long", "nothing_asked")  # codes

Query = SearchQueryCombinable
_PART = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


def query(asked: str, language: str = PLAIN, *, beginnings: bool = True) -> Query:
    """Gives what must be there: all words, in any order.

    Without stems a word finds what begins with it, unless `beginnings` is false; in quotation marks words stand as
    they are, one after the other.
    Raises Invalid('too_long', 'nothing_asked').
    """
    asked = asked.replace("\0", " ").strip()
    parts = [(bool(minus), quoted or word, bool(quoted)) for minus, quoted, word in _PART.findall(asked)]
    parts = [part for part in parts if re.search(r"\w", part[1])]
    if len(asked) > MAX_LETTERS or len(parts) > MAX_WORDS:
        message = _("Look for at most %(words)d words and %(letters)d letters; these are %(n)d words.")
        values = {"words": MAX_WORDS, "letters": MAX_LETTERS, "n": len(parts)}
        raise Invalid("too_long", message % values, attr="q")
    if not any(not minus for minus, *_rest in parts):
        message = _("Name at least one word that is there; %(asked)s names none.")
        raise Invalid("nothing_asked", message % {"asked": f"“{asked}”"}, attr="q")
    return reduce(and_, (_part(*part, language, beginnings) for part in parts))


def _part(minus: bool, text: str, quoted: bool, language: str, beginnings: bool) -> Query:
    found: SearchQuery
    from_the_beginning = beginnings and language == PLAIN and not quoted and len(text) >= FROM_THE_BEGINNING
    if from_the_beginning and not _SPACELESS.search(text):
        found = SearchQuery(_beginning(text), config=PLAIN, search_type="raw")
    else:
        found = SearchQuery(_Words(Value(text)), config=_Language(Value(language)), search_type="phrase")
    return cast(Query, ~found) if minus else found


def _beginning(word: str) -> str:
    """Quotes it for to_tsquery, which else would read marks of its own language in it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "':*"


class _Words(Func):
    """As the texts were cut into words."""

    function = "podium_words"
    output_field = TextField()


class _Language(Func):
    """As the texts were read: where the server doesn't know the language, without stems."""

    function = "podium_search_language"
    output_field = TextField()


# As in migration 0042.
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
