"""Scores of the champion for completions that nobody needs to have ranked."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from formats.messages import ROLES
from labeling.api.rest.fields import Several, Text, Truth, Whole
from labeling.api.rest.parsing import LongJSONParser
from labeling.api.rest.requests import NO_NUL, KnownFields, View
from labeling.api.rest.schema import conflict
from labeling.models import Role
from labeling.people import access
from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.errors import DataError
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS, MOST_PAIRWISE
from rewardtrain.scoring import service_client

SAID = {"role": {"type": "string", "enum": list(ROLES)}, "content": NO_NUL}
MESSAGE = {"type": "object", "required": list(SAID), "properties": SAID, "additionalProperties": False}


@extend_schema_field({"oneOf": [NO_NUL, {"type": "array", "minItems": 1, "items": MESSAGE}]})
class PromptField(serializers.JSONField):
    """A text, or a list of {"role", "content"}. What is neither is refused before a model is loaded for it."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str | list):
            raise serializers.ValidationError('Send a text, or a list such as [{"role": "user", "content": "..."}].')
        try:
            parse_texts("request", data, [""])
        except DataError as error:
            raise serializers.ValidationError(str(error).removeprefix("request: ")) from error
        for index, message in enumerate(data if isinstance(data, list) else ()):
            other = next((key for key in message if key not in SAID), None)
            if other is not None:
                words = _("prompt[%(index)d] has the key %(key)r; a message has role and content.")
                raise serializers.ValidationError(words % {"index": index, "key": other[:80]}, code="unknown_field")
        return data


class ScoreBodySerializer(KnownFields):
    prompt = PromptField()
    completions = Several(
        child=Text(trim_whitespace=False, allow_blank=True),
        min_length=1,
        max_length=MOST_COMPLETIONS,
    )
    model = Whole(min_value=1, required=False, help_text="A version; else the champion answers.")
    raw = Truth(default=False, help_text="Probabilities as training left them, not calibrated.")
    pairwise = Truth(default=False, help_text="Also how likely each is preferred to each other.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["pairwise"] and len(attrs["completions"]) > MOST_PAIRWISE:
            message = _("Pairwise probabilities are for at most %(most)s completions; %(n)s were sent.")
            detail = message % {"most": MOST_PAIRWISE, "n": len(attrs["completions"])}
            raise serializers.ValidationError({"pairwise": detail})
        return attrs


class ScoresSerializer(serializers.Serializer[Any]):
    """Lists run parallel to the completions sent."""

    model = serializers.IntegerField(help_text="The version of the model that answered.")
    rewards = serializers.ListField(child=serializers.FloatField())
    logits = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    probabilities = serializers.ListField(
        child=serializers.FloatField(), help_text="How likely each is to be preferred to all the others."
    )
    class_probabilities = serializers.ListField(
        child=serializers.FloatField(), required=False, help_text="Of a binary head: how likely each is positive."
    )
    threshold = serializers.FloatField(required=False, help_text="Of a classifier, where a manager chose one.")
    positive = serializers.ListField(
        child=serializers.BooleanField(), required=False, help_text="Which are at or above the threshold."
    )
    pairwise = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()),
        required=False,
        help_text="Where asked for: how likely completion i is preferred to completion j.",
    )
    best = serializers.IntegerField(help_text="The index of the highest reward.")
    truncated = serializers.ListField(
        child=serializers.BooleanField(), help_text="Whether the input was cut to the model's length."
    )
    uncertainty = serializers.ListField(
        child=serializers.FloatField(),
        required=False,
        help_text="Of a model with an ensemble of heads: the standard deviation of its rewards.",
    )
    attributes = serializers.DictField(
        child=serializers.ListField(child=serializers.FloatField()),
        required=False,
        help_text="Of a model with further heads: by attribute, a value of each completion; more is better.",
    )


class Score(View):
    parser_classes = (LongJSONParser,)

    @extend_schema(
        operation_id="score",
        request=ScoreBodySerializer,
        responses={
            200: ScoresSerializer,
            409: conflict("The project has no champion yet, or no model of this version."),
            503: conflict("The model can't be reached right now."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Score completions with the champion, or another version. What a policy is trained by asks the scoring service
        itself, which has the same addresses without a session: docs/serving.md.
        """
        project = access.get_project(request.user, slug, at_least=Role.MANAGER)
        body = ScoreBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        options = dict(body.validated_data)
        return Response(service_client.score(project, version=options.pop("model", None), **options))
