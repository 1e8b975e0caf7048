"""The answers to a form whose origin can't be believed, and to a name that is not this site's."""

import logging
from dataclasses import asdict

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import REASON_NO_CSRF_COOKIE
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from config.http import mismatch

logger = logging.getLogger(__name__)


@never_cache
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A stale form keeps its own words; one from another address says which one was asked and which is believed."""
    fault = None
    if reason.startswith(("Origin checking", "Referer checking")):
        fault = mismatch.of_origin(request.headers, scheme=str(request.scheme), expects_https=settings.HTTPS)
    elif reason == REASON_NO_CSRF_COOKIE:
        fault = mismatch.of_cookie(request.headers, scheme=str(request.scheme), expects_https=settings.HTTPS)
    if fault is None:
        return render(request, "403_csrf.html", status=403)
    logger.warning(
        "refused a form: %s was asked, %s is believed; PODIUM_HTTPS is %s, CSRF_TRUSTED_ORIGINS are %s",
        ascii(fault.asked),
        ascii(fault.believed),
        settings.HTTPS,
        settings.CSRF_TRUSTED_ORIGINS,
    )
    return render(request, "403_origin.html", asdict(fault), status=403)


@never_cache
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    cause = mismatch.of_host(request.headers) if isinstance(exception, DisallowedHost) else None
    if request.path_info.startswith("/api/"):
        detail = " ".join(cause.causes) if cause else "The request could not be read."
        errors = [{"code": "bad_request", "detail": detail, "attr": None}]
        return JsonResponse({"type": "client_error", "errors": errors}, status=400)
    return render(request, "400_address.html", asdict(cause) if cause else {}, status=400)
