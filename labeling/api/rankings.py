"""Rankings: your own, or everyone's for a reviewer or manager."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import AFTER, LABELER, after, by_labeler
from labeling.models import RankedCompletion, Ranking, Role
from labeling.people import access
from labeling.queue import shown_ids


class RankedSerializer(serializers.ModelSerializer[RankedCompletion]):
    id = serializers.SerializerMethodField(help_text="As the task has it, and as a changed answer takes it.")

    class Meta:
        model = RankedCompletion
        fields = ("id", "rank", "shown_position", "flags", "note")

    def get_id(self, place: RankedCompletion) -> str:
        return shown_ids.of(place.ranking.assignment, place.completion_id)


class KnownRankedSerializer(RankedSerializer):
    id = serializers.CharField(source="completion_id", help_text="The same in every ranking of its prompt.")  # type: ignore[assignment]
    external_id = serializers.CharField(
        source="completion.external_id", required=False, help_text="Its id in the imported row."
    )
    model = serializers.CharField(source="completion.model_name", required=False, help_text="Who wrote it.")

    class Meta(RankedSerializer.Meta):
        fields = (*RankedSerializer.Meta.fields, "external_id", "model")  # type: ignore[assignment]


class RankingSerializer(serializers.ModelSerializer[Ranking]):
    """Blind: what the labeler saw and said."""

    labeler = serializers.CharField(source="labeler.username")
    ranked = RankedSerializer(many=True)
    strength = serializers.IntegerField(
        allow_null=True, help_text="1 slightly, 2 clearly, 3 much better; null where it was not asked."
    )

    class Meta:
        model = Ranking
        fields = (
            "id", "assignment", "labeler", "revision", "source", "ranked", "strength", "comment", "active_seconds",
            "created_at",
        )  # fmt: skip


class KnownRankingSerializer(RankingSerializer):
    """For those who may know what came from where."""

    prompt = serializers.CharField(source="prompt_id", required=False)  # none for a labeler, as what follows
    external_id = serializers.CharField(
        source="prompt.external_id", required=False, help_text="The prompt's id in the imported file."
    )
    ranked = KnownRankedSerializer(many=True)

    class Meta(RankingSerializer.Meta):
        fields = (*RankingSerializer.Meta.fields, "prompt", "external_id")  # type: ignore[assignment]


class Rankings(PagedView):
    serializer_class: type[RankingSerializer] = KnownRankingSerializer
    for_labelers = True
    query = {"get": ("since", "labeler")}

    @extend_schema(
        operation_id="rankings_list", parameters=[AFTER, LABELER], responses=KnownRankingSerializer(many=True)
    )
    def get(self, request: Request, slug: str) -> Response:
        """Live rankings, oldest first.

        A labeler gets their own, without `prompt`, `external_id` and `model`, and completions by their task's ids.
        """
        project = access.get_project(request.user, slug)
        if access.role_in(request.user, project) == Role.LABELER:
            self.serializer_class = RankingSerializer
        rows = access.rankings_of(request.user, project)
        rows = rows.select_related("labeler", "prompt", "assignment").prefetch_related("ranked__completion")
        return self.page(by_labeler(after(rows, request), request))
