"""Data comes in by the page: a table by its columns, many rows through a closed tab and a killed worker, and back."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import FilePayload, Page, expect

from jobs import lifecycle
from labeling.data.importing.background import import_drafts, import_worker
from labeling.models import Import, Project, Prompt, Ranking
from tests import hub_stub
from tests.browser.site.looking import axe, overflow, walk
from tests.browser.site.past_imports import TABLE
from tests.browser.site.sites import People, Site
from tests.hub_stub import Hub
from tests.jobs.killed_workers import start_worker
from tests.labeling.api.client import row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.browser
# By hand with 100,000: PODIUM_IMPORTED_ROWS=100000 pytest tests/browser/test_imports.py -k killed
ROWS = int(os.environ.get("PODIUM_IMPORTED_ROWS", "5000"))
PURPOSES = {"Frage": "Prompt", "erste": "Completion A", "zweite": "Completion B", "besser": "Which is better"}
SECONDS = 120 + ROWS / 100


@pytest.fixture(autouse=True)
def folder(site: Site, tmp_path: Path) -> Iterator[Path]:
    """Where this test's files and its workers' lie; the site is made before, in a folder that stays."""
    with models_in(tmp_path / "models"):
        yield tmp_path


def choose(page: Page, project: Project, name: str, body: bytes) -> None:
    """Sends a file, by the keyboard from the file on."""
    page.goto(f"/p/{project.slug}/imports/")
    file: FilePayload = {"name": name, "mimeType": "text/plain", "buffer": body}
    page.get_by_label("A file of prompts").set_input_files(file)
    press(page, "Look into it")
    page.wait_for_url(re.compile(r"/imports/\d+/$"))


def say(page: Page, column: str, purpose: str) -> None:
    """Says what a column is for, and waits until the page has looked again."""
    page.get_by_label(column).select_option(label=purpose)
    expect(page.get_by_label(column).locator("option[selected]")).to_have_text(purpose)


def press(page: Page, button: str) -> None:
    page.get_by_role("button", name=button).focus()
    page.keyboard.press("Enter")
    page.wait_for_load_state()


DROPPED = """names => {
    const dropped = new DataTransfer();
    names.forEach((name) => dropped.items.add(new File(["Frage,erste,zweite\\nWarum?,Luft.,Licht.\\n"], name)));
    return dropped;
}"""


def drop(page: Page, *names: str) -> None:
    """Drops files of these names on the form, as from another window."""
    data = page.evaluate_handle(DROPPED, list(names))
    zone = page.locator("drop-zone")
    zone.dispatch_event("dragover", {"dataTransfer": data})
    expect(zone).to_have_attribute("data-over", "")
    zone.dispatch_event("drop", {"dataTransfer": data})


@pytest.mark.parametrize("address", ["imports/", "prompts/"])
def test_a_file_is_dropped_and_looked_into(site: Site, people: People, address: str) -> None:
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/{address}")
    drop(page, "eins.csv", "zwei.csv")
    expect(page.locator("drop-zone").get_by_role("status")).to_have_text("One file at a time, please.")
    drop(page, "fragen.csv")
    page.wait_for_url("**/imports/1/")
    expect(page.get_by_text("fragen.csv").first).to_be_visible()
    assert site.empty.imports.count() == 1


def work(project: Project) -> None:
    import_worker.work(project.imports.latest("pk").pk)


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_a_table_goes_in_by_its_columns_and_is_taken_back(site: Site, people: People, width: int) -> None:
    page = people.page(site.manager, viewport={"width": width, "height": 900})
    choose(page, site.empty, "antworten.csv", TABLE)
    expect(page.locator(".notice")).to_contain_text("Its layout is none that Podium knows.")
    expect(page.get_by_role("button", name="Start the import")).to_have_count(0)
    for column, purpose in PURPOSES.items():
        say(page, column, purpose)
    expect(page.locator(".sentence")).to_have_text("This is a wide table in CSV, 2 rows. 1 of them can't be used.")
    expect(page.get_by_role("article").first).to_contain_text("Luft streut blaues Licht")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
    press(page, "Start the import")
    expect(page.locator("#import-progress .badge")).to_have_text("queued")
    work(site.empty)
    expect(page.locator("#import-progress .badge")).to_have_text("done")  # nobody loads the page anew
    expect(page.get_by_role("heading", name="1 line could not be used")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the bad lines").click()
    assert download.value.path().read_bytes().splitlines()[1:] == TABLE.splitlines()[2:]
    assert (site.empty.prompts.count(), Ranking.objects.filter(prompt__project=site.empty).count()) == (1, 1)
    page.get_by_text("Take this import back").click()
    press(page, "Take it back")
    expect(page.locator("#import-progress .badge")).to_have_text("queued")
    work(site.empty)
    expect(page.locator("#import-progress .badge")).to_have_text("taken back")
    assert not site.empty.prompts.exists()
    assert people.complaints == []


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    with hub_stub.named(monkeypatch, tmp_path / "home") as running:
        yield running


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_a_dataset_of_a_hub_is_named_looked_into_and_started(site: Site, people: People, hub: Hub, width: int) -> None:
    hub.add("dataset", "lab/pairs", {"test.jsonl": pairs("Why?"), "train.jsonl": pairs("How?", "When?")})
    page = people.page(site.manager, viewport={"width": width, "height": 900})
    page.goto(f"/p/{site.empty.slug}/imports/")
    field = page.get_by_label("Or a dataset on a hub")
    field.fill("lab")
    field.press("Enter")
    expect(page.locator("#id_hub_error")).to_contain_text("“lab” is no name on a hub: write it as owner/name.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
    field.fill("hf:lab/pairs")
    field.press("Enter")
    expect(page.locator("#import-progress .badge")).to_have_text("queued")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
    work(site.empty)
    said = "This is TRL preference data in 2 × JSON Lines, 3 rows."
    expect(page.locator(".sentence")).to_have_text(said)  # nobody loads the page anew
    expect(page.get_by_role("article").first).to_contain_text("Why?")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
    press(page, "Start the import")
    expect(page.locator("#import-progress .badge")).to_have_text("queued")
    work(site.empty)
    expect(page.locator("#import-progress .badge")).to_have_text("done")
    assert site.empty.prompts.count() == 3
    assert [words for words in people.complaints if "status of 422" not in words] == []


def pairs(*prompts: str) -> bytes:
    rows = ({"prompt": prompt, "chosen": "So.", "rejected": "No."} for prompt in prompts)
    return b"".join(json.dumps(each).encode() + b"\n" for each in rows)


def test_a_choice_looks_again_by_itself_and_keeps_focus_and_place(site: Site, people: People) -> None:
    page = people.page(site.manager, viewport={"width": 360, "height": 640})
    choose(page, site.empty, "antworten.csv", TABLE)
    expect(page.get_by_role("button", name="Look again")).to_be_hidden()
    for column, purpose in PURPOSES.items():
        choice = page.get_by_label(column)
        choice.focus()
        top = choice.bounding_box()["y"]  # type: ignore[index]
        page.keyboard.type(purpose)
        expect(choice.locator("option[selected]")).to_have_text(purpose)
        expect(choice).to_be_focused()
        assert abs(choice.bounding_box()["y"] - top) < 2  # type: ignore[index]
    assert "column-1=completion_a" in page.url
    expect(page.locator("#looked-said")).to_contain_text("This is a wide table in CSV, 2 rows.")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
    say(page, "zweite", "Prompt")
    expect(page.locator(".notice")).to_contain_text("are both said to be “Prompt”")
    expect(page.locator("#looked-said")).to_contain_text("are both said to be “Prompt”")
    expect(page.get_by_label("besser").locator("option[selected]")).to_have_text("Which is better")
    page.get_by_label("Read it as").focus()
    page.get_by_label("Read it as").select_option(label="Nectar")
    expect(page.get_by_label("zweite")).to_have_count(0)
    expect(page.get_by_label("Read it as")).to_be_focused()
    page.reload()  # the address has what was chosen
    expect(page.get_by_label("Read it as")).to_have_value("nectar")


def test_where_no_answer_comes_it_says_so_and_nothing_is_started(site: Site, people: People) -> None:
    page = people.page(site.manager)
    choose(page, site.empty, "rows.jsonl", json.dumps(row("q1")).encode())
    page.context.set_offline(True)
    page.get_by_label("Read it as").select_option(label="Nectar")
    expect(page.get_by_role("status")).to_have_text("That could not be looked into. Look again.")
    expect(page.get_by_role("button", name="Start the import")).to_be_disabled()
    page.context.set_offline(False)
    press(page, "Look again")
    expect(page.get_by_label("Read it as")).to_have_value("nectar")
    expect(page.get_by_role("button", name="Look again")).to_be_hidden()


def test_a_choice_of_what_another_tab_has_started_leads_to_its_page(site: Site, people: People) -> None:
    page = people.page(site.manager)
    choose(page, site.empty, "rows.jsonl", json.dumps(row("q1")).encode())
    import_drafts.start(site.empty.imports.get())
    page.get_by_label("Read it as").select_option(label="Nectar")
    expect(page.locator("#import-progress .badge")).to_have_text("queued")


def test_it_goes_on_through_a_closed_tab_and_a_killed_worker(site: Site, people: People, folder: Path) -> None:
    lines = (json.dumps(row(f"q{n}", rankings=[{"labeler": "ann", "ranks": [1, 2]}])) for n in range(ROWS))
    page = people.page(site.manager)
    choose(page, site.empty, "rows.jsonl", "\n".join([*lines, "{bad"]).encode())
    press(page, "Start the import")
    job = site.empty.imports.get()
    with start_worker(import_worker.__name__, job, folder) as process:
        wait_for(job, lambda: job.created > 0)
        os.kill(process.pid, signal.SIGKILL)
    job.refresh_from_db()
    assert job.state == "running"
    assert job.created < ROWS
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.locator("#import-progress")).to_contain_text("importing")
    Import.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    lifecycle.requeue_stale(Import)  # as the sweep does after a minute of silence; it may find the site's own too
    expect(page.locator("#import-progress")).to_contain_text("Goes on where it was")
    page.close()
    with start_worker(import_worker.__name__, job, folder):
        wait_for(job, lambda: job.state == "succeeded")
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/imports/")
    page.get_by_role("link", name=f"Import {job.number}").click()
    expect(page.locator("#import-progress .badge")).to_have_text("done")
    expect(page.locator("#import-progress dl > div", has_text="New prompts").locator("dd")).to_have_text(f"{ROWS:,}")
    expect(page.get_by_role("heading", name="1 line could not be used")).to_be_visible()
    assert site.empty.prompts.count() == Ranking.objects.filter(prompt__project=site.empty).count() == ROWS
    assert people.complaints == []


def wait_for(job: Import, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        job.refresh_from_db()


def test_without_scripts_it_is_started_paused_cancelled_and_gone_on_with(site: Site, people: People) -> None:
    page = people.page(site.manager, java_script_enabled=False)
    choose(page, site.empty, "antworten.csv", TABLE)
    for column, purpose in PURPOSES.items():
        page.get_by_label(column).select_option(label=purpose)
    press(page, "Look again")
    expect(page.locator(".sentence")).to_contain_text("This is a wide table in CSV")
    press(page, "Delete this file")
    page.wait_for_url("**/imports/")
    choose(page, site.empty, "rows.jsonl", json.dumps(row("q1")).encode())
    for button, state in (
        *(("Start the import", "queued"), ("Pause", "paused"), ("Go on", "queued")),
        *(("Cancel this import", "cancelled"), ("Go on", "queued")),
    ):
        page.get_by_role("button", name=button).click()
        expect(page.locator("#import-progress .badge")).to_have_text(state)
    work(site.empty)
    page.reload()
    expect(page.locator("#import-progress .badge")).to_have_text("done")
    assert Prompt.objects.filter(project=site.empty).count() == 1
