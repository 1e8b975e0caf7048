"""The connection to SkyPilot's API server, by HTTP: each call is a request that the server numbers and carries out.

https://docs.skypilot.co/en/latest/reference/async.html; /api/get waits for a request's end and gives what it brought.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from django.conf import settings

from rewardtrain.training.executors.executor import SchedulerAway

CONNECT_SECONDS, SECONDS = 5.0, 20.0
LARGEST = 20_000_000  # bytes of an answer
LONGEST = 300  # characters of an error
NUMBER = "X-Skypilot-Request-ID"
TOKEN_BYTES = 10_000
# Whose jobs they are where the server asks for no token; else it is whose token it is.
OURS = {"SKYPILOT_USER_ID": "90d10a17", "SKYPILOT_USER": "podium"}


class Refused(SchedulerAway):
    """The server took a request and couldn't carry it out. kind: its error's name."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(f"SkyPilot says: {_short(words) or kind}")
        self.kind = kind


def begin(path: str, **body: Any) -> str:
    """Has the server begin a request, and gives its number. Raises SchedulerAway."""
    about = {"env_vars": OURS, "entrypoint": "podium", "entrypoint_command": "podium", "using_remote_api_server": True}
    headers, answer = _send("POST", path, {**about, **body})
    if number := headers.get(NUMBER):
        return str(number)[:200]
    raise SchedulerAway(f"What answers at PODIUM_SKYPILOT_URL is no SkyPilot: {_short(str(answer))}")


def result(number: str) -> Any:
    """Waits for a request's end and gives what it brought. Raises SchedulerAway, Refused for one that failed."""
    _, answer = _send("GET", f"/api/get?request_id={quote(number, safe='')}")
    return _read(answer, "return_value")


def ask(path: str, **body: Any) -> Any:
    """Gives what a request brings. Raises SchedulerAway."""
    return result(begin(path, **body))


def states(numbers: Sequence[str]) -> Mapping[str, str]:
    """Tells how requests are, by their numbers; those that the server has forgotten are left out."""
    if not numbers:
        return {}
    wanted = "&".join(f"request_ids={quote(number, safe='')}" for number in numbers)
    _, answer = _send("GET", f"/api/status?{wanted}&all_status=true")
    try:
        return {str(each["request_id"]): str(each["status"]) for each in answer}
    except (LookupError, TypeError) as error:
        raise SchedulerAway("What answers at PODIUM_SKYPILOT_URL is no SkyPilot.") from error


def _send(method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[Mapping[str, str], Any]:
    """Sends one question, once: the next look comes by itself."""
    if not settings.SKYPILOT_URL:
        raise SchedulerAway("PODIUM_SKYPILOT_URL is empty; the administrator has to set it")
    try:
        answer = _pool().request(
            method, settings.SKYPILOT_URL + path, json=body, headers=_headers(), preload_content=False
        )
        try:
            text = answer.read(LARGEST + 1, decode_content=True)
        finally:
            answer.close()
    except urllib3.exceptions.HTTPError as error:
        raise SchedulerAway(f"SkyPilot doesn't answer: {_short(str(error))}") from error
    if len(text) > LARGEST:
        raise SchedulerAway(f"SkyPilot's answer has more than {LARGEST} bytes")
    return answer.headers, _checked(answer.status, text)


def _checked(status: int, text: bytes) -> Any:
    try:
        said = json.loads(text) if text else None
    except ValueError:
        said = None
    if status == 200:
        return said
    detail = said.get("detail") if isinstance(said, dict) else None
    if isinstance(detail, dict) and "error" in detail:
        error = _read(detail, "error")
        error = error if isinstance(error, dict) else {}
        raise Refused(str(error.get("type", "")), str(error.get("message", "")))
    hint = "; see PODIUM_SKYPILOT_TOKEN_FILE" if status in (301, 302, 303, 307, 401, 403) else ""
    words = _short(str(detail or text[:LONGEST].decode("utf-8", "replace")))
    raise SchedulerAway(f"SkyPilot answers {status}: {words}{hint}")


def _read(about: Any, name: str) -> Any:
    """Reads a field of a request, which is JSON in JSON. Pickled objects in it are left alone."""
    try:
        return json.loads(about[name]) if isinstance(about[name], str) else about[name]
    except (ValueError, LookupError, TypeError) as error:
        raise SchedulerAway("What answers at PODIUM_SKYPILOT_URL is no SkyPilot.") from error


def _headers() -> dict[str, str]:
    """Gives the headers. The token is read each time: it may be renewed while Podium works."""
    if not settings.SKYPILOT_TOKEN_FILE:
        return {}
    try:
        with Path(settings.SKYPILOT_TOKEN_FILE).open("rb") as file:
            token = file.read(TOKEN_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        raise SchedulerAway(f"PODIUM_SKYPILOT_TOKEN_FILE can't be read: {_short(str(error))}") from error
    if not token or not token.isprintable():
        raise SchedulerAway("PODIUM_SKYPILOT_TOKEN_FILE names a file that has no token; it is one line, sky_...")
    return {"Authorization": f"Bearer {token}"}


@lru_cache(maxsize=1)
def _pool() -> urllib3.PoolManager:
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=SECONDS)
    return urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(total=False, redirect=0, raise_on_redirect=False))


def _short(words: str) -> str:
    return " ".join(words.split())[:LONGEST]
