"""Phrases of a page that hold HTML or a number: filled with what they speak of, which is escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def say(phrase: StrOrPromise, **values: object) -> SafeString:
    """Fills a phrase's %(names)s, in the reader's language. A lazy plural chooses its form by the number it is told.

    The phrase is ours and may hold tags; the values are anybody's and are escaped, unless they are HTML already.
    Raises KeyError for a name that no value has.
    """
    escaped = {name: value if isinstance(value, int) else _escaped(value) for name, value in values.items()}
    return mark_safe(phrase % escaped)


def linked(url: str, words: SafeString) -> SafeString:
    """Makes words a link. Without an address they stay what they are."""
    return format_html('<a href="{}">{}</a>', url, words) if url else words


def _escaped(value: object) -> SafeString:
    return conditional_escape(value if isinstance(value, str) else str(value))


def whole(n: int) -> str:
    """Writes a whole number with the thousands grouped: '1,204'."""
    return number_format(n, force_grouping=True)
