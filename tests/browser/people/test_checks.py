"""A manager makes a ranking gold, sees how it was answered, and lets a person go on whom their checks paused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Membership, Project, User
from labeling.quality.checks import acting, golds
from tests import factories
from tests.browser.site.looking import axe, overflow, walk
from tests.browser.site.sites import People, Site
from tests.labeling.quality.checks.test_acting import WRONG, answer, make_gold


@pytest.fixture
def checked(site: Site) -> Project:
    """A prompt that was ranked, one that waits, gold of the best three of nine, and who failed twenty golds."""
    project = factories.make_project(slug="checked", manager=site.manager)
    factories.make_prompt(project, question="Which of these is a prime number?")
    factories.rank(project, factories.join(project, username="noa"))
    factories.make_prompt(project)
    mia = factories.join(project, username="mia")
    for _ in range(20):
        answer(make_gold(project), mia, WRONG)
    best = factories.make_prompt(project, k=9)
    keys = best.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known({key: min(place, 4) for place, key in enumerate(keys, start=1)}, top_k=3)
    golds.make(project, best, known, source="typed", by=site.manager)
    acting.look()
    assert Membership.objects.get(user=mia, project=project).pause == "paused"
    return project


def test_gold_is_made_read_and_taken_back_and_a_person_goes_on(people: People, site: Site, checked: Project) -> None:
    page = people.page(site.manager)
    first = checked.prompts.earliest("pk")
    page.goto(f"/p/checked/prompts/{first.pk}/")
    page.get_by_text("Make it gold").first.click()
    page.get_by_label("Why it is so (labelers read it where they practise)").fill(
        "Only the first divides by itself alone."
    )
    looked_at(page, "making")
    page.get_by_role("button", name="Make it gold").click()
    expect(page.locator(".notices")).to_contain_text("It is gold now")
    expect(page.get_by_text("Only the first divides by itself alone.")).to_be_visible()
    looked_at(page, "made")

    page.goto("/p/checked/gold/")
    expect(page.locator("tbody tr")).to_have_count(22)
    expect(page.locator("tbody tr").nth(1).get_by_text("not ranked", exact=True)).to_be_visible()
    expect(page.get_by_text("mia is paused")).to_be_visible()
    looked_at(page, "golds")

    page.goto("/p/checked/")
    page.get_by_role("link", name="See who").click()
    page.get_by_role("link", name="See their numbers").click()
    expect(page.get_by_text("of 20 checks")).to_be_visible()
    looked_at(page, "person")
    mia = people.page(User.objects.get(username="mia"))
    mia.goto("/p/checked/rank/")
    expect(mia.get_by_role("heading", name="A pause")).to_be_visible()
    looked_at(mia, "paused")
    page.get_by_role("button", name="Let mia go on").click()
    expect(page.locator(".notices")).to_contain_text("mia goes on")
    mia.reload()
    expect(mia.locator(".rail")).to_be_visible()

    page.goto(f"/p/checked/prompts/{first.pk}/")
    page.get_by_role("button", name="Gold no more").click()
    expect(page.locator(".notices")).to_contain_text("in the queue again")


def looked_at(page: Page, name: str) -> None:
    """Looks by axe, wide and narrow, light and dark; and keeps pictures where somebody wants to see them."""
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong], name
            if folder := os.environ.get("PODIUM_PICTURES"):
                page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)
