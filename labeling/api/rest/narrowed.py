"""What lists of rankings and of their pairs are narrowed by."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from labeling.api.rest.requests import AFTER, LABELER, NO_NUL, Row, after, by_labeler, one_of, truth
from labeling.models import Ranking, Role, Split

PARAMETERS = [
    AFTER,
    LABELER,
    OpenApiParameter("split", str, enum=Split.values),
    OpenApiParameter("source", str, enum=Ranking.Source.values, description="Ranked here, or in the imported file."),
    OpenApiParameter(
        "prompt",
        NO_NUL,
        description="Only of the prompt with this id in the imported file; for reviewers and managers.",
    ),
]
NAMES = tuple(parameter.name for parameter in PARAMETERS)


def role_for(request: Request) -> Role:
    """Gives the role that the address needs: a labeler who asked for a file's id would learn whether a task is it."""
    asks = request.query_params.get("prompt") or truth(request, "ended") or truth(request, "given")
    return Role.REVIEWER if asks else Role.LABELER


def narrowed(rows: QuerySet[Row, Row], request: Request, *, ranking: str = "") -> QuerySet[Row, Row]:
    """Gives the rows that the address asks for; `ranking` is the way from a row to its ranking. Raises Invalid."""
    rows = by_labeler(after(rows, request), request)
    if split := one_of(request, "split", Split.values, code="unknown_split"):
        rows = rows.filter(prompt__split=split)
    if source := one_of(request, "source", Ranking.Source.values, code="unknown_source"):
        rows = rows.filter(**{f"{ranking}source": source})
    if prompt := request.query_params.get("prompt"):
        rows = rows.filter(prompt__external_id=prompt)
    return rows
