"""Talking to a hub through huggingface_hub: which one, for how long, and what its refusals mean.

The package reads its settings where it is imported, which is here and when somebody asks, so that no other process
loads it. It speaks plain HTTP: hf_xet would write a log and a cache of its own, and hubs of one's own don't speak it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from labeling.errors import Conflict, Invalid, PodiumError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

PUBLIC = "https://huggingface.co"
VARIABLE = "HF_ENDPOINT"
SECONDS = 30.0  # without a byte, after which the hub counts as away; the package would wait for ever
LONGEST_WAIT = 20  # seconds that a hub may ask to wait before it is told to the person instead


class _AskedToWait(Exception):
    """The hub counts requests and wants none for so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"asked to wait {seconds} s")
        self.seconds = seconds


@contextmanager
def talking(about: str, token: str | None, *, revision: str | None = None) -> Iterator[HfApi]:
    """Gives the package's client for what is done inside, which must be about one repository.

    Without a token nobody is said to ask, whatever the environment or an earlier login holds.

    Whatever goes wrong comes out as a PodiumError of one sentence, with nothing in it that the hub wrote.
    """
    endpoint = address()
    api = _client(endpoint, token)
    try:
        yield api
    except PodiumError:
        raise
    except Exception as error:
        refusal = _refusal(error, about, endpoint, revision)
        if refusal is None:
            raise
        raise refusal from None


def address() -> str:
    """Gives the hub's address, which HF_ENDPOINT may set. Raises Invalid('hub_address')."""
    endpoint = os.environ.get(VARIABLE, "").strip().rstrip("/") or PUBLIC
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", endpoint):
        raise Invalid("hub_address", f"{VARIABLE} is no address of a hub: write it as https://hub.example.")
    return endpoint


def _client(endpoint: str, token: str | None) -> HfApi:
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    from huggingface_hub import constants
    from huggingface_hub.utils import _http

    constants.HF_HUB_DISABLE_XET = True  # somebody may have imported the package before
    constants.HF_DEBUG = False
    constants.DOWNLOAD_CHUNK_SIZE = None  # type: ignore[assignment]  # as it comes: whoever watches a slow hub hears of it
    for name in ("huggingface_hub", "httpx2"):  # they log addresses, and who has that of an upload may write there
        logging.getLogger(name).setLevel(logging.ERROR)

    def client() -> Any:
        made = _http.default_client_factory()
        made.timeout = SECONDS
        made.event_hooks["response"].append(_heed)
        return made

    huggingface_hub.set_client_factory(client)
    return huggingface_hub.HfApi(endpoint=endpoint, token=token or False)  # False: nor one that was stored


def _heed(response: Any) -> None:
    """Breaks off where the package would sit and wait as long as the hub likes."""
    if response.status_code in (429, 503):
        asked = [response.headers.get("Retry-After", "")]
        asked += re.findall(r"\bt=(\d+)", response.headers.get("RateLimit", ""))
        seconds = max((int(one) for one in asked if one.isdecimal() and len(one) < 10), default=0)
        if seconds > LONGEST_WAIT:
            raise _AskedToWait(seconds)


# --- What its refusals mean -------------------------------------------------------------------------------------------

_REFUSED: dict[int, tuple[type[PodiumError], str, str]] = {
    401: (
        Invalid,
        "hub_unauthorized",
        "The hub {endpoint} doesn't know the token, or wants one for {about}: set HF_TOKEN to a valid one.",
    ),
    403: (Invalid, "hub_forbidden", "The token may not do that with {about} on {endpoint}: use another, or ask there."),
    404: (
        Invalid,
        "hub_missing",
        "{about} is not on {endpoint}, or the token may not see it: check the name, the revision and HF_TOKEN.",
    ),
    409: (Conflict, "hub_conflict", "Somebody else changed {about} on {endpoint} meanwhile: do it again."),
    412: (Conflict, "hub_conflict", "Somebody else changed {about} on {endpoint} meanwhile: do it again."),
    413: (Conflict, "hub_full", "The hub {endpoint} has no room for {about}: see to its quota there."),
    429: (Conflict, "hub_busy", "The hub {endpoint} was asked too often: go on in a few minutes."),
    507: (Conflict, "hub_full", "The hub {endpoint} has no room for {about}: see to its quota there."),
}
_FAILED = "The hub {endpoint} failed ({status}): go on later; what it has is not sent again."
_ANY = "The hub {endpoint} refused {about} ({status}): see that the name is allowed there."


def _refusal(error: BaseException, about: str, endpoint: str, revision: str | None) -> PodiumError | None:
    """Finds what went wrong among an error and those that it came of. None of what is no affair of a hub's."""
    import httpx2
    from huggingface_hub.errors import (
        FileMetadataError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RevisionNotFoundError,
    )

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _AskedToWait):
            wait = f"{seen.seconds} s" if seen.seconds < 120 else f"{seen.seconds // 60} minutes"
            return Conflict("hub_busy", f"The hub {endpoint} counts requests and asks to wait {wait}: go on then.")
        if isinstance(seen, RevisionNotFoundError) and revision:
            message = f"{about} has no revision {revision!r} on {endpoint}"
            return Invalid("hub_no_revision", f"{message}: name a branch, a tag or a commit that is there.")
        if isinstance(seen, HfHubHTTPError) and getattr(seen, "response", None) is not None:
            return _of_status(seen.response.status_code, about, endpoint)
        if isinstance(seen, OfflineModeIsEnabled):
            return Invalid("hub_offline", "HF_HUB_OFFLINE is set, so no hub is asked: unset it.")
        if isinstance(seen, httpx2.HTTPStatusError):
            return _of_status(seen.response.status_code, about, endpoint)
        if isinstance(seen, (httpx2.TransportError, httpx2.InvalidURL)):
            return _away(endpoint)
        if isinstance(seen, FileMetadataError):
            return _strange(endpoint)
        seen = seen.__cause__ or seen.__context__
    return _strange(endpoint) if isinstance(error, (ValueError, KeyError, TypeError)) else None


def _of_status(status: int, about: str, endpoint: str) -> PodiumError:
    other = (Conflict, "hub_failed", _FAILED) if status >= 500 else (Invalid, "hub_refused", _ANY)
    kind, code, words = _REFUSED.get(status, other)
    return kind(code, words.format(about=about, endpoint=endpoint, status=status))


def _away(endpoint: str) -> PodiumError:
    message = f"The hub {endpoint} can't be reached, or said nothing for {SECONDS:.0f} s"
    return Conflict("hub_away", f"{message}: check {VARIABLE} and the network.")


def _strange(endpoint: str) -> PodiumError:
    return Conflict("hub_strange", f"{endpoint} doesn't answer as a hub does: check {VARIABLE}.")
