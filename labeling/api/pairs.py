"""Pairs with where each came from. Their texts are the export's.

Rows are written from the columns that they show, as in labeling/api/rankings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest import narrowed
from labeling.api.rest.paging import PagedView
from labeling.models import PreferencePair, Role
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
    external_id = serializers.CharField(
        source="prompt.external_id", required=False, help_text="The prompt's id in the imported file."
    )
    chosen_external_id = serializers.CharField(source="chosen.external_id", required=False)
    rejected_external_id = serializers.CharField(source="rejected.external_id", required=False)
    chosen_model = serializers.CharField(source="chosen.model_name", required=False, help_text="Who wrote it.")
    rejected_model = serializers.CharField(source="rejected.model_name", required=False)
    source = serializers.CharField(  # type: ignore[assignment]  # a field here, not where a field comes from
        source="ranking.source", required=False, help_text="The ranking's: labeled or imported."
    )

    class Meta(PairSerializer.Meta):
        fields = (  # type: ignore[assignment]
            *PairSerializer.Meta.fields, "prompt", "external_id", "chosen_external_id", "rejected_external_id",
            "chosen_model", "rejected_model", "source",
        )  # fmt: skip


class Pairs(PagedView):
    serializer_class = KnownPairSerializer
    query = {"get": narrowed.NAMES}

    @extend_schema(
        operation_id="pairs_list",
        parameters=narrowed.PARAMETERS,
        responses=KnownPairSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Pairs of the rankings that you may see, oldest first, of every split unless one is named.

        A labeler gets their own, without what tells a prompt, a file or a model, and completions by their task's ids.
        """
        project = access.get_project(request.user, slug, at_least=narrowed.role_for(request))
        known = access.role_in(request.user, project) != Role.LABELER
        rows = PreferencePair.objects.filter(ranking__in=access.rankings_of(request.user, project))
        rows = narrowed.narrowed(rows, request, ranking="ranking__")
        if known:
            return self.page(rows.values(*COLUMNS, *KNOWN), written_known)
        return self.page(rows.values(*COLUMNS, "ranking__assignment_id", "ranking__assignment__seed"), written_blind)


COLUMNS = (
    "id", "prompt__split", "ranking_id", "labeler__username", "chosen_id", "rejected_id", "rank_gap", "margin",
    "chosen_position", "rejected_position", "created_at",
)  # fmt: skip
KNOWN = (
    "prompt_id", "prompt__external_id", "chosen__external_id", "rejected__external_id", "chosen__model_name",
    "rejected__model_name", "ranking__source",
)  # fmt: skip
_time = serializers.DateTimeField().to_representation


def written_known(pairs: Sequence[Row]) -> list[Row]:
    """Writes what KnownPairSerializer declares."""
    return [{**_row(pair, str(pair["chosen_id"]), str(pair["rejected_id"])), **_known(pair)} for pair in pairs]


def _known(pair: Row) -> Row:
    return {
        "prompt": str(pair["prompt_id"]),
        "external_id": pair["prompt__external_id"],
        "chosen_external_id": pair["chosen__external_id"],
        "rejected_external_id": pair["rejected__external_id"],
        "chosen_model": pair["chosen__model_name"],
        "rejected_model": pair["rejected__model_name"],
        "source": pair["ranking__source"],
    }


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
