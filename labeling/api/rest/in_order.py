"""Pages in an order of their own, whose places have two parts: a value and a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rest_framework.pagination import Cursor
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.answers.ordered_prompts import Page
from labeling.answers.prompt_orders import Order, Place, read_place
from labeling.api.rest.looks import Looking
from labeling.api.rest.short_pages import ShortPages

# An order, and what finds a page of a size in it that follows a place, `after`, or leads to one, `before`.
InOrderOf = tuple[Order, Callable[..., Page]]


class InOrder(ShortPages, Looking):
    """Pages of a view that has `in_order`, an order and what finds a page in it; else as those of others."""

    in_order: InOrderOf | None = None
    on: Cursor | None = None
    back: Cursor | None = None

    def is_place(self, position: str) -> bool:
        if self.in_order is None:
            return super().is_place(position)
        return read_place(position, self.in_order[0]) is not None

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> Any:
        self.in_order = getattr(view, "in_order", None)
        if self.in_order is None:
            return super().paginate_queryset(queryset, request, view)
        self.base_url = request.build_absolute_uri()
        order, find = self.in_order
        cursor = self.decode_cursor(request)
        place = read_place(str(cursor.position), order) if cursor and cursor.position is not None else None
        backwards = cursor is not None and cursor.reverse
        found = find(size=self.get_page_size(request), **{"before" if backwards else "after": place})
        self.page = [{"id": place.key} for place in self._fitting(found, place, backwards)]
        return self.page

    def _fitting(self, found: Page, place: Place | None, backwards: bool) -> Sequence[Place]:
        """Gives the places that fit into one answer, those next to the cursor first to be kept, and sets the links."""
        near = found.places[::-1] if backwards else found.places
        n = self.fitting([each.key for each in near])
        before, after = found.before, found.after
        if n < len(near):
            near = near[:n]
            before, after = (near[-1], after) if backwards else (before, near[-1])
        if found.end is not None:
            before, after = (before or found.end, after) if backwards else (before, after or found.end)
        self.back = None if before is None else _at(before, back=True)
        self.on = None if after is None else _at(after)
        return near[::-1] if backwards else near

    def get_next_link(self) -> str | None:
        if self.in_order is None:
            return super().get_next_link()
        return None if self.on is None else self.encode_cursor(self.on)

    def get_previous_link(self) -> str | None:
        if self.in_order is None:
            return super().get_previous_link()
        return None if self.back is None else self.encode_cursor(self.back)


def _at(place: Place, *, back: bool = False) -> Cursor:
    position: Any = str(place)
    return Cursor(0, back, position)
