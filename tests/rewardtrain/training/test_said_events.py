"""A job may write anything into its metrics: what can be shown is kept, and no page, plot or look at runs breaks."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import said_events
from rewardtrain.training.run_progress import Progress
from tests.factories import make_user
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_run, rank_prompts

START: dict[str, Any] = {
    "event": "start", "time": 1.0, "total_steps": 10, "n_prompts": {"train": 5, "validation": 2, "test": 2},
    "n_completions": 20, "n_comparisons": 9, "n_ties": 1, "n_rewrites": 1, "dropped": 0, "truncated": 0,
    "device": "cpu", "device_name": "CPU", "dtype": "float32", "bfloat16_gain": 1.1, "processes": 2,
    "token_budget": 512, "needed_bytes": 10**9, "memory_bytes": 10**10, "config": {"epochs": 1}, "fingerprint": "ab",
}  # fmt: skip
STEP = {"event": "step", "step": 1, "total_steps": 10, "loss": 0.5}
VALIDATION = {"event": "validation", "step": 2, "every": 1, "log_loss": 0.6, "accuracy": 0.7}
EVENTS = (START, STEP, VALIDATION, {"event": "progress", "phase": "encoding", "done": 1, "total": 2},
          {"event": "phase", "phase": "training"})  # fmt: skip
DEEP = b"[" * 100_000 + b"]" * 100_000


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


WRONG: dict[str, Any] = {
    "text": "lots", "negative": -1, "NaN": math.nan, "infinite": math.inf, "list": [1], "object": {"a": "b"},
    "true": True, "fraction": 0.5, "far": 2**70, "null": None, "long": "x" * 500_000, "zero byte": "a\0b",
    "deep": nested(100), "wide": dict.fromkeys(map(str, range(10_000)), 1),
}  # fmt: skip


@pytest.fixture
def run(project: Project) -> TrainingRun:
    rank_prompts(project)
    return make_run(project, state="running")


def tell(run: TrainingRun, *lines: bytes) -> None:
    """As a look at a run does: into its row and its points."""
    progress = Progress(run, total_steps=10)
    progress.read(lines)
    progress.store_points()
    TrainingRun.objects.filter(pk=run.pk).update(**progress.row())


@pytest.mark.parametrize("wrong", WRONG)
def test_whatever_stands_in_any_field_of_an_event_the_page_and_the_api_show_the_rest(
    run: TrainingRun, client: Client, wrong: str
) -> None:
    client.force_login(make_user(superuser=True))
    value = WRONG[wrong]
    page = reverse("run", args=[run.project.slug, run.number])
    address = f"/api/v1/projects/{run.project.slug}/runs/{run.number}/"
    for event in EVENTS:
        for field in set(event) - {"event"}:
            tell(run, json.dumps({**event, field: value}).encode() + b"\n")
        if event is START:
            for field in ("n_prompts", "memory_bytes", "device_name", "config"):
                tell(run, json.dumps({**event, field: value}).encode() + b"\n")
                assert client.get(page).status_code == 200, field
                assert as_user(run.project.created_by).get(address).status_code == 200
    assert client.get(page).status_code == 200
    tell(run, *(json.dumps(event).encode() + b"\n" for event in EVENTS))
    run.refresh_from_db()
    assert run.counts == {name: of for name, of in START.items() if name not in ("event", "time")}
    assert RunPoint.objects.get(run=run, step=1).loss == 0.5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{", "Expecting property name"),
        (b"5\n", "it is no object"),
        (b"null\n", "it is no object"),
        (DEEP, "nested too deep"),
        (b'{"event": "start", "x": "' + b"y" * 10**7 + b'"}', "more than 1048576"),
        (b"\xff\xfe\n", "codec can't decode"),
        (b'{"event": "step", "step": "one"}', "step is 'one'; it must be a whole number from 0 to 2147483647"),
        (b'{"event": "step", "step": 1e400}', "step is 'inf'"),
        (b'{"event": "step"}', "step is 'None'"),
        (b'{"event": "phase", "phase": "%s"}' % (b"x" * 31), "phase is"),
        (b'{"event": "step", "step": 1, "total_steps": 2, "loss": "small"}', "loss is 'small'; it must be a number"),
    ],
)
def test_a_line_that_says_nothing_is_left_out_and_the_next_is_read(
    run: TrainingRun, line: bytes, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    tell(run, line, json.dumps(STEP).encode())
    assert words in caplog.text
    assert len(caplog.text) < 1000
    assert RunPoint.objects.get(run=run).step == 1


@pytest.mark.parametrize("event", [{}, {"event": 5}, {"event": ["step"]}, {"event": "news", "step": "x"}])
def test_an_event_that_nobody_knows_changes_nothing(run: TrainingRun, event: dict[str, Any]) -> None:
    before = TrainingRun.objects.values("counts", "phase", "done").get(pk=run.pk)
    progress = Progress(run)
    progress.read([json.dumps(event).encode()])
    assert progress.row() == {}
    assert TrainingRun.objects.values("counts", "phase", "done").get(pk=run.pk) == before


def test_what_a_start_says_that_a_later_version_added_is_kept_as_far_as_it_can_be() -> None:
    found = said_events.counts({"event": "start", "new": [1, math.nan, {"a": "b\0c"}], "gain": 1.5})
    assert found == {"new": [1, None, {"a": "bc"}], "gain": 1.5}
