"""What a request says: who asks, and what a list is narrowed by."""

from __future__ import annotations

import re
from typing import TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from labeling.errors import Invalid
from labeling.models import User

Row = TypeVar("Row", bound=Model)

AFTER = OpenApiParameter("since", int, description="Only rows with a greater id: what is new since you last looked.")
LABELER = OpenApiParameter("labeler", str, description="Only this username's.")

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    "header",
    description='The ETag of the draft that this one goes on from, such as "3"; 412 if it has changed.',
)

LARGEST_ID = 2**63 - 1


def person(request: Request) -> User:
    """Who asks. Nobody gets as far as a view without being someone: the default permission sees to it."""
    assert isinstance(request.user, User)
    return request.user


def revision(request: Request) -> int | None:
    """The revision that a write goes on from, by its If-Match; None where the sender doesn't mind."""
    tag = request.headers.get("If-Match", "*").strip()
    if tag == "*":
        return None
    found = re.fullmatch(r'"([0-9]{1,9})"', tag)
    if found is None:
        message = _('If-Match is the ETag of what you go on from, such as "3"; got %(value)r.')
        raise Invalid("invalid", message % {"value": tag}, attr="If-Match")
    return int(found[1])


def after(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    since = request.query_params.get("since")
    if not since:
        return rows
    if not (since.isascii() and since.isdigit() and int(since) <= LARGEST_ID):
        message = _("since is the id of the last row you have, such as 41; got %(value)r.")
        raise Invalid("invalid", message % {"value": since}, attr="since")
    return rows.filter(pk__gt=int(since))


def by_labeler(rows: QuerySet[Row, Row], request: Request) -> QuerySet[Row, Row]:
    labeler = request.query_params.get("labeler")
    return rows.filter(labeler__username=labeler) if labeler else rows
