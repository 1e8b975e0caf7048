"""What a request says: who asks, and what a list is narrowed by."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from labeling.errors import Invalid
from labeling.models import User

Row = TypeVar("Row", bound=Model)

AFTER = OpenApiParameter("since", int, description="Only rows with a greater id: what is new since you last looked.")
LABELER = OpenApiParameter("labeler", str, description="Only this username's.")

LARGEST_ID = 2**63 - 1


def person(request: Request) -> User:
    """Who asks. Nobody gets as far as a view without being someone: the default permission sees to it."""
    assert isinstance(request.user, User)
    return request.user


def after(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    since = request.query_params.get("since")
    if not since:
        return rows
    if not (since.isascii() and since.isdigit() and int(since) <= LARGEST_ID):
        raise Invalid("invalid", f"since is the id of the last row you have, such as 41; got {since!r}.", attr="since")
    return rows.filter(pk__gt=int(since))


def by_labeler(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    labeler = request.query_params.get("labeler")
    return rows.filter(labeler__username=labeler) if labeler else rows
