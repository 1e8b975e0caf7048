"""Pages that end early, where their rows are long: a thousand of the longest rows would take gigabytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.api.rest.paging import OldestFirst

Row = dict[str, Any]


class ShortPages(OldestFirst):
    """Pages of rows {"id"}, of which the first that fit are kept; the link on to the others begins where they end."""

    def fitting(self, keys: Sequence[int]) -> int:
        """Tells how many of these rows, in this order, fit into one answer: one at least, where there are any."""
        raise NotImplementedError

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> Any:
        page: list[Row] = super().paginate_queryset(queryset, request, view) or []
        backwards = bool(self.cursor and self.cursor.reverse)
        near = page[::-1] if backwards else page  # those next to the cursor first
        n = self.fitting([row["id"] for row in near])
        if n < len(near):
            self._cut(near, n, backwards)
        return self.page

    def _cut(self, near: Sequence[Row], n: int, backwards: bool) -> None:
        beyond = str(near[n]["id"])
        if backwards:
            self.page = list(near[:n])[::-1]
            self.has_previous, self.previous_position = True, beyond
        else:
            self.page = list(near[:n])
            self.has_next, self.next_position = True, beyond
