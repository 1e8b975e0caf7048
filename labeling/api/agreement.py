"""How far labelers agree."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import replica
from labeling.api.rest.requests import View
from labeling.models import Role
from labeling.people import access
from labeling.quality import agreement


class AgreementSerializer(serializers.Serializer[Any]):
    value = serializers.FloatField(allow_null=True, help_text="Null until two people have ranked the same prompt.")
    low = serializers.FloatField(allow_null=True, help_text="95 % interval: Wilson's at the effective number of pairs.")
    high = serializers.FloatField(allow_null=True)
    n_pairs = serializers.IntegerField()
    n_prompts = serializers.IntegerField()
    of_latest = serializers.BooleanField(help_text="Only of the prompts ranked last: there are more than 20,000 pairs.")
    since = serializers.DateTimeField(
        allow_null=True, help_text="With `of_latest`: when the first of those pairs was made."
    )


class Agreement(View):
    @extend_schema(operation_id="agreement_read", responses=AgreementSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """How often two people chose the same completion, ties left out; of prompts that were ranked last, where there
        are more than 20,000 pairs."""
        project = access.get_project(request.user, slug, at_least=Role.REVIEWER)
        with replica.reading():
            found = agreement.project_agreement(project)
        return Response(AgreementSerializer(asdict(found)).data)
