"""Scores of the champion for completions that nobody needs to have ranked."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from labeling import access
from labeling.api.schema import conflict
from labeling.models import Role
from rewardtrain import scoring


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]})
class PromptField(serializers.JSONField):
    """A text, or a list of {"role", "content"}. What is plainly neither is refused before a model is loaded for it."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | list):
            raise serializers.ValidationError('Send a text, or a list such as [{"role": "user", "content": "..."}].')
        return data


class ScoreBodySerializer(serializers.Serializer[Any]):
    prompt = PromptField()
    completions = serializers.ListField(
        child=serializers.CharField(trim_whitespace=False), min_length=1, max_length=100
    )


class ScoresSerializer(serializers.Serializer[Any]):
    """Lists run parallel to the completions sent."""

    model = serializers.IntegerField(help_text="The version of the champion that answered.")
    rewards = serializers.ListField(child=serializers.FloatField())
    logits = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    probabilities = serializers.ListField(
        child=serializers.FloatField(), help_text="How likely each is to be preferred to all the others."
    )
    best = serializers.IntegerField(help_text="The index of the highest reward.")
    truncated = serializers.ListField(
        child=serializers.BooleanField(), help_text="Whether the input was cut to the model's length."
    )


class Score(APIView):
    @extend_schema(
        operation_id="score",
        request=ScoreBodySerializer,
        responses={
            200: ScoresSerializer,
            409: conflict("The project has no champion yet."),
            503: conflict("The model can't be reached right now."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Score completions with the champion. Each call loads the model, which takes seconds."""
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ScoreBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(scoring.score(project, body.validated_data["prompt"], body.validated_data["completions"]))
