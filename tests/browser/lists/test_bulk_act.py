"""All that a list finds is changed by keys only: searched, foreseen, done by a worker, seen, cancelled, done again, put
back, on a desk and on a phone; and what a reviewer, a labeler and another manager see of it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Locator, Page, expect

from labeling.answers.search import texts
from labeling.data.bulk import bulk_jobs, bulk_worker
from labeling.data.importing.imports import import_lines
from labeling.models import BulkAct, Project, Prompt, Role, User
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import look
from tests.jobs.killed_workers import start_worker

pytestmark = pytest.mark.browser

SPIRES, OTHERS = 1_500, 30
REASON = "The licence is not clear."
PLACE = "/p/many/prompts/"


class Many:
    """A project whose manager, colleague, reviewer and labeler are all at work; most prompts have the word spire."""

    def __init__(self, site: Site) -> None:
        self.manager = site.manager
        self.project: Project = factories.make_project(manager=site.manager, slug="many")
        self.colleague = self.join("coco", Role.MANAGER)
        self.reviewer = self.join("rita", Role.REVIEWER)
        self.labeler = self.join("lia", Role.LABELER)
        words = ["spire"] * SPIRES + ["gate"] * OTHERS
        rows = (
            {"id": f"q{n}", "prompt": f"How high is {word} {n}?", "completions": [{"text": "Low."}, {"text": "High."}]}
            for n, word in enumerate(words)
        )
        import_lines(self.project, (json.dumps(row).encode() for row in rows))
        texts.read()
        meant = self.project.prompts.filter(split="train", messages__0__content__startswith="How high is spire")
        self.meant = [*meant.order_by("pk").values_list("pk", flat=True)]
        assert len(self.meant) > bulk_jobs.AT_ONCE

    def join(self, name: str, role: Role) -> User:
        return factories.join(self.project, role, name)

    def tagged(self) -> int:
        return self.project.prompts.filter(tags=["to check"]).count()

    def held(self) -> int:
        return self.project.prompts.filter(held_reason=REASON, hold_at__isnull=False).count()


def test_what_a_list_finds_is_tagged_and_held_and_put_back_by_keys(site: Site, viewers: People, tmp_path: Path) -> None:
    many = Many(site)
    page = viewers.page(many.manager)
    narrow(page)
    refuse_a_tag(page)
    foresee(page, len(many.meant))
    for person in (many.colleague, many.reviewer, many.labeler):
        viewers.page(person)  # logged in by what the server sees at once
    with at_work(many, tmp_path):
        expect(page.get_by_text("running")).to_be_visible()
        expect(changed(page)).to_have_text("500")
        assert look(page) == {}
        assert many.tagged() == 500
        others_see(viewers, many)
        page.bring_to_front()
        press(page, page.get_by_role("button", name="Cancel"))
        expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    # The batch that was at work is done; what comes after it is not.
    expect(page.get_by_text("cancelled")).to_be_visible()
    expect(changed(page)).to_have_text("1,000")
    expect(page.get_by_text("What was changed before stays changed.")).to_be_visible()
    assert many.tagged() == 1_000

    rest = len(many.meant) - 1_000
    again(page)
    say_tag(page, "to check")
    expect(page.get_by_role("heading", name=f"{rest} prompts would be changed")).to_be_visible()
    press(page, page.get_by_role("button", name="Change them"))
    expect(page.locator(".notices")).to_contain_text(f"Add the tag “to check”: {rest} prompts changed.")
    expect(page.get_by_label("Search")).to_have_value("spire")  # the list is narrowed as it was
    assert many.tagged() == len(many.meant)
    press(page, page.get_by_role("link", name="Change all of the list"))
    say_tag(page, "to check")
    expect(page.get_by_role("heading", name="No prompt would be changed by this")).to_be_visible()
    expect(page.get_by_role("button", name="Change them")).to_have_count(0)

    hold(page, len(many.meant))
    bulk_worker.work_all()
    expect(changed(page)).to_have_text(shown(len(many.meant)))
    expect(page.get_by_text("succeeded")).to_be_visible()
    assert many.held() == len(many.meant)
    labeler_sees(viewers.same_page(many.labeler), many)
    put_back(page, len(many.meant))
    bulk_worker.work_all()
    expect(changed(page)).to_have_text(shown(len(many.meant)))
    assert many.held() == 0
    press(page, page.get_by_role("link", name="Look at the prompts"))
    press(page, page.get_by_role("link", name="Set aside"))
    expect(page.get_by_text("None of these fit.")).to_be_visible()
    # A page that is left while it still asks how far it is says so to the console.
    expected = ("responded with a status of 4", "htmx:afterRequest", "htmx:sendAbort")
    assert [words for words in viewers.complaints if not any(each in words for each in expected)] == []


def press(page: Page, target: Locator, *keys: str) -> None:
    """Goes there by Tab alone, then presses these keys, or Enter."""
    expect(target).to_be_visible()
    for _ in range(200):
        if target.evaluate("element => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(target).to_be_focused()
    for key in keys or ("Enter",):
        page.keyboard.press(key)


def write(page: Page, target: Locator, words: str) -> None:
    """In place of what stands there, and sends it."""
    press(page, target, "Control+a")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def shown(n: int) -> str:
    return f"{n:,}"


def changed(page: Page) -> Locator:
    return page.locator("dt", has_text="Prompts changed").locator("+ dd")


def narrow(page: Page) -> None:
    """By a word and the split."""
    page.goto(PLACE)
    write(page, page.get_by_label("Search"), "spire")
    expect(page.get_by_role("link", name="gate").first).to_have_count(0)
    press(page, page.get_by_text("Split, tag, flag, model and more"))
    press(page, page.get_by_label("Split"), "ArrowDown")
    expect(page.locator("tbody tr", has_text="Test")).to_have_count(0)
    link = page.get_by_role("link", name="Change all of the list")
    expect(link).to_have_attribute("href", f"{PLACE}bulk/?q=spire&split=train")
    press(page, link)
    expect(page.locator(".bulk__said li")).to_have_text(["Search: spire", "Split: Train"])


def refuse_a_tag(page: Page) -> None:
    """Blanks alone are none."""
    say_tag(page, "   ")
    error = page.locator(".field__error")
    expect(error).to_contain_text("A tag has 1 to 50 letters, all of them visible")
    field = page.get_by_label("Tag", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_attribute("aria-describedby", str(error.get_attribute("id")))
    assert look(page) == {}
    assert not BulkAct.objects.filter(value="").exists()


def say_tag(page: Page, tag: str) -> None:
    press(page, page.get_by_role("radio", name="Add a tag"), "Space")
    write(page, page.get_by_label("Tag", exact=True), tag)


def foresee(page: Page, n: int) -> None:
    say_tag(page, "to check")
    expect(page.get_by_role("heading", name=f"{shown(n)} prompts would be changed")).to_be_visible()
    expect(page.get_by_text("A worker does it")).to_be_visible()
    assert look(page) == {}
    press(page, page.get_by_role("button", name="Change them"))
    expect(page.get_by_text("queued")).to_be_visible()


@contextmanager
def at_work(many: Many, folder: Path) -> Iterator[None]:
    """A worker, in a process of its own, that has done one batch and can't go on: somebody has a prompt of the next."""
    job = many.project.bulk_acts.get()
    with transaction.atomic():
        Prompt.objects.select_for_update().get(pk=many.meant[bulk_worker.BATCH])
        worker = start_worker(bulk_worker.__name__, job, folder)
        try:
            yield
        except BaseException:
            worker.kill()
            worker.wait()
            raise
    assert worker.wait(60) == 0


