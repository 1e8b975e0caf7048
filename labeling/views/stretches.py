"""A stretch of a long list: the rows after a key, or before one, found by an index at any depth and never counted.

`?after=17` is what follows the row 17 in the list's order, `?before=17` what leads to it. A page's number names no
place in a list that grows, and finding page 20,000 costs a walk past a million rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

LARGEST_KEY = 2**63 - 1
M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Stretch(Generic[M]):
    """Rows in the list's order, and the keys of those at its ends where there is more beyond."""

    rows: list[M]
    before: Any = None  # a key, or a place of two parts; None at the list's beginning
    after: Any = None  # None at its end

    def __iter__(self) -> Iterator[M]:
        return iter(self.rows)


def stretch_of(request: HttpRequest, rows: QuerySet[M], *, size: int, newest_first: bool = False) -> Stretch[M]:
    """Gives the stretch that the address asks for; the list's beginning where it names no place in it."""
    after, before = key_of(request, "after"), key_of(request, "before")
    if after is not None:
        found = _onwards(rows, after, size + 1, newest_first)
        if found:
            return Stretch(found[:size], before=found[0].pk, after=found[size - 1].pk if len(found) > size else None)
        before = after + (-1 if newest_first else 1)  # what followed is gone: the last that there is
    if before is not None:
        found = _onwards(rows, before, size + 1, not newest_first)
        if len(found) > size or (found and after is not None):
            of_page = found[:size][::-1]
            return Stretch(
                of_page,
                before=of_page[0].pk if len(found) > size else None,
                after=None if after is not None else of_page[-1].pk,
            )
    found = list(rows.order_by("-pk" if newest_first else "pk")[: size + 1])
    return Stretch(found[:size], after=found[size - 1].pk if len(found) > size else None)


def within(rows: QuerySet[M], *, from_key: int | None, end: int | None, down: bool) -> QuerySet[M]:
    """Gives the rows of one look, from a key on and up to the one at which it ended, both of which may be open."""
    if from_key is not None:
        rows = rows.filter(pk__lt=from_key) if down else rows.filter(pk__gt=from_key)
    if end is not None:
        rows = rows.filter(pk__gte=end) if down else rows.filter(pk__lte=end)
    return rows


def goes_back(request: HttpRequest) -> bool:
    """Tells whether the address asks for what leads to a key."""
    return key_of(request, "after") is None and key_of(request, "before") is not None


def is_whole(request: HttpRequest, page: Stretch[M]) -> bool:
    """Tells whether the page has all that the list has."""
    begins = key_of(request, "after") is None and key_of(request, "before") is None
    return begins and page.before is None and page.after is None


def _onwards(rows: QuerySet[M], key: int, n: int, down: bool) -> list[M]:
    """Finds the n rows next to the key, the nearest first."""
    return list(rows.filter(pk__lt=key).order_by("-pk")[:n] if down else rows.filter(pk__gt=key).order_by("pk")[:n])


def key_of(request: HttpRequest, name: str) -> int | None:
    """Reads a key from the address; None where it is none."""
    value = request.GET.get(name, "")
    is_key = value.isascii() and value.isdecimal() and len(value) <= 19 and int(value) < LARGEST_KEY
    return int(value) if is_key else None
