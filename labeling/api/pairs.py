"""Pairs with where each came from. Their texts are the export's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.paging import PagedView
from labeling.api.rest.requests import AFTER, LABELER, after, by_labeler
from labeling.errors import Invalid
from labeling.models import PreferencePair, Role, Split
from labeling.people import access
from labeling.queue import shown_ids


class PairSerializer(serializers.ModelSerializer[PreferencePair]):
    """Blind: completions by the ids of their task."""

    split = serializers.CharField(source="prompt.split")
    chosen = serializers.SerializerMethodField()
    rejected = serializers.SerializerMethodField()
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

    def get_chosen(self, pair: PreferencePair) -> str:
        return shown_ids.of(pair.ranking.assignment, pair.chosen_id)

    def get_rejected(self, pair: PreferencePair) -> str:
        return shown_ids.of(pair.ranking.assignment, pair.rejected_id)


class KnownPairSerializer(PairSerializer):
    """For those who may know what came from where: ids that are the same in every ranking of a prompt."""

    prompt = serializers.CharField(source="prompt_id", required=False)  # none for a labeler
    chosen = serializers.CharField(source="chosen_id")  # type: ignore[assignment]
    rejected = serializers.CharField(source="rejected_id")  # type: ignore[assignment]

    class Meta(PairSerializer.Meta):
        fields = (*PairSerializer.Meta.fields, "prompt")  # type: ignore[assignment]


class Pairs(PagedView):
    serializer_class: type[PairSerializer] = KnownPairSerializer
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
        if access.role_in(request.user, project) == Role.LABELER:
            self.serializer_class = PairSerializer
        rows = PreferencePair.objects.filter(ranking__in=access.rankings_of(request.user, project))
        rows = by_labeler(after(rows.select_related("prompt", "labeler", "ranking__assignment"), request), request)
        split = request.query_params.get("split")
        if split and split not in Split.values:
            message = _("%(field)s is one of %(known)s; got %(value)r.")
            known = {"field": "split", "known": ", ".join(Split.values), "value": split}
            raise Invalid("unknown_split", message % known, attr="split")
        return self.page(rows.filter(prompt__split=split) if split else rows)
