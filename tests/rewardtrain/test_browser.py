"""The runs' and models' pages in Chromium: live progress, the drawings, accessibility."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from rewardtrain import registry
from rewardtrain.models import RunPoint, TrainingRun
from tests.browser.sites import People, Site
from tests.browser.test_pages import axe
from tests.factories import make_user
from tests.rewardtrain.conftest import make_model, make_report, make_run, rank_prompts

pytestmark = pytest.mark.browser

LOOKS: dict[str, dict[str, Any]] = {
    "wide-light": {"viewport": {"width": 1280, "height": 800}},
    "narrow-dark": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
}
CHAMPION = {
    "accuracy": 0.68,
    "log_loss": 0.62,
    "difference": {
        "accuracy": {"value": 0.02, "low": -0.03, "high": 0.07},
        "log_loss": {"value": -0.02, "low": -0.05, "high": 0.01},
    },
}
COUNTS = {
    "n_prompts": {"train": 24, "validation": 4, "test": 8},
    "n_comparisons": 216,
    "n_ties": 0,
    "dropped": 0,
    "truncated": 3,
    "n_completions": 144,
    "device_name": "CPU, 2 threads",
}


@pytest.fixture
def run(project: Project) -> TrainingRun:
    """Version 1 is the champion, version 2 passed the gate and waits, run 3 trains."""
    rank_prompts(project)
    champion = make_model(project)
    registry.promote(champion, by=None, reason="the first one")
    make_model(project, make_report(champion=CHAMPION), rival=champion)
    run = make_run(project, state="running", phase="training", done=60, total=100, counts=COUNTS)
    draw = random.Random(0)
    for step in range(1, 61):
        validation = {"validation_log_loss": 0.7 - step / 500, "validation_accuracy": 0.6} if step % 10 == 0 else {}
        RunPoint.objects.create(run=run, step=step, loss=0.75 - step / 250 + draw.gauss(0, 0.05), **validation)
    return run


@pytest.fixture
def people(live_server: LiveServer, chromium: Browser, project: Project) -> Iterator[People]:
    manager = project.memberships.get(role=Role.MANAGER).user
    somebody = make_user()
    site = Site(live_server.url, manager, somebody, somebody, somebody, project, project, token="")
    opened = People(chromium, site)
    yield opened
    opened.close()


def open_page(people: People, path: str, **options: Any) -> Page:
    page = people.page(people.site.manager, **options)
    page.goto(f"/p/{people.site.project.slug}/{path}")
    page.wait_for_load_state("load")
    return page


@pytest.mark.parametrize("looks_like", LOOKS)
def test_the_pages_have_no_violation_no_complaint_and_no_overflow(
    people: People, run: TrainingRun, looks_like: str
) -> None:
    for path in ("runs/", "runs/3/", "models/", "models/2/"):
        page = open_page(people, path, **LOOKS[looks_like])
        for summary in page.locator("main summary").all():
            summary.click()
        assert axe(page) == [], path
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
        page.context.close()
    people.contexts.clear()
    assert people.complaints == []


def test_a_run_is_followed_to_its_end_without_a_reload_by_hand(people: People, run: TrainingRun) -> None:
    page = open_page(people, "runs/3/")
    expect(page.locator("#run-progress")).to_contain_text("60 of 100")
    expect(page.locator("loss-curve canvas")).to_be_visible()
    before = page.evaluate("document.querySelector('loss-curve canvas').toDataURL()")
    RunPoint.objects.create(run=run, step=75, loss=0.2)
    TrainingRun.objects.filter(pk=run.pk).update(done=75)
    expect(page.locator("#run-progress")).to_contain_text("75 of 100")
    page.wait_for_function("before => document.querySelector('loss-curve canvas').toDataURL() !== before", arg=before)
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", error="diverged", finished_at=timezone.now())
    expect(page.locator("#run-progress")).to_contain_text("diverged")
    expect(page.get_by_role("button", name="Cancel this run")).to_have_count(0)


def test_without_javascript_the_run_is_followed_by_reloading(people: People, run: TrainingRun) -> None:
    page = open_page(people, "runs/3/", java_script_enabled=False)
    expect(page.locator("#run-progress")).to_contain_text("60 of 100")
    TrainingRun.objects.filter(pk=run.pk).update(done=75)
    page.reload()
    expect(page.locator("#run-progress")).to_contain_text("75 of 100")
    page.get_by_text("The numbers behind it").click()
    expect(page.get_by_role("row")).not_to_have_count(0)
    page.get_by_role("button", name="Cancel this run").click()
    expect(page.locator("#run-progress")).to_contain_text("stopping")


def test_the_overview_carries_the_models_part(people: People, run: TrainingRun) -> None:
    page = open_page(people, "")
    expect(page.locator(".machine")).to_contain_text("The champion is version 1")
    expect(page.locator(".machine")).to_contain_text("Version 2 passed the gate and waits for your word.")
    page.get_by_role("link", name="Look at it").click()
    page.get_by_label("Why").fill("it is better")
    page.get_by_role("button", name="Make version 2 the champion").click()
    expect(page.get_by_role("status")).to_contain_text("Version 2 is the champion now.")
