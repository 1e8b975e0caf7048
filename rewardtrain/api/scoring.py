"""Which scoring services have the champion, and who computes it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from labeling.api.rest.requests import View
from labeling.models import Role
from labeling.people import access
from rewardtrain.scoring import services


class ComputesSerializer(serializers.Serializer[services.Server]):
    """A server of the operator's that computes the champion while its rewards are Podium's."""

    kind = serializers.CharField(help_text="`vllm` or `tei`.")
    url = serializers.CharField()
    asked = serializers.BooleanField(help_text="Else the service computes it itself.")
    why = serializers.CharField(help_text="Why it isn't asked; empty where it is.")


class ServiceSerializer(serializers.Serializer[services.Service]):
    address = serializers.CharField(help_text="Of a service, or of the balancer before several.")
    state = serializers.ChoiceField(choices=services.State.values)
    error = serializers.CharField(help_text="Why it can't load the champion; empty where it can.")
    server = ComputesSerializer(allow_null=True)


class ScoringSerializer(serializers.Serializer[Any]):
    champion = serializers.IntegerField(allow_null=True, help_text="Null before there is one: nobody is asked then.")
    services = ServiceSerializer(many=True)


class Scoring(View):
    @extend_schema(operation_id="scoring_read", responses=ScoringSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """Which scoring services have the champion, and who computes it. Asks each, which takes a second at most."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        told = services.told(project)
        shown = {"champion": told.champion.version, "services": told.services} if told else NOTHING
        return Response(ScoringSerializer(shown).data)


NOTHING: dict[str, Any] = {"champion": None, "services": []}
