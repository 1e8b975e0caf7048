"""For whoever runs it: is the process up, can it work, how busy is it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView
from drf_spectacular.utils import extend_schema
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from labeling.people import access

PATIENCE_SECONDS = 2


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. It asks nobody else, so that a database's trouble does not get web processes restarted."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answers 200 when the database and the broker answer, else 503 and which does not."""
    states = {"database": _state(_ask_database), "broker": _state(_ask_broker)}
    is_ready = all(state == "ok" for state in states.values())
    return JsonResponse(states, status=200 if is_ready else 503)


class IsAdministrator(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return access.is_administrator(request.user)


@extend_schema(exclude=True)
@api_view(["GET"])
@permission_classes([IsAdministrator])
def metrics(request: Request) -> HttpResponse:
    """Gives Prometheus' text, for an administrator's token: behind a proxy a loopback address proves nothing."""
    page: HttpResponse = ExportToDjangoView(request)
    return page


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    once = Retry(NoBackoff(), 0)  # redis-py's own tries take a quarter of a minute
    patience = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    with settings.REDIS.client(retry=once, **patience) as broker:
        broker.ping()


def _state(ask: Callable[[], None]) -> str:
    try:
        ask()
    except Exception as error:  # whatever it is, it is not ready; the message may hold an address, so the name must do
        return f"unreachable ({type(error).__name__})"
    return "ok"
