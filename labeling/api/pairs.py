"""Pairs with where each came from. Their texts are the export's.

Rows are written from the columns that they show, as in labeling/api/rankings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import AFTER, LABELER, after, by_labeler, one_of
from labeling.models import PreferencePair, Role, Split
from labeling.people import access
from labeling.queue import shown_ids

Row = dict[str, Any]


class PairSerializer(serializers.ModelSerializer[PreferencePair]):
    """Blind: completions by the ids of their task."""

    split = serializers.CharField(source="prompt.split")
    chosen = serializers.CharField(read_only=True)
    rejected = serializers.CharField(read_only=True)
    labeler = serializers.CharField(source="labeler.username")
    margin = serializers.IntegerField(
        allow_null=True, help_text="1 slightly, 2 clearly, 3 much better; null where it was not asked."
    )

    class Meta:
        model = PreferencePair
        fields = (
            "id", "split", "ranking", "labeler", "chosen", "rejected", "rank_gap", "margin", "chosen_position",
            "rejected_position", "created_at",
        )  # fmt: skip


class KnownPairSerializer(PairSerializer):
    """For those who may know what came from where: ids that are the same in every ranking of a prompt."""

    prompt = serializers.CharField(source="prompt_id", required=False)  # none for a labeler
    chosen = serializers.CharField(source="chosen_id")
    rejected = serializers.CharField(source="rejected_id")

    class Meta(PairSerializer.Meta):
        fields = (*PairSerializer.Meta.fields, "prompt")  # type: ignore[assignment]


class Pairs(PagedView):
    serializer_class = KnownPairSerializer
    for_labelers = True
    query = {"get": ("since", "labeler", "split")}

    @extend_schema(
        operation_id="pairs_list",
        parameters=[AFTER, LABELER, OpenApiParameter("split", str, enum=Split.values)],
        responses=KnownPairSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Pairs of the rankings that you may see, oldest first, of every split unless one is named.

        A labeler gets their own, without `prompt`, and completions by their task's ids.
        """
        project = access.get_project(request.user, slug)
        known = access.role_in(request.user, project) != Role.LABELER
        rows = PreferencePair.objects.filter(ranking__in=access.rankings_of(request.user, project))
        rows = by_labeler(after(rows, request), request)
        split = one_of(request, "split", Split.values, code="unknown_split")
        rows = rows.filter(prompt__split=split) if split else rows
        columns = ("prompt_id",) if known else ("ranking__assignment_id", "ranking__assignment__seed")
        return self.page(rows.values(*COLUMNS, *columns), written_known if known else written_blind)


COLUMNS = (
    "id", "prompt__split", "ranking_id", "labeler__username", "chosen_id", "rejected_id", "rank_gap", "margin",
    "chosen_position", "rejected_position", "created_at",
)  # fmt: skip
_time = serializers.DateTimeField().to_representation


def written_known(pairs: Sequence[Row]) -> list[Row]:
    """Writes what KnownPairSerializer declares."""
    return [
        {**_row(pair, str(pair["chosen_id"]), str(pair["rejected_id"])), "prompt": str(pair["prompt_id"])}
        for pair in pairs
    ]


def written_blind(pairs: Sequence[Row]) -> list[Row]:
    """Writes what PairSerializer declares: completions by the ids of their task."""
    rows = []
    for pair in pairs:
        task = pair["ranking__assignment_id"], pair["ranking__assignment__seed"]
        rows.append(_row(pair, *(shown_ids.hashed(*task, pair[key]) for key in ("chosen_id", "rejected_id"))))
    return rows


def _row(pair: Row, chosen: str, rejected: str) -> Row:
    return {
        "id": pair["id"],
        "split": pair["prompt__split"],
        "ranking": pair["ranking_id"],
        "labeler": pair["labeler__username"],
        "chosen": chosen,
        "rejected": rejected,
        "rank_gap": pair["rank_gap"],
        "margin": pair["margin"],
        "chosen_position": pair["chosen_position"],
        "rejected_position": pair["rejected_position"],
        "created_at": _time(pair["created_at"]),
    }
