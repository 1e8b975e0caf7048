"""Every error of the API as {"type", "errors": [{"code", "detail", "attr"}]}."""

from __future__ import annotations

import re

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from drf_standardized_errors.handler import ExceptionHandler as StandardHandler
from rest_framework import exceptions
from rest_framework.exceptions import APIException, ErrorDetail

from artifacts.errors import Changed, Lost, StorageAway
from labeling.errors import Conflict, Invalid, Missing, Outdated, PodiumError

RETRY_SECONDS = 5


class MissingResponse(APIException):
    status_code = 404


class ConflictResponse(APIException):
    status_code = 409


class OutdatedResponse(APIException):
    status_code = 412


class TooLarge(APIException):
    status_code = 413


class Unavailable(APIException):
    """`wait` becomes Retry-After."""

    status_code = 503
    wait = RETRY_SECONDS


class ExceptionHandler(StandardHandler):
    """Ours first; REST framework's own and the unforeseen are the library's."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        match exc:
            case Missing():
                return MissingResponse(_errors(exc))
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
                # Each door refuses by name what it can't keep; this is for one that has forgotten to. No word of SQL.
                message = _("Something in this request can't be stored: a text or a number is out of all bounds.")
                return exceptions.ValidationError(message, code="unstorable")
            case OperationalError() | InterfaceError():
                return Unavailable(_("The database can't be reached right now; try again in a moment."), "no_database")
            case StorageAway() | Lost() | Changed():
                return Unavailable(artifact_words(exc), "no_storage" if isinstance(exc, StorageAway) else "no_artifact")
            case PermissionDenied() if str(exc):
                return exceptions.PermissionDenied(str(exc))
            case RequestDataTooBig():
                return TooLarge(str(exc), "too_large")
            case SuspiciousOperation() | UnreadablePostError():  # too many fields or files, a body that broke off
                message = _("The body can't be read: %(error)s")
                return exceptions.ParseError(message % {"error": exc or type(exc).__name__})
            case _:
                converted: Exception = super().convert_known_exceptions(exc)
                return converted


def artifact_words(error: OSError) -> str:
    """Says what is wrong with a frozen version or a model."""
    if isinstance(error, StorageAway):
        return _("The storage of dataset versions and models can't be used right now; try again in a moment.")
    return _("A file of a dataset version or of a model is lost or was changed; restore it from a backup.")


def _errors(error: PodiumError) -> list[ErrorDetail] | dict[str, list[ErrorDetail]]:
    details = [ErrorDetail(error.detail, code=error.code)]
    return {error.attr: details} if error.attr else details


def _noun(error: ObjectDoesNotExist) -> str:
    """Project.DoesNotExist is about a project, DatasetVersion.DoesNotExist about a dataset version."""
    model = type(error).__qualname__.partition(".")[0]
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model).lower()
