"""The runs' and models' pages in Chromium: live progress, the drawings. tests/browser/test_pages.py looks at them."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from labeling.models import Project, Role
from rewardtrain.models import RetrainPolicy, RunPoint, TrainingRun
from tests.browser.site.looking import SETTLED, axe, overflow, walk
from tests.browser.site.sites import People, Site, make_texts
from tests.factories import make_user
from tests.rewardtrain.conftest import make_classifiers, make_training, rank_prompts

pytestmark = pytest.mark.browser


@pytest.fixture
def run(project: Project) -> TrainingRun:
    """Version 1 is the champion, version 2 passed the gate and waits, run 3 trains."""
    rank_prompts(project)
    return make_training(project)


@pytest.fixture
def people(live_server: LiveServer, chromium: Browser, project: Project) -> Iterator[People]:
    manager = project.memberships.get(role=Role.MANAGER).user
    somebody = make_user()
    site = Site(live_server.url, manager, *[somebody] * 7, *[project] * 4, token="")
    opened = People(chromium, site)
    yield opened
    opened.close()


def open_page(people: People, path: str, **options: Any) -> Page:
    page = people.page(people.site.manager, **options)
    page.goto(f"/p/{people.site.project.slug}/{path}")
    page.wait_for_load_state("load")
    return page


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


def test_without_javascript_a_model_is_tried_by_buttons(people: People, run: TrainingRun) -> None:
    page = open_page(people, "try/", java_script_enabled=False)
    page.get_by_label("Prompt").fill("ba de?")
    page.get_by_label("Completion A", exact=True).fill("good")
    page.get_by_role("button", name="Add a completion").click()
    page.get_by_role("button", name="Remove Completion B").click()
    expect(page.get_by_label("Completion A", exact=True)).to_have_value("good")
    expect(page.locator("textarea")).to_have_count(3)
    page.get_by_role("button", name="Score").click()
    expect(page.locator("#id_completion-1_error")).to_have_text("Write a completion here, or remove this field.")
    expect(page.get_by_label("Prompt")).to_have_value("ba de?")


def test_the_figures_follow_the_slider_of_the_threshold(people: People) -> None:
    make_classifiers(make_texts(people.site.manager))
    page = people.page(people.site.manager)
    page.goto("/p/texts/models/2/threshold/")
    slider, number = page.get_by_role("slider", name="Threshold"), page.get_by_role("spinbutton", name="Threshold")
    expect(slider).to_have_value("0.4")
    matrix = page.get_by_role("table", name="Confusion matrix")
    before = matrix.inner_text()
    slider.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    expect(number).not_to_have_value("0.4")
    expect(matrix).not_to_have_text(before, use_inner_text=True)
    chosen = number.input_value()
    expect(page.get_by_role("heading", name=f"On the test split at {float(chosen):.3f}"[:24])).to_be_visible()
    page.wait_for_url(f"**?threshold={chosen}")
    expect(slider).to_be_focused()
    number.fill("0.25")
    expect(slider).to_have_value("0.25")
    page.get_by_role("button", name="Use the threshold 0.250").click()
    expect(page.get_by_role("status")).to_contain_text("uses this threshold now")
    expect(slider).to_have_value("0.25")
    # A figure that is asked for while the last one is on its way takes its place; htmx logs that as two errors.
    assert [
        words for words in people.complaints if "htmx:sendAbort" not in words and "htmx:afterRequest" not in words
    ] == []


def test_where_fine_tunings_go_is_chosen_and_a_waiting_job_is_told(people: People, run: TrainingRun) -> None:
    """Narrow and wide, by keyboard, light, dark and with the person's own colours."""
    TrainingRun.objects.filter(pk=run.pk).update(
        executor="slurm",
        phase="waiting",
        done=0,
        total=0,
        job_name="podium-1-3-1-0-5f2a91c0",
        job_seen={"id": "4711", "reason": "Priority"},
        preemptions=2,
    )
    queues = {
        "SLURM_PARTITIONS": ["gpu", "gpu-long"],
        "KUBERNETES_QUEUES": ["research"],
        "SKYPILOT_ACCELERATORS": ["H100"],
    }
    with override_settings(EXECUTORS=["slurm", "kubernetes", "skypilot", "local"], **queues):
        for options in ({"viewport": {"width": 360, "height": 740}}, {"forced_colors": "active"}, {}):
            for path, words in (("runs/3/", "Slurm says: Priority."), ("runs/", "Where fine-tunings go")):
                page = open_page(people, path, **options)
                expect(page.locator("main")).to_contain_text(words)
                assert axe(page) == []
                assert overflow(page) == {}
                assert walk(page) == {}
                page.emulate_media(color_scheme="dark")
                page.evaluate(SETTLED)
                assert axe(page, "color-contrast") == []
        page = open_page(people, "runs/")
        page.get_by_label("Partition").select_option("gpu-long")
        page.get_by_label("GPUs").fill("2")
        page.get_by_role("button", name="Save the policy").click()
        expect(page.get_by_label("Partition")).to_have_value("gpu-long")
    assert RetrainPolicy.objects.get().gpus == 2
