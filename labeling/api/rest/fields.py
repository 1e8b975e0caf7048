"""Fields that take a value as JSON has it: "5" is no number, 5 is no text, "true" is no truth.

REST framework's own turn one into the other, so that a slip of the sender's is stored as something else.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.utils.functional import Promise
from rest_framework import serializers

from labeling.requests.strict_json import unstorable


class Text(serializers.CharField):
    """A text that can be stored. Its length is what was sent, white space around it included."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if bad := unstorable(data):
            raise serializers.ValidationError(f"{data[:40]!a}: {bad}", code="unstorable")
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool | str) or (isinstance(data, float) and not data.is_integer()):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Reason(Text):
    """A text that must be there, missed by the same code whether it is left out or blank."""

    def __init__(self, *, missing: str | Promise, **options: Any) -> None:
        super().__init__(**options)
        self.missing = missing

    def fail(self, key: str, **said: Any) -> NoReturn:
        if key in ("required", "blank", "null"):
            raise serializers.ValidationError(str(self.missing), code="reason_required")
        super().fail(key, **said)


class Choice(serializers.ChoiceField):
    """One of some words. What is none of them is shown as far as it takes to be recognised."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data[:81] if isinstance(data, str) else data)


class Several(serializers.ListField):
    """A list whose length is looked at before its items are: each bad item has an error of its own."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return super().to_internal_value(data)


class Number(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return float(super().to_internal_value(data))


class Truth(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
