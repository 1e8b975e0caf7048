"""Orders of prompts, and places in them: a prompt's value with its key, for many prompts have the same value.

What lies between two places is told in spans, each of which the order's index names from its first to its last row:
those of the same value, those of the values between, and those without a value, which stand last whichever way the
order goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q

LARGEST_KEY = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Order:
    """By which column, whether its values fall, and whether the index (project, column, key) is read from its end.

    Without a column it is the order of import. gaps_first: where the list is read backwards, for those without a value
    are its last.
    """

    column: str = ""
    falls: bool = False
    from_end: bool = False
    gaps_first: bool = False

    @property
    def has_gaps(self) -> bool:
        """Tells whether a prompt may be without a value."""
        return self.column == "last_ranked_at"

    @property
    def backwards(self) -> Order:
        return Order(self.column, not self.falls, not self.from_end, not self.gaps_first)


# As the address of a list says them; with a minus the highest value comes first.
ORDERS = {
    "newest": Order(from_end=True),
    "-priority": Order("priority", falls=True),
    "priority": Order("priority", from_end=True),
    "-last_ranked": Order("last_ranked_at", falls=True, from_end=True),
    "last_ranked": Order("last_ranked_at"),
}


@dataclass(frozen=True)
class Place:
    """Where a prompt of this key stands, or stood. value: None where it has none, or the order has no column."""

    key: int
    value: int | datetime | None = None

    def __str__(self) -> str:
        """Gives it as an address has it: 9_17, 1764504000000000_17, or _17 where there is no value."""
        value = (self.value - _EPOCH) // _MICROSECOND if isinstance(self.value, datetime) else self.value
        return f"{'' if value is None else value}_{self.key}"


def read_place(text: str, order: Order) -> Place | None:
    """Reads what Place.__str__ wrote; None where it is no place of this order."""
    match = re.fullmatch(r"(-?[0-9]{1,19})?_([0-9]{1,19})", text)
    if match is None or int(match[2]) > LARGEST_KEY:
        return None
    key, value = int(match[2]), None if match[1] is None else int(match[1])
    if order.column == "priority":
        return Place(key, value) if value is not None and abs(value) < 2**15 else None
    if value is None:
        return Place(key)
    try:
        return Place(key, _EPOCH + value * _MICROSECOND) if order.has_gaps else None
    except OverflowError:
        return None


def spans(order: Order, name: str, start: Place | None, end: Place | None) -> Iterator[Q]:
    """Gives what lies after the start and up to the end, in the order of its rows; either may be open.

    name: of the value, which is the order's column or stands for it.
    """
    if not order.column or (start and end and start.value == end.value):
        same = _with(name, start.value) if order.column and start else Q()
        yield same & _beyond(order, start) & _up_to(order, end)
        return
    gaps = Q(**{f"{name}__isnull": True})
    if order.gaps_first and order.has_gaps and start is None and (end is None or end.value is not None):
        yield gaps
    if start is not None:
        yield _with(name, start.value) & _beyond(order, start)
    from_gaps, to_gaps = (place is not None and order.has_gaps and place.value is None for place in (start, end))
    if not (to_gaps if order.gaps_first else from_gaps):
        yield _between(order, name, start, end)
    if end is not None:
        yield _with(name, end.value) & _up_to(order, end)
    if not order.gaps_first and order.has_gaps and end is None and not from_gaps:
        yield gaps


def _with(name: str, value: object) -> Q:
    return Q(**{f"{name}__isnull": True}) if value is None else Q(**{name: value})


def _between(order: Order, name: str, start: Place | None, end: Place | None) -> Q:
    """Gives the values between those of two places, which are left out."""
    more, less = ("lt", "gt") if order.falls else ("gt", "lt")
    between = Q(**{f"{name}__isnull": False}) if order.has_gaps else Q()
    if start is not None and start.value is not None:
        between &= Q(**{f"{name}__{more}": start.value})
    if end is not None and end.value is not None:
        between &= Q(**{f"{name}__{less}": end.value})
    return between


def _beyond(order: Order, place: Place | None) -> Q:
    if place is None:
        return Q()
    return Q(pk__lt=place.key) if order.from_end else Q(pk__gt=place.key)


def _up_to(order: Order, place: Place | None) -> Q:
    if place is None:
        return Q()
    return Q(pk__gte=place.key) if order.from_end else Q(pk__lte=place.key)
