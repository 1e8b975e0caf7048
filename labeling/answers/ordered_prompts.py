"""Prompts in an order of their own: pages from place to place, by an index, at any depth and at a cost that has an end.

What follows a place is asked for in spans (prompt_orders.py beside it), each of which an index names from its first to
its last row. See docs/decisions/0173.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models import F, Q, QuerySet

from labeling.answers import finding
from labeling.answers.finding_prompts import FARTHEST, PromptConditions, indexed, meeting
from labeling.answers.prompt_orders import Order, Place, spans
from labeling.answers.search.finding import Among
from labeling.models import Project, Prompt

MOST_SORTED = 10_000  # prompts that an index names and that are sorted; of more the order's own index is walked along


@dataclass(frozen=True)
class Page:
    """Prompts in the list's order, and where it goes on: None where there are no more.

    end: where a look ended that did not go through all; looked: through how many it went.
    """

    places: Sequence[Place]
    before: Place | None = None
    after: Place | None = None
    end: Place | None = None
    looked: int = 0

    @property
    def keys(self) -> list[int]:
        return [place.key for place in self.places]


def find_page(
    project: Project,
    asked: PromptConditions,
    order: Order,
    *,
    size: int,
    after: Place | None = None,
    before: Place | None = None,
    since: int | None = None,
    names: Collection[str] = (),
    or_last: bool = False,
) -> Page:
    """Finds the page that follows a place, or leads to one; else the first.

    since: only prompts of a greater key. names: only those of these ids, which are few. or_last: the last page where
    what followed the place is gone.
    """
    goes_back = after is None and before is not None
    way = order.backwards if goes_back else order
    place = before if goes_back else after
    rows = _rows(project, asked, way, place, since, names)
    found = rows.following(place, size + 1)
    if goes_back:
        return _leading_to(place, found, rows, order, size)
    if or_last and not found and place is not None and not rows.is_a_look:
        rows = replace(rows, order=order.backwards)
        return _leading_to(None, rows.following(None, size + 1), rows, order, size)
    return Page(
        found[:size],
        before=found[0] if found and place is not None else None,
        after=found[size - 1] if len(found) > size else None,
        end=rows.end,
        looked=rows.looked,
    )


def _leading_to(place: Place | None, found: list[Place], rows: _Rows, order: Order, size: int) -> Page:
    """Gives what leads to a place, or to the list's end; where that is less than a page, the list's first page."""
    if len(found) <= size and place is not None and rows.end is None:
        found = replace(rows, order=order).following(None, size + 1)
        return Page(found[:size], after=found[size - 1] if len(found) > size else None)
    shown = found[:size][::-1]
    return Page(
        shown,
        before=shown[0] if len(found) > size else None,
        after=shown[-1] if shown and place is not None else None,
        end=rows.end,
        looked=rows.looked,
    )


def has_pages(asked: PromptConditions, order: Order) -> bool:
    """Tells whether pages can be counted off along an index: where nothing narrows the list, or it is the queue."""
    return not asked or _is_queue(asked, order)


def place_at(project: Project, asked: PromptConditions, order: Order, n: int) -> Place | None:
    """Finds the prompt after n others where has_pages, as far as FARTHEST, by counting entries of an index."""
    if n >= FARTHEST:
        return None
    return next(iter(_Rows(meeting(project.prompts.all(), asked), order).following(None, 1, skipped=n)), None)


def place_of(project: Project, order: Order, key: int) -> Place | None:
    """Gives where the prompt of a key stands; None where it is gone."""
    return next(iter(_Rows(project.prompts.filter(pk=key), order).following(None, 1)), None)


def just_before(place: Place, order: Order) -> Place:
    """Gives the place that a prompt's own follows."""
    return replace(place, key=place.key + (1 if order.from_end else -1))


@dataclass(frozen=True)
class _Rows:
    """Prompts to be read in an order.

    name: of the value where it isn't the order's column, so that no index is in this order and they are sorted.
    is_a_look: they are found among others; end: up to where, if one look does not go through all.
    """

    rows: QuerySet[Prompt]
    order: Order
    name: str = ""
    is_a_look: bool = False
    end: Place | None = None
    looked: int = 0

    def following(self, place: Place | None, n: int, *, skipped: int = 0) -> list[Place]:
        """Finds the next n, or those after some others, in one statement that reads no span before it needs it."""
        name = self.name or self.order.column
        each = [self._in_order(name, span) for span in spans(self.order, name, place, self.end)]
        if len(each) == 1:
            found = each[0][skipped : skipped + n]
        else:
            # The spans come one after the other, as they are written: what has a LIMIT is never read in parallel.
            first, *others = (rows[: skipped + n] for rows in each)
            found = first.union(*others, all=True)[skipped : skipped + n]
        return [Place(*row) for row in found]

    def _in_order(self, name: str, span: Q) -> QuerySet[Prompt, Any]:
        sign = "-" if self.order.from_end else ""
        by = [] if self.name else [f"{sign}project_id"]  # as the index has it
        by += [f"{'-' if self.order.falls else ''}{name}"] if name else []
        return self.rows.filter(span).order_by(*by, f"{sign}pk").values_list(*filter(None, ("pk", name)))


def _is_queue(asked: PromptConditions, order: Order) -> bool:
    """Tells whether the index by which the queue is served has just these, in this order."""
    return order.column == "priority" and asked == PromptConditions(state="waiting")


def _rows(
    project: Project,
    asked: PromptConditions,
    way: Order,
    place: Place | None,
    since: int | None,
    names: Collection[str],
) -> _Rows:
    """Gives the prompts that are meant: sorted where few can be, else one look along an index."""
    rows = meeting(project.prompts.all(), asked)
    if since is not None:
        rows = rows.filter(pk__gt=since)
    if names:
        return _sorted(rows.filter(external_id__in=names), way)
    if asked.is_of_few:
        return _sorted(rows, way)
    if not way.column:
        base = indexed(project, asked)
        return _looked_through(rows, base, asked, way, place) if asked.needs_a_look else _Rows(rows, way)
    if has_pages(asked, way) and since is None:
        return _Rows(rows, way)
    if (few := _few(project, asked)) is not None:
        return _sorted(rows.filter(Among("pk", f"{{{','.join(map(str, few))}}}")), way)
    return _looked_through(rows, project.prompts.all(), asked, way, place)


def _few(project: Project, asked: PromptConditions) -> list[int] | None:
    """Gives the prompts of the smallest index that has all that are meant; None where it has many."""
    if not (asked.tag or asked.disagreement or asked.state):
        return None
    base = indexed(project, asked)
    if finding.end_of(base, from_key=None, down=False, n=MOST_SORTED) is not None:
        return None
    return list(base.order_by("project_id", "pk").values_list("pk", flat=True)[: MOST_SORTED + 1])


def _sorted(rows: QuerySet[Prompt], way: Order) -> _Rows:
    """Has them sorted by a value that no index has: else the database may walk past a million others instead."""
    if not way.column:
        return _Rows(rows, way)
    nothing: Any = timedelta(0) if way.has_gaps else 0
    return _Rows(rows.annotate(sorted_by=F(way.column) + nothing), way, name="sorted_by")


def _looked_through(
    rows: QuerySet[Prompt], base: QuerySet[Prompt], asked: PromptConditions, way: Order, place: Place | None
) -> _Rows:
    last = _Rows(base, way).following(place, 2, skipped=asked.looked_through)
    end = last[0] if len(last) > 1 else None
    return _Rows(rows, way, is_a_look=True, end=end, looked=0 if end is None else asked.looked_through)
