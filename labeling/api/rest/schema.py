"""The OpenAPI document: what every operation has in common."""

from __future__ import annotations

import re
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema as BaseAutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from labeling.api.rest.fields import Text
from labeling.api.rest.requests import NO_NUL, KnownFields

# What may stand before an operation's own refusals. 405 is that of a method which an address doesn't have.
ALWAYS = {
    "400": "The request is wrong: `attr` names the field or parameter, `detail` the value and what to do.",
    "401": "Nobody: there is no token, or it is not valid.",
    "503": "The database, or the model that is asked, can't be reached now. `Retry-After` says when to try again.",
}
OF_ROLES = {"403": "Your role is too low, or a browser's form came from elsewhere."}
OF_ADDRESSES = {"404": "There is no such thing, or none that you can see."}
OF_WRITES = {
    "429": "Much of what you sent was refused, and too much of it waits. `Retry-After` says when to try again."
}
OF_BODIES = {"413": "The body is larger than is read here.", "415": "The body is of a kind that is not read here."}
NOT_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


class ErrorSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs, such as lease_expired.")
    detail = serializers.CharField(help_text="For people: the value seen and what to do.")
    attr = serializers.CharField(allow_null=True, help_text="The field that it is about, if it is about one.")


class ErrorsSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(("validation_error", "client_error", "server_error"))
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]


class AutoSchema(BaseAutoSchema):
    """One shape for all errors. Which of their codes there are is the nouns' affair, so the document lists none."""

    def get_tags(self) -> list[str]:
        """Groups operations by noun, which is the module."""
        return [type(self.view).__module__.rpartition(".")[2]]

    def get_summary(self) -> str | None:
        """Gives the docstring's first sentence."""
        description = " ".join(str(self.get_description() or "").split())
        return re.split(r"[.;:] ", description, maxsplit=1)[0].rstrip(".") or None

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        if direction == "response":
            for code, words in self._refusals().items():
                refused = OpenApiResponse(ErrorsSerializer, words)
                answers.setdefault(code, self._get_response_for_code(refused, code))  # type: ignore[no-untyped-call]
            seconds = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}
            for code in answers.keys() & {"429", "503"}:
                answers[code].setdefault("headers", {})["Retry-After"] = seconds
        return dict(sorted(answers.items()))

    def _get_request_body(self, direction: Literal["request", "response"] = "request") -> dict[str, Any] | None:
        body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        if body and "multipart/form-data" in body["content"]:
            body["required"] = True
        return body

    def _refusals(self) -> dict[str, str]:
        refusals = dict(ALWAYS)
        reads = self.method in ("GET", "HEAD")
        if not (reads and getattr(self.view, "for_labelers", False)):
            refusals |= OF_ROLES
        if "{" in self.path or getattr(self.view, "pagination_class", None):
            refusals |= OF_ADDRESSES
        if reads:
            return refusals
        return refusals | OF_WRITES | (OF_BODIES if self.method != "DELETE" else {})

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(force_instance(serializer), KnownFields):  # type: ignore[no-untyped-call]
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(self, field: Any, direction: str, bypass_extensions: bool = False) -> Any:
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if schema and schema.get("type") == "array":
            limits = {"maxItems": getattr(field, "max_length", None), "minItems": getattr(field, "min_length", None)}
            schema |= {name: limit for name, limit in limits.items() if limit is not None}
        return schema

    def _insert_field_validators(self, field: Any, schema: dict[str, Any]) -> None:
        super()._insert_field_validators(field, schema)  # type: ignore[no-untyped-call]
        if isinstance(field, Text) and schema.get("type") == "string" and "pattern" not in schema:
            schema["pattern"] = NO_NUL["pattern"] if field.allow_blank or not field.trim_whitespace else NOT_BLANK


def conflict(when: str) -> OpenApiResponse:
    return OpenApiResponse(ErrorsSerializer, when)


def etag(*statuses: int) -> OpenApiParameter:
    return OpenApiParameter("ETag", str, OpenApiParameter.HEADER, response=list(statuses), description="Its revision.")
