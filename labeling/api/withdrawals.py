"""Prompts withdrawn and put back: by their ids, a file of these, or what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.prompts import JSON_LINES
from labeling.api.rest.fields import Choice, Several, Text
from labeling.api.rest.parsing import JSONParser
from labeling.api.rest.requests import KnownFields, View, truth
from labeling.data.importing.upload_lines import lines_of
from labeling.data.withdrawing import choices, withdrawals
from labeling.data.withdrawing.withdrawals import Outcome
from labeling.errors import Invalid
from labeling.models import Project, Role, Split
from labeling.people import access

MOST_IDS = 10_000  # of a JSON body
LINES = (*JSON_LINES, "application/octet-stream")
DRY_RUN = OpenApiParameter("dry_run", bool, description="Say what would be done and do nothing.")


class ChosenSerializer(KnownFields):
    ids = Several(
        child=Text(max_length=choices.LONGEST_ID, trim_whitespace=False),
        required=False,
        min_length=1,
        max_length=MOST_IDS,
        help_text="Ids of prompts. Send more as lines.",
    )
    split = Choice(choices=Split.choices, required=False)
    state = Choice(choices=tuple(choices.STATES), required=False)
    id_begins = Text(required=False, max_length=choices.LONGEST_ID, trim_whitespace=False)
    metadata_key = Text(required=False, max_length=200, trim_whitespace=False)
    metadata_value = Text(required=False, max_length=2000, trim_whitespace=False, help_text="With metadata_key alone.")
    imported_from = serializers.DateField(required=False, help_text="The first day, in the site's time zone.")
    imported_to = serializers.DateField(required=False, help_text="The last day.")


class HoldingSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    prompts = serializers.IntegerField()


class OutcomeSerializer(serializers.Serializer[Any]):
    prompts = serializers.IntegerField(help_text="That were withdrawn, or put back, by this request.")
    unchanged = serializers.IntegerField(help_text="That were so already.")
    rankings = serializers.IntegerField(help_text="That went with them, or stand again.")
    tasks = serializers.IntegerField(help_text="That labelers had open.")
    unknown = serializers.IntegerField(help_text="Ids that the project doesn't have; `unknown_ids` are the first 100.")
    unknown_ids = serializers.ListField(child=serializers.CharField())
    versions = HoldingSerializer(many=True, help_text="Frozen versions that have some of them, and keep them.")
    versions_not_looked_at = serializers.IntegerField(help_text="Older ones, of a project with very many rows.")


class _Door(View):
    query = {"post": ("dry_run",)}
    parser_classes = (JSONParser,)  # lines are read without one, as they come
    act: ClassVar[Any]

    def answer(self, request: Request, slug: str) -> Response:
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        chosen = chosen_by(request)
        outcome: Outcome = type(self).act(project, chosen, dry_run=truth(request, "dry_run"))
        return Response(OutcomeSerializer(_said(outcome)).data)


BODIES = {
    "application/json": ChosenSerializer,
    "application/x-ndjson": OpenApiTypes.STR,
    "application/octet-stream": OpenApiTypes.BINARY,
}


class WithdrawPrompts(_Door):
    @staticmethod
    def act(project: Project, chosen: Any, *, dry_run: bool) -> Outcome:
        """Withdraws."""
        return withdrawals.withdraw(project, chosen, dry_run=dry_run)

    @extend_schema(operation_id="prompts_withdraw", parameters=[DRY_RUN], request=BODIES, responses=OutcomeSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Withdraw prompts with their rankings: out of the queue, of counts, exports and later versions.

        Send `ids` or what they have in common as JSON, or lines with an id each, as it is or as `{"id": "..."}`. Frozen
        versions keep what they have. Twice is harmless, and /restore/ puts them back.
        """
        return self.answer(request, slug)


class RestorePrompts(_Door):
    @staticmethod
    def act(project: Project, chosen: Any, *, dry_run: bool) -> Outcome:
        """Puts back."""
        return withdrawals.restore(project, chosen, dry_run=dry_run)

    @extend_schema(operation_id="prompts_restore", parameters=[DRY_RUN], request=BODIES, responses=OutcomeSerializer)
    def post(self, request: Request, slug: str) -> Response:
        """Put withdrawn prompts back, with the rankings that stood. The body is that of /withdraw/."""
        return self.answer(request, slug)


def chosen_by(request: Request) -> choices.Choice | Iterator[str]:
    """Gives the ids that were sent, or what prompts have in common. Raises Invalid."""
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type in LINES:
        return _refuse_none(choices.ids_of(lines_of(request.stream)))
    if media_type != JSONParser.media_type:
        raise UnsupportedMediaType(media_type)
    body = ChosenSerializer(data=request.data)
    body.is_valid(raise_exception=True)
    said: dict[str, Any] = body.validated_data
    ids: list[str] | None = said.pop("ids", None)
    if ids is None:
        return choices.Choice(**said)
    if said:
        raise Invalid("two_choices", _("Send ids or what prompts have in common, not both."), attr="ids")
    return iter(ids)


def _refuse_none(names: Iterator[str]) -> Iterator[str]:
    empty = True
    for name in names:
        empty = False
        yield name
    if empty:
        raise Invalid("empty", _("There is no id in what was sent: send an id a line."))


def _said(outcome: Outcome) -> dict[str, Any]:
    versions = [asdict(each) for each in outcome.holdings.versions]
    return {**vars(outcome), "versions": versions, "versions_not_looked_at": outcome.holdings.not_looked_at}
