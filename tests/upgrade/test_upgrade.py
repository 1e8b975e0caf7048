"""A site of an earlier version goes on after `migrate`: see README.md for what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
import requests
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

import config.celery  # noqa: F401  makes it the app of this process, as in a worker
from rewardtrain import tasks
from rewardtrain.models import BestOfJob, Evaluation, TrainingRun
from tests.report_shape import misshapen
from tests.rewardtrain.service import running
from tests.upgrade.conftest import OLD, Site

LINK = re.compile(r'href="(/(?:p/[^"#?]*)?)["#?]')
NO_PAGES = ("/download/", ".jsonl", ".json", "/rank/")  # files, and what would take a task
RUNS = (("helpful", 4), ("rude", 3))
PAGES = {
    "mara": {
        "/",
        *(f"/p/{project}/runs/{number}/" for project, last in RUNS for number in range(1, last + 1)),
        *(f"/p/{project}/{page}/" for project, _ in RUNS for page in ("people", "prompts", "settings", "export")),
        *(f"/p/{model}/" for model in ("helpful/models/1", "helpful/models/2", "rude/models/1")),
        *(f"/p/helpful/{page}/" for page in ("automatic", "best-of/1", "try")),
    },
    "lena": {"/", "/p/helpful/history/", "/p/rude/history/"},
}


@pytest.fixture
def broker(servers: object) -> Iterator[None]:
    """Empty at the test's begin and end, so that no other hears of this site's runs."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
        yield
        client.flushdb()


def exported(site: Site, project: str, **query: str) -> list[dict[str, Any]]:
    query = {"format": "jsonl", "split": "all", **query}
    answer: Any = site.client("mara").get(f"/api/v1/projects/{project}/export/", query)
    assert answer.status_code == 200
    return [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]


def sides(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["prompt"], row["chosen"], row["rejected"]


def test_migrations_leave_the_tables_as_the_models_have_them(site: Site) -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
    call_command("migrate", "--check", verbosity=0)


def test_no_row_of_the_old_tables_is_lost(site: Site) -> None:
    now = site.counts()
    fewer = {name: (n, now.get(name)) for name, n in site.before.counts.items() if now.get(name, 0) < n}
    assert not fewer, "if a migration renames or empties a table, say so here"


def test_exports_hold_the_pairs_of_the_old_database(site: Site) -> None:
    assert len(site.before.pairs) > 200
    assert sorted(map(sides, exported(site, "helpful"))) == sorted(row[:3] for row in site.before.pairs)


def test_a_frozen_version_is_exported_as_it_was_frozen(site: Site) -> None:
    [newest, first] = site.client("mara").get("/api/v1/projects/helpful/datasets/").json()["results"]
    assert first["n_pairs"] < newest["n_pairs"]
    for version in (newest, first):
        rows = exported(site, "helpful", version=str(version["number"]))
        assert len(rows) == version["n_pairs"]
        assert set(map(sides, rows)) <= {row[:3] for row in site.before.pairs}


@pytest.mark.parametrize("username", PAGES)
def test_people_log_in_with_their_old_passwords_and_find_every_page(site: Site, username: str) -> None:
    browser = Client()
    form = {"login": username, "password": site.people["password"]}
    assert browser.post("/accounts/login/", form).status_code == 302
    seen, waiting = set[str](), ["/"]
    while waiting:
        path = waiting.pop()
        answer = browser.get(path, follow=True)  # a labeler's project is its queue
        assert answer.status_code == 200, path
        seen.add(path)
        if answer.streaming:  # a file to download
            assert b"".join(answer), path
            continue
        links = set(LINK.findall(answer.content.decode()))
        waiting += [link for link in links - seen - set(waiting) if not link.endswith(NO_PAGES)]
    assert seen >= PAGES[username], PAGES[username] - seen


def test_stored_reports_have_every_field_of_todays(site: Site) -> None:
    reports = [evaluation.report for evaluation in Evaluation.objects.all()]
    assert len(reports) >= 3
    assert [misshapen(report) for report in reports] == [[]] * len(reports)


def test_the_champion_scores_as_it_did(site: Site) -> None:
    assert len(site.before.scores) > 40
    token = {"Authorization": f"Bearer {site.people['tokens']['mara']}"}
    with running():
        for messages, rewards, texts in site.before.scores[:5]:
            body = {"prompt": messages, "completions": texts}
            answer = site.client("mara").post("/api/v1/projects/helpful/score/", body)
            assert answer.status_code == 200, answer.content
            assert answer.json()["rewards"] == pytest.approx(rewards, abs=1e-4)
            direct = requests.post(f"{settings.REWARDS_URL}/helpful/score", json=body, headers=token, timeout=60)
            assert direct.json()["rewards"] == pytest.approx(rewards, abs=1e-4), direct.text


def test_a_labeler_finds_the_draft_that_was_left_and_ranks(site: Site) -> None:
    before = exported(site, "helpful")
    lena = site.client("lena")
    task = lena.post("/api/v1/projects/helpful/assignments/next/").json()
    ids = [shown["id"] for shown in task["completions"]]
    assert task["draft"]["ranks"] == {ids[0]: 1}
    assert task["draft"]["notes"] == {ids[1]: "Half a note"}
    answer = lena.post(f"/api/v1/assignments/{task['id']}/ranking/", {"tiers": [[name] for name in ids]})
    assert answer.status_code == 201, answer.content
    after = exported(site, "helpful")
    assert len(after) == len(before) + answer.json()["pairs"]
    assert set(map(sides, before)) <= set(map(sides, after))


def test_a_run_whose_worker_died_is_taken_up_again_and_goes_on_from_its_checkpoint(site: Site, broker: None) -> None:
    run = TrainingRun.objects.get(project__slug="helpful", state="running")
    silent = timezone.now() - timedelta(hours=1)  # however the clock of this machine stands to that of the dump's
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=silent)
    tasks.sweep()
    run.refresh_from_db()
    assert run.state == "queued"
    tasks.train(run.pk)
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("succeeded", 2), run.error
    metrics = f"{run.folder}/out/metrics.jsonl"
    before, after = ((root / metrics).read_bytes() for root in (OLD / "models", site.models))
    [checkpoint] = (OLD / "models" / run.folder).glob("out/checkpoints/*/info.json")
    kept = json.loads(checkpoint.read_bytes())["metrics_bytes"]
    assert after[:kept] == before[:kept], "it began anew"
    shown = site.client("mara").get("/api/v1/projects/helpful/runs/4/").json()
    steps = [point["step"] for point in shown["points"]]
    assert steps == list(range(1, 41)), "the curve is whole"
    newest = site.client("mara").get("/api/v1/projects/helpful/models/").json()["results"][0]
    assert (newest["version"], newest["run"]) == (3, 4)


def test_a_run_that_waited_is_trained_to_its_end(site: Site) -> None:
    run = TrainingRun.objects.get(project__slug="rude", state="queued")
    tasks.train(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded", run.error
    shown = site.client("mara").get("/api/v1/projects/rude/models/").json()["results"]
    assert [(model["version"], model["champion"], model["threshold"]) for model in shown[-1:]] == [(1, True, 0.4)]
    assert shown[0]["run"] == run.number


def test_a_job_that_waited_is_done(site: Site) -> None:
    job = BestOfJob.objects.get(state="queued")
    with running():
        tasks.choose(job.pk)
    answer = site.client("mara").get(f"/api/v1/projects/helpful/best-of/{job.number}/").json()
    assert (answer["state"], answer["done"], answer["unread"]) == ("succeeded", 6, 0), answer
