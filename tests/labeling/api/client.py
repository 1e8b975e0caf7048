"""Requests to the API as this or that person, with a token as a program has it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from knox.models import AuthToken
from rest_framework.test import APIClient

from labeling.models import User


def as_user(user: User | None) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.default_format = "json"  # type: ignore[attr-defined]
    if user is not None:
        _, token = AuthToken.objects.create(user)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def post_lines(client: APIClient, url: str, rows: Iterable[object]) -> Any:
    body = b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    return client.generic("POST", url, body, content_type="application/x-ndjson")


def errors_of(response: Any) -> list[tuple[str, str | None]]:
    """(code, attr) of each error; the shape itself is checked too."""
    body = response.json()
    assert set(body) == {"type", "errors"}
    assert all(set(error) == {"code", "detail", "attr"} and error["detail"] for error in body["errors"])
    return [(error["code"], error["attr"]) for error in body["errors"]]


def bytes_of(response: HttpResponse | StreamingHttpResponse) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[union-attr, arg-type]


def row(external_id: str = "q1", **changes: object) -> dict[str, object]:
    return {
        "id": external_id,
        "prompt": f"Question {external_id}?",
        "completions": [{"id": "a", "text": "One.", "model": "secret-model"}, {"id": "b", "text": "Two."}],
        **changes,
    }
