"""A person's work in a project, all of it or from a day on, withdrawn; and put back."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.answers.finding import day_of
from labeling.api.rest.requests import View, truth
from labeling.api.rest.requests import person as asking
from labeling.api.withdrawals import DRY_RUN
from labeling.data.withdrawing import work as works
from labeling.data.withdrawing.work import Work
from labeling.models import Project, Role, User
from labeling.people import access

SINCE = OpenApiParameter(
    "since",
    {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    description="Only what was ranked, or changed, from this day on, in the site's time zone; without it all of it.",
)


COUNTS = ("rankings", "prompts", "kept", "standing")


class KeptSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    rankings = serializers.IntegerField(allow_null=True, help_text="null: some, which were not counted.")


class WorkSerializer(serializers.Serializer[Any]):
    rankings = serializers.IntegerField(help_text="That ended, or stand again, by this request.")
    prompts = serializers.IntegerField(help_text="That were done, and wait for somebody again.")
    kept = serializers.IntegerField(help_text="That are withdrawn and stay so.")
    standing = serializers.IntegerField(help_text="Of any day, that stand after this request; with dry_run, now.")
    versions = KeptSerializer(many=True, help_text="Frozen versions that keep rankings of the person.")


class _Door(View):
    query: ClassVar = {"post": ("dry_run",)}
    without_body = ("post",)

    def find(self, request: Request, slug: str, person: int) -> tuple[Project, User]:
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        return project, works.find_labeler(project, pk=person)

    def said(self, done: Work) -> Response:
        versions = [{"version": int(number), "rankings": n} for number, n in done.versions.items()]
        return Response({name: getattr(done, name) for name in COUNTS} | {"versions": versions})


class WithdrawWork(_Door):
    query: ClassVar = {"post": ("since", "dry_run")}

    @extend_schema(operation_id="work_withdraw", parameters=[SINCE, DRY_RUN], request=None, responses=WorkSerializer)
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Withdraw all that a person ranked, or what they ranked since a day: it counts nowhere, and its prompts are
        open to others.

        Frozen versions keep what they have and say so. Twice is harmless, and /restore/ puts it back.
        """
        project, labeler = self.find(request, slug, person)
        written = request.query_params.get("since")
        since = None if written is None else day_of(written, "since")  # an empty one would be all of it
        if truth(request, "dry_run"):
            return self.said(works.foresee(project, labeler, since=since))
        return self.said(works.withdraw(project, labeler, by=asking(request), since=since))


class RestoreWork(_Door):
    @extend_schema(operation_id="work_restore", parameters=[DRY_RUN], request=None, responses=WorkSerializer)
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Put withdrawn work back, of whatever day, where nobody else has the prompt by now and its texts are the
        same."""
        project, labeler = self.find(request, slug, person)
        if truth(request, "dry_run"):
            return self.said(works.foresee(project, labeler))
        return self.said(works.restore(project, labeler))
