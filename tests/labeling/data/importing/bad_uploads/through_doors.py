"""One file through each door, as somebody sends it there: what is said of it, and what went in."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from labeling.data.importing.background import import_worker
from labeling.models import Project, Prompt
from tests.factories import make_project, make_user
from tests.labeling.api.client import as_user

FINE = (200, 202, 422)  # of a page or an answer that was made of a bad file; 400 is the API's own


class Said(NamedTuple):
    words: str  # what somebody reads, markup taken away
    n_good: int  # prompts that are in afterwards


def text_of(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def by_page(project: Project, name: str, body: bytes, folder: Path) -> Iterator[Said]:
    """Sends it, looks into it, starts it where that is offered, and reads its page when a worker is done with it."""
    client = Client()
    client.force_login(project.memberships.get().user)
    looked = client.post(f"/p/{project.slug}/imports/", {"file": SimpleUploadedFile(name, body)}, follow=True)
    assert looked.status_code in FINE
    yield Said(text_of(looked), _count(project))
    job = project.imports.order_by("-number").first()
    if job is None:  # of nothing there is no import
        yield Said(text_of(looked), _count(project))
        return
    started = client.post(f"/p/{project.slug}/imports/{job.number}/act/", {"act": "start"}, follow=True)
    assert started.status_code in FINE
    job.refresh_from_db()
    if job.state == "draft":
        yield Said(text_of(started), _count(project))
        return
    import_worker.work(job.pk)
    done = client.get(f"/p/{project.slug}/imports/{job.number}/")
    assert done.status_code == 200
    yield Said(text_of(done), _count(project))


def by_api(project: Project, name: str, body: bytes, folder: Path) -> Iterator[Said]:
    """Sends it to be checked, and to a worker, whose import is read when it is done."""
    client = _api(project)
    address = f"/api/v1/projects/{project.slug}"
    yield _answered(project, _sent(client, f"{address}/prompts/?dry_run=1", body))
    accepted = _sent(client, f"{address}/imports/?name={name}", body)
    if accepted.status_code != 202:
        yield _answered(project, accepted)
        return
    import_worker.work(project.imports.latest("pk").pk)
    done = client.get(f"{address}/imports/{accepted.json()['id']}/")
    assert done.status_code == 200
    yield Said(text_of_json(done.json()), _count(project))


def by_one_request(project: Project, name: str, body: bytes, folder: Path) -> Iterator[Said]:
    """Sends it to be imported while the request waits."""
    yield _answered(project, _sent(_api(project), f"/api/v1/projects/{project.slug}/prompts/", body))


def by_command(project: Project, name: str, body: bytes, folder: Path) -> Iterator[Said]:
    path = folder / name
    path.write_bytes(body)
    for options in (("--dry-run",), ()):
        out = io.StringIO()
        try:
            call_command("import_prompts", project.slug, str(path), *options, stdout=out, stderr=out)
        except CommandError as error:
            out.write(str(error))
        yield Said(" ".join(out.getvalue().split()), _count(project))


Door = Callable[[Project, str, bytes, Path], Iterator[Said]]
DOORS: tuple[Door, ...] = (by_page, by_api, by_one_request, by_command)
ANY_DOOR = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def new_project(**fields: Any) -> Project:
    return make_project(manager=make_user("manager"), slug="helpful", **fields)


def text_of_json(said: Any) -> str:
    """Gives each text that an answer has: what a program would show."""
    if isinstance(said, dict):
        return " ".join(filter(None, map(text_of_json, said.values())))
    if isinstance(said, list):
        return " ".join(filter(None, map(text_of_json, said)))
    return said if isinstance(said, str) else ""


def _api(project: Project) -> APIClient:
    return as_user(project.memberships.get().user)


def _sent(client: APIClient, address: str, body: bytes) -> Any:
    return client.generic("POST", address, body, content_type="application/octet-stream")


def _answered(project: Project, response: Any) -> Said:
    assert response.status_code in (*FINE, 400)
    return Said(text_of_json(response.json()), _count(project))


def _count(project: Project) -> int:
    return Prompt.objects.filter(project=project).count()