def others_see(viewers: People, many: Many) -> None:
    """Another manager the same with the way to cancel it; a reviewer what is changed, and no way to change it."""
    act = f"{PLACE}bulk/{many.project.bulk_acts.get().number}/"
    his = viewers.same_page(many.colleague)
    his.goto(f"{PLACE}bulk/")
    press(his, his.get_by_role("link", name="Add the tag “to check”"))
    expect(changed(his)).to_have_text("500")
    expect(his.get_by_role("button", name="Cancel")).to_be_visible()
    hers = viewers.same_page(many.reviewer)
    hers.goto(f"{PLACE}?tag=to+check")
    expect(hers.locator("tbody tr")).to_have_count(50)
    expect(hers.get_by_role("link", name="Change all of the list")).to_have_count(0)
    for person in (many.reviewer, many.labeler):
        for address in (f"{PLACE}bulk/", act):
            refused = viewers.same_page(person).goto(address)
            assert refused is not None
            assert refused.status == 403


def again(page: Page) -> None:
    """From the act's page back to what it was asked with."""
    press(page, page.get_by_role("link", name="Change all prompts of the list"))
    expect(page.locator(".bulk__said li")).to_have_text(["Search: spire", "Split: Train"])
    expect(page.get_by_role("listitem").filter(has_text="1,000 prompts changed")).to_be_visible()


def hold(page: Page, n: int) -> None:
    choose(page, "Hold: out of the queue, with a reason", downs=5)
    press(page, page.get_by_role("textbox", name="Reason"))
    expect(page.locator(".field__error")).to_contain_text("Say why in a few words")
    write(page, page.get_by_role("textbox", name="Reason"), REASON)
    expect(page.get_by_role("heading", name=f"{shown(n)} prompts would be changed")).to_be_visible()
    press(page, page.get_by_role("button", name="Change them"))
    expect(page.get_by_text("queued")).to_be_visible()


def put_back(page: Page, n: int) -> None:
    press(page, page.get_by_role("link", name="Change all prompts of the list"))
    choose(page, "Put back into the queue", downs=6)
    press(page, page.get_by_role("button", name="See how many"))
    expect(page.get_by_role("heading", name=f"{shown(n)} prompts would be changed")).to_be_visible()
    press(page, page.get_by_role("button", name="Change them"))
    expect(page.get_by_text("queued")).to_be_visible()


def choose(page: Page, act: str, *, downs: int) -> None:
    """Arrows choose among radio buttons; Tab comes to the one that is chosen."""
    first = page.get_by_role("radio", name="Add a tag")
    expect(first).to_be_checked()
    press(page, first, *["ArrowDown"] * downs)
    expect(page.get_by_role("radio", name=act)).to_be_checked()


def labeler_sees(page: Page, many: Many) -> None:
    """Prompts that nobody holds."""
    page.goto("/p/many/rank/")
    expect(page.get_by_role("main")).to_be_visible()
    given = {*many.labeler.assignments.values_list("prompt", flat=True)}
    assert given
    assert not given & {*many.meant}
