"""Why a request does not come from where the site believes to be, in words for the person who set up the proxy.

It repeats what the request itself says and names settings, never their values: anyone may read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

LONGEST = 200  # characters of what a request says of itself


@dataclass(frozen=True)
class Mismatch:
    asked: str  # the address that the browser has, '' where it doesn't tell
    believed: str  # the address that reached Podium
    causes: list[str]


def of_origin(headers: Mapping[str, str], *, scheme: str, expects_https: bool) -> Mismatch:
    """Says what differs for a form whose Origin is another one. `scheme`: the one that Django believes."""
    asked = _origin(headers)
    believed = f"{scheme}://{headers.get('Host', '')}"[:LONGEST]
    return Mismatch(asked, believed, _causes(asked, believed, headers.get("X-Forwarded-Proto"), expects_https))


def of_cookie(headers: Mapping[str, str], *, scheme: str, expects_https: bool) -> Mismatch | None:
    """Says what differs for a form without our cookie: where we ask for HTTPS and the browser has none, it never sends
    one.
    """
    asked = _origin(headers)
    if not expects_https or scheme == "https":
        return None
    said = headers.get("X-Forwarded-Proto")
    return Mismatch(asked, f"{scheme}://{headers.get('Host', '')}"[:LONGEST], [_no_https(asked, said)])


def of_host(headers: Mapping[str, str]) -> Mismatch:
    """Says what differs for a name that is not among ALLOWED_HOSTS."""
    host = headers.get("Host", "")[:LONGEST]
    asked = headers.get("X-Forwarded-Host", "")[:LONGEST] or urlsplit(_origin(headers)).netloc
    causes = []
    if asked and asked != host:
        causes.append(_host_is_lost(host, asked))
    else:
        causes.append(
            _("If people reach this Podium as %(host)s, add that name without its port to ALLOWED_HOSTS.")
            % {"host": host}
        )
        causes.append(
            _("If they reach it under another name, the proxy in front replaces it: let it pass on `Host` unchanged.")
        )
    return Mismatch(asked, host, causes)


def _origin(headers: Mapping[str, str]) -> str:
    """Gives scheme, host and port as the browser has them: Origin, or the Referer's where there is none."""
    if origin := headers.get("Origin", ""):
        return origin[:LONGEST]
    try:
        referer = urlsplit(headers.get("Referer", "")[:2000])
    except ValueError:
        return ""
    return f"{referer.scheme}://{referer.netloc}"[:LONGEST] if referer.netloc else ""


def _causes(asked: str, believed: str, forwarded: str | None, expects_https: bool) -> list[str]:
    try:
        there, here = urlsplit(asked), urlsplit(believed)
        ports = there.port, here.port
    except ValueError:
        return [_("The address is not well-formed.")]
    if not there.hostname:
        return [_("The browser hides where the form came from; a privacy extension or a sandboxed frame does that.")]
    if there.hostname != here.hostname:
        return [
            _host_is_lost(here.netloc, there.netloc),
            _("If people reach this Podium under both addresses, add %(asked)s to CSRF_TRUSTED_ORIGINS.")
            % {"asked": asked},
        ]
    if there.scheme == "https" and here.scheme == "http":
        return [_https_is_lost(forwarded, expects_https)]
    if there.scheme == "http" and here.scheme == "https":
        return [_("The proxy says https, and the page was opened with http: let it redirect http to https.")]
    if ports[0] != ports[1]:
        return [
            _("The port is lost on the way: let the proxy pass on `Host` with it (nginx: `$http_host`, not `$host`).")
        ]
    return [_("Add %(asked)s to CSRF_TRUSTED_ORIGINS.") % {"asked": asked}]


def _host_is_lost(here: str, there: str) -> str:
    return _(
        "The proxy replaces the name %(there)s by %(here)s: let it pass on `Host` unchanged "
        "(nginx: `proxy_set_header Host $http_host;`)."
    ) % {"there": there, "here": here}


def _https_is_lost(forwarded: str | None, expects_https: bool) -> str:
    if not expects_https:
        return _("The page was opened with https, and Podium doesn't know of it: set PODIUM_HTTPS=1.")
    if not forwarded:
        return _(
            "PODIUM_HTTPS is on, and the proxy doesn't send X-Forwarded-Proto "
            "(nginx: `proxy_set_header X-Forwarded-Proto $scheme;`)."
        )
    return _(
        "PODIUM_HTTPS is on, and the proxy says `X-Forwarded-Proto: %(value)s`: with two proxies the inner one has to "
        "pass on what the outer one says."
    ) % {"value": forwarded[:LONGEST]}


def _no_https(asked: str, forwarded: str | None) -> str:
    if asked.startswith("https://"):
        return _https_is_lost(forwarded, True)
    return _(
        "PODIUM_HTTPS is on, and the page was opened with http, where the browser keeps no cookie of ours: "
        "let the proxy do HTTPS, or take PODIUM_HTTPS away."
    )
