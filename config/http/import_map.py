"""The import map: bare names for the scripts that other scripts import, and the policy that lets it run.

A script's address carries a hash of its content, which no `import` inside a script can know. The map is an inline
script; of those the policy lets this very one run, by its own hash, and no other.
"""

import base64
import hashlib
import json

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.templatetags.static import static

SHARED = (
    "announce",
    "ask-server",
    "browser-store",
    "csrf-token",
    "logged-out",
    "new-tab",
    "retry",
    "sentence",
)


def import_map() -> str:
    addresses = {name: static(f"js/shared/{name}.js") for name in SHARED}
    return json.dumps({"imports": addresses}, separators=(",", ":")).replace("<", "\\u003c")


def source() -> str:
    """Gives what the policy calls the map."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(import_map().encode()).digest()).decode()}'"


class Policy(CSPMiddleware):
    """The policy of the settings, and the import map."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and response.get("Content-Type", "").startswith("text/html"):  # nothing else has scripts
            parts.update = {**(parts.update or {}), "script-src": [source()]}
        return parts
