"""Pairs with where each came from. Their texts are the export's."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import access
from labeling.api.paging import PagedView
from labeling.api.requests import AFTER, LABELER, after, by_labeler
from labeling.errors import Invalid
from labeling.models import PreferencePair, Split


class PairSerializer(serializers.ModelSerializer[PreferencePair]):
    prompt = serializers.CharField(source="prompt_id")
    split = serializers.CharField(source="prompt.split")
    chosen = serializers.CharField(source="chosen_id")
    rejected = serializers.CharField(source="rejected_id")
    labeler = serializers.CharField(source="labeler.username")
    margin = serializers.IntegerField(
        allow_null=True, help_text="1 slightly, 2 clearly, 3 much better; null where it was not asked."
    )

    class Meta:
        model = PreferencePair
        fields = (
            "id", "prompt", "split", "ranking", "labeler", "chosen", "rejected", "rank_gap", "margin",
            "chosen_position", "rejected_position", "created_at",
        )  # fmt: skip


class Pairs(PagedView):
    serializer_class = PairSerializer

    @extend_schema(
        operation_id="pairs_list", parameters=[AFTER, LABELER, OpenApiParameter("split", str, enum=Split.values)]
    )
    def get(self, request: Request, slug: str) -> Response:
        """Pairs of the rankings that you may see, oldest first, of every split unless one is named."""
        project = access.get_project(request.user, slug)
        rows = PreferencePair.objects.filter(ranking__in=access.rankings_of(request.user, project))
        rows = by_labeler(after(rows.select_related("prompt", "labeler"), request), request)
        split = request.query_params.get("split")
        if split and split not in Split.values:
            message = _("%(field)s is one of %(known)s; got %(value)r.")
            known = {"field": "split", "known": ", ".join(Split.values), "value": split}
            raise Invalid("unknown_split", message % known, attr="split")
        return self.page(rows.filter(prompt__split=split) if split else rows)
