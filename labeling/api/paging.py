"""Lists in pages. A cursor stays right while rows are added, and costs the same on the last page as on the first."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.generics import GenericAPIView
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class OldestFirst(CursorPagination):
    """A reader who kept the last `next` goes on from there."""

    ordering = "id"
    page_size_query_param = "page_size"
    max_page_size = 1000


class NewestFirst(OldestFirst):
    ordering = "-id"


class PagedView(GenericAPIView[Any]):
    """A view whose GET answers a page of its serializer."""

    pagination_class: type[CursorPagination] | None = OldestFirst

    def page(self, rows: QuerySet[Any, Any]) -> Response:
        return self.get_paginated_response(self.get_serializer(self.paginate_queryset(rows), many=True).data)
