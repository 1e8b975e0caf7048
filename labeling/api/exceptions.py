"""Every error of the API as {"type", "errors": [{"code", "detail", "attr"}]}."""

from __future__ import annotations

import re

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.db import DataError
from drf_standardized_errors.handler import ExceptionHandler as StandardHandler
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail

from labeling.errors import Conflict, Invalid, Outdated, PodiumError


class ConflictResponse(APIException):
    status_code = 409


class OutdatedResponse(APIException):
    status_code = 412


class TooLarge(APIException):
    status_code = 413


class Unavailable(APIException):
    status_code = 503


class ExceptionHandler(StandardHandler):
    """Ours first; REST framework's own and the unforeseen are the library's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        match exc:
            case Invalid():
                return exceptions.ValidationError(_errors(exc))
            case Outdated():
                return OutdatedResponse(_errors(exc))
            case Conflict():
                return ConflictResponse(_errors(exc))
            case PodiumError():  # neither the request nor the state of things: something that should work does not
                return Unavailable(_errors(exc))
            case ObjectDoesNotExist():
                return exceptions.NotFound(f"There is no such {_noun(exc)} that you can see.")
            case DataError() | UnicodeEncodeError():
                # U+0000, half a surrogate pair or a number beyond its column: JSON can say it and PostgreSQL can't.
                return exceptions.ValidationError(f"This can't be stored: {exc}".strip(), code="unstorable")
            case PermissionDenied() if str(exc):
                return exceptions.PermissionDenied(str(exc))
            case RequestDataTooBig():
                return TooLarge(
                    "The body is too large to be read at once; send it as application/x-ndjson.", "too_large"
                )
            case _:
                converted: Exception = super().convert_known_exceptions(exc)
                return converted


def _errors(error: PodiumError) -> list[ErrorDetail] | dict[str, list[ErrorDetail]]:
    details = [ErrorDetail(error.detail, code=error.code)]
    return {error.attr: details} if error.attr else details


def _noun(error: ObjectDoesNotExist) -> str:
    """Project.DoesNotExist is about a project, DatasetVersion.DoesNotExist about a dataset version."""
    model = type(error).__qualname__.partition(".")[0]
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model).lower()
