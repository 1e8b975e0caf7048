"""The OpenAPI document: what every operation has in common."""

from __future__ import annotations

import re
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs, such as lease_expired.")
    detail = serializers.CharField(help_text="For people: the value seen and what to do.")
    attr = serializers.CharField(allow_null=True, help_text="The field that it is about, if it is about one.")


class ErrorsSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(("validation_error", "client_error", "server_error"))
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]


class AutoSchema(BaseAutoSchema):
    """One shape for all errors. Which codes there are is the nouns' affair, so the document lists none."""

    def get_tags(self) -> list[str]:
        """Grouped by noun, which is the module."""
        return [type(self.view).__module__.rpartition(".")[2]]

    def get_summary(self) -> str | None:
        """The docstring's first sentence."""
        words = " ".join(str(self.get_description() or "").split())
        return re.split(r"[.;:] ", words, maxsplit=1)[0].rstrip(".") or None

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response":
            refused = OpenApiResponse(ErrorsSerializer, "Refused.")
            answers["default"] = self._get_response_for_code(refused, "default")  # type: ignore[no-untyped-call]
        return answers


def conflict(when: str) -> OpenApiResponse:
    return OpenApiResponse(ErrorsSerializer, when)


def etag(*statuses: int) -> OpenApiParameter:
    return OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=list(statuses), description="Its revision.")
