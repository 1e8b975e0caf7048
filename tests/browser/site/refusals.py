"""The pages that answer what is refused or fails, rendered as their views do: no browser is brought to each of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Page

MISMATCH = {
    "asked": "https://podium.a-rather-long-name.example.org:8443",
    "believed": "http://127.0.0.1:8000",
    "causes": ["The proxy does not pass on the name that was asked: look at its Host header (docs/install.md)."],
}
LIMITS = ("busy", "name", "device", "address", "site", "code", "invitation")
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "server-error": ("500.html", {}),
    "database-away": ("503.html", {}),
    "busy": ("busy.html", {"detail": "16 requests that read files are under way already. Try again in 5 seconds."}),
    "unstorable": ("400.html", {}),
    "form-stale": ("403_csrf.html", {}),
    "form-from-elsewhere": ("403_origin.html", MISMATCH),
    "other-name": ("400_address.html", MISMATCH),
    "not-understood": ("400_address.html", {}),
    **{
        f"too-many-{code}": (
            "account/too_many.html",
            {"error": {"code": code, "subject": "2001:db8:1234:5678::/64"}, "wait": "15 minutes"},
        )
        for code in LIMITS
    },
}


def rendered(name: str) -> str:
    template, context = PAGES[name]
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    # 500 and 503 are written where nothing of the request may be asked.
    return render_to_string(template, context, request=None if template.startswith("50") else request)


def refuse(page: Page, name: str) -> None:
    page.route(f"**/{name}/", lambda route: route.fulfill(body=rendered(name), content_type="text/html"))
    page.goto(f"/{name}/")
