"""Lists in pages. A cursor stays right while rows are added, and costs the same on the last page as on the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, NotFound
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling.api.rest.requests import LARGEST_ID, METHODS, Door, whole

PAGE, LARGEST_PAGE = 100, 1000


class Look(Protocol):
    """Tells the last key that one look goes through; None where there are no more rows."""

    def __call__(self, *, from_key: int | None, down: bool) -> int | None: ...


class OldestFirst(CursorPagination):
    """A reader who kept the last `next` goes on from there."""

    ordering = "id"
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE

    def get_page_size(self, request: Request) -> int:
        return whole(request, "page_size", low=1, high=LARGEST_PAGE, example=PAGE) or PAGE

    def decode_cursor(self, request: Request) -> Cursor | None:
        """A cursor names a place in a list. One that names none, made up or cut short, is not found."""
        try:
            cursor: Cursor | None = super().decode_cursor(request)
        except NotFound as error:
            raise self._no_such_place(request) from error
        if not request.query_params.get("cursor"):
            return None
        if cursor is None or not (cursor.offset or cursor.reverse or cursor.position is not None):
            raise self._no_such_place(request)
        if cursor.position is not None and not self.is_place(str(cursor.position)):
            raise self._no_such_place(request)
        return cursor

    def is_place(self, position: str) -> bool:
        return bool(re.fullmatch(r"[0-9]{1,19}", position)) and int(position) <= LARGEST_ID

    def _no_such_place(self, request: Request) -> NotFound:
        message = _("The cursor %(value)r names no place in this list; follow 'next' as it was answered.")
        detail = ErrorDetail(message % {"value": request.query_params["cursor"][:80]}, code="not_found")
        return NotFound({"cursor": [detail]})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**link, "description": "The page after this one; null on the last."},
                "previous": {**link, "description": "The page before this one; null on the first."},
                "results": {**schema, "maxItems": LARGEST_PAGE},
            },
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}
        cursor = {"type": "string", "pattern": r"^[^\u0000]*$"}
        words = "A place in the list, as `next` and `previous` hold it."
        return [
            {"name": "cursor", "required": False, "in": "query", "description": words, "schema": cursor},
            {"name": "page_size", "required": False, "in": "query", "description": "Rows a page.", "schema": size},
        ]


class NewestFirst(OldestFirst):
    ordering = "-id"


class PagedView(Door, GenericAPIView[Any]):
    """A view whose GET answers a page of its serializer."""

    http_method_names = METHODS
    pagination_class: type[CursorPagination] | None = OldestFirst
    look: Look | None = None  # of a list that has pages of Looking

    def parameters(self, method: str) -> Collection[str]:
        paging = ("cursor", "page_size") if method in ("get", "head") else ()
        return (*paging, *super().parameters(method))

    def page(self, rows: QuerySet[Any, Any], written: Callable[[Sequence[Any]], list[Any]] | None = None) -> Response:
        """Answers a page of rows; of a list that people page through by the thousand, written by hand."""
        found = self.paginate_queryset(rows)
        return self.get_paginated_response(
            written(found or ()) if written else self.get_serializer(found, many=True).data
        )
