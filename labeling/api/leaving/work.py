"""All work of a person in a project, withdrawn and put back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.requests import View, truth
from labeling.api.rest.requests import person as asking
from labeling.api.withdrawals import DRY_RUN
from labeling.data.withdrawing import work as works
from labeling.data.withdrawing.work import Work
from labeling.models import Project, Role, User
from labeling.people import access


class KeptSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    rankings = serializers.IntegerField(allow_null=True, help_text="null: some, which were not counted.")


class WorkSerializer(serializers.Serializer[Any]):
    rankings = serializers.IntegerField(help_text="That ended, or stand again, by this request.")
    prompts = serializers.IntegerField(help_text="That were done, and wait for somebody again.")
    kept = serializers.IntegerField(help_text="That are withdrawn and stay so.")
    versions = KeptSerializer(many=True, help_text="Frozen versions that keep rankings of the person.")


class _Door(View):
    query: ClassVar = {"post": ("dry_run",)}
    without_body = ("post",)

    def answer(self, request: Request, slug: str, person: int, act: Callable[[Project, User], Work]) -> Response:
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        labeler = works.find_labeler(project, pk=person)
        done = works.foresee(project, labeler) if truth(request, "dry_run") else act(project, labeler)
        versions = [{"version": int(number), "rankings": n} for number, n in done.versions.items()]
        return Response({"rankings": done.rankings, "prompts": done.prompts, "kept": done.kept, "versions": versions})


class WithdrawWork(_Door):
    @extend_schema(operation_id="work_withdraw", parameters=[DRY_RUN], request=None, responses=WorkSerializer)
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Withdraw all that a person ranked: it counts nowhere, and its prompts are open to others.

        Frozen versions keep what they have and say so. Twice is harmless, and /restore/ puts it back.
        """
        return self.answer(
            request, slug, person, lambda project, labeler: works.withdraw(project, labeler, by=asking(request))
        )


class RestoreWork(_Door):
    @extend_schema(operation_id="work_restore", parameters=[DRY_RUN], request=None, responses=WorkSerializer)
    def post(self, request: Request, slug: str, person: int) -> Response:
        """Put withdrawn work back, where nobody else has the prompt by now and its texts are the same."""
        return self.answer(request, slug, person, works.restore)
