"""Which scoring services have the champion, and who computes it: on the models page and by the API."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labeling.models import Project, Role
from rewardtrain.registry import champions
from rewardtrain.scoring import service_client
from tests.config.helpers import free_port
from tests.factories import join, make_project
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_training, rank_prompts
from tests.rewardtrain.service import finish_models, running

pytestmark = pytest.mark.django_db(transaction=True)
ROW = {"project": "helpful", "version": 1, "in_memory": True, "error": None}
VLLM = {"kind": "vllm", "url": "http://gpu.example:8000", "asked": True, "why": None}


@pytest.fixture
def project() -> Project:
    """Version 1 is the champion."""
    service_client._turns.cache_clear()  # whom another test found away
    project = make_project(slug="helpful")
    rank_prompts(project, train=1, test=1, validation=1)
    make_training(project)
    return project


@contextmanager
def saying(content: bytes, *, status: int = 200, asked: list[str] | None = None) -> Iterator[str]:
    """A program that answers this, whatever it is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def told(project: Project) -> dict[str, Any]:
    answer = as_user(project.created_by).get(f"/api/v1/projects/{project.slug}/scoring/")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def page(project: Project) -> str:
    client = Client()
    client.force_login(project.created_by)
    answer = client.get(reverse("models_scoring", args=[project.slug]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_service_has_the_champion_and_another_is_away(project: Project, tmp_path: Path, needs_torch: None) -> None:
    finish_models(project, tmp_path)
    with running() as look_up:
        look_up()
        [here] = told(project)["services"]
        assert (here["state"], here["error"], here["server"]) == ("answers", "", None)
        away = f"http://127.0.0.1:{free_port()}"
        with override_settings(REWARDS_URL=f"{here['address']},{away}"):
            found = told(project)
            assert found["champion"] == 1
            assert [(each["address"], each["state"]) for each in found["services"]] == [
                (here["address"], "answers"),
                (away, "away"),
            ]
            shown = page(project)
        assert "1 of 2 scoring services answer with version 1." in shown
        assert "start it: manage.py serve_rewards" in shown
        champions.promote(project.reward_models.get(version=2), by=None, reason="it is needed", past_gate=True)
        assert told(project)["services"][0]["state"] == "reads"


@pytest.mark.parametrize(
    ("row", "state", "shown"),
    [
        pytest.param(ROW, "answers", "the service itself", id="it computes itself"),
        pytest.param(ROW | {"server": VLLM}, "answers", "vLLM at http://gpu.example:8000, whose", id="another does"),
        pytest.param(
            ROW | {"server": VLLM | {"asked": False, "why": "text 3 differs by 0.2"}},
            "answers",
            "the service itself, not vLLM at http://gpu.example:8000: text 3 differs by 0.2",
            id="another disagrees",
        ),
        pytest.param(ROW | {"in_memory": False}, "reads", "Until then the one before it answers.", id="it is read"),
        pytest.param(ROW | {"version": 7}, "reads", "Until then", id="of another version"),
        pytest.param(ROW | {"in_memory": False, "error": "no <head>"}, "failed", "no &lt;head&gt;", id="broken"),
    ],
)
def test_what_a_service_says_is_shown(project: Project, row: dict[str, object], state: str, shown: str) -> None:
    asked: list[str] = []
    content = json.dumps({"champions": [row]}).encode()
    with saying(content, asked=asked) as address, override_settings(REWARDS_URL=address):
        assert told(project)["services"][0]["state"] == state
        assert shown in page(project)
    assert asked == ["/models?project=helpful"] * 2, "of its own project alone, for a site may have thousands"


def test_a_service_that_was_not_updated_yet_tells_of_all_projects(project: Project) -> None:
    rows = [ROW | {"project": "another", "version": 5}, ROW]
    content = json.dumps({"champions": rows}).encode()
    with saying(content) as address, override_settings(REWARDS_URL=address):
        assert told(project)["services"][0]["state"] == "answers"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        *((b"<html>", 200), (b"[]", 200), (b"{}", 200), (b'{"champions": 3}', 200), (b'{"champions": [3]}', 200)),
        *((b'{"champions": [{"version": 1}]}', 200), (b"\xff", 200), (b"{}", 401), (b"busy", 503), (b"", 301)),
        (json.dumps({"champions": [ROW | {"server": [1]}]}).encode(), 200),
    ],
)
def test_another_program_at_its_address_is_no_service(project: Project, content: bytes, status: int) -> None:
    with saying(content, status=status) as address, override_settings(REWARDS_URL=address):
        assert told(project)["services"][0]["state"] == "away"
        assert "0 of 1 scoring service answers" in page(project)


def test_whoever_is_silent_is_waited_for_once(project: Project) -> None:
    """A page holds a turn of those who label."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with override_settings(REWARDS_URL=address):
            assert told(project)["services"][0]["state"] == "away"
            assert told(project)["services"][0]["state"] == "away"
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_before_there_is_a_champion_nobody_is_asked() -> None:
    project = make_project(slug="young")
    with override_settings(REWARDS_URL="http://127.0.0.1:1"):
        assert told(project) == {"champion": None, "services": []}
        assert page(project) == ""


def test_it_is_for_managers_and_costs_as_many_statements_for_each_service(project: Project) -> None:
    labeler = join(project, role=Role.LABELER)
    assert as_user(labeler).get("/api/v1/projects/helpful/scoring/").status_code == 403
    counts = []
    for addresses in ("http://127.0.0.1:1", ",".join(f"http://127.0.0.1:{port}" for port in range(1, 9))):
        with override_settings(REWARDS_URL=addresses), CaptureQueriesContext(connection) as statements:
            told(project)
        counts.append(len(statements))
    assert counts[0] == counts[1]
