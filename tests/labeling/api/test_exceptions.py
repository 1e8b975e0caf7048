"""Which error becomes which answer."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from labeling.errors import Conflict, Invalid, PodiumError
from labeling.models import DatasetVersion


class Busy(PodiumError):
    pass


def answer(error: Exception) -> Response:
    class Failing(APIView):
        authentication_classes = ()
        permission_classes = ()

        def get(self, request: object) -> Response:
            raise error

    response: Response = Failing.as_view()(APIRequestFactory().get("/"))
    return response


@pytest.mark.parametrize(
    ("error", "status", "kind", "said"),
    [
        (Invalid("no_pairs", "Rank first."), 400, "validation_error", ("no_pairs", "Rank first.", None)),
        (Invalid("bad", "No.", attr="tiers"), 400, "validation_error", ("bad", "No.", "tiers")),
        (Conflict("run_active", "Wait."), 409, "client_error", ("run_active", "Wait.", None)),
        (Conflict("slug_taken", "Another.", attr="slug"), 409, "client_error", ("slug_taken", "Another.", "slug")),
        (Busy("busy", "Later."), 503, "server_error", ("busy", "Later.", None)),
        (
            DatasetVersion.DoesNotExist(),
            404,
            "client_error",
            ("not_found", "There is no such dataset version that you can see.", None),
        ),
        (PermissionDenied("For managers."), 403, "client_error", ("permission_denied", "For managers.", None)),
    ],
)
def test_an_error_of_ours_keeps_its_code_its_words_and_its_field(
    error: Exception, status: int, kind: str, said: tuple[str, str, str | None]
) -> None:
    response = answer(error)
    code, detail, attr = said
    assert response.status_code == status
    assert response.data == {"type": kind, "errors": [{"code": code, "detail": detail, "attr": attr}]}


def test_the_unforeseen_tells_nothing_of_the_inside() -> None:
    response = answer(RuntimeError("password=hunter2"))
    assert response.status_code == 500
    assert "hunter2" not in str(response.data)
