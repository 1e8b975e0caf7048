"""A manager makes a cohort, reads what it does, changes it, puts prompts into it by hand, and deletes it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Project
from tests import factories
from tests.browser.people.test_checks import looked_at
from tests.browser.site.sites import People, Site


@pytest.fixture
def project(site: Site) -> Project:
    project = factories.make_project(slug="cohorts", manager=site.manager)
    for place in range(3):
        factories.make_prompt(project, external_id=f"row-{place}")
    project.prompts.filter(external_id="row-0").update(tags=["de"])
    for name in ("ada", "bob"):
        factories.join(project, username=name)
    return project


def test_a_cohort_from_its_making_to_its_end(people: People, site: Site, project: Project) -> None:
    page = people.page(site.manager)
    page.goto("/p/cohorts/settings/")
    page.get_by_role("region", name="Cohorts").get_by_role("link", name="Cohorts").click()
    expect(page.get_by_role("heading", name="No cohort yet")).to_be_visible()
    looked_at(page, "cohorts-none")
    page.get_by_role("link", name="New cohort").click()
    by_keyboard(page)
    expect(page.get_by_role("heading", name="Not saved yet: this changes who gets which prompt")).to_be_visible()
    expect(page.get_by_text("1 prompt comes into it, and 1 waits")).to_be_visible()
    expect(page.get_by_text("Comes into it: ada.")).to_be_visible()
    looked_at(page, "cohort-foreseen")
    page.get_by_role("button", name="Save, and do this").click()
    expect(page.locator(".notices")).to_contain_text("The cohort is saved.")
    looked_at(page, "cohorts")

    other = people.page(project.memberships.get(user__username="bob").user)
    for name in ("row-1", "row-2"):
        factories.rank(project, project.memberships.get(user__username="bob").user)
        assert project.prompts.get(external_id=name).ranked == 1
    other.goto("/p/cohorts/rank/")
    expect(other.get_by_role("heading", name="What waits is for others")).to_be_visible()
    expect(other.get_by_text("1 prompt waits for people of a cohort that you are not in.")).to_be_visible()
    looked_at(other, "rank-not-for-you")

    page.get_by_role("link", name="Prompts of German").click()
    expect(page.get_by_text("row-0", exact=True)).to_be_visible()
    expect(page.get_by_text("row-1", exact=True)).to_have_count(0)
    page.goto("/p/cohorts/prompts/bulk/")
    page.locator("[value=cohort]").check()
    page.get_by_label("Cohort", exact=True).select_option("German")
    looked_at(page, "bulk-cohort")
    page.get_by_role("button", name="See how many").click()
    expect(page.locator("#foreseen")).to_contain_text("3 prompts would be changed")
    page.get_by_role("button", name="Change them").click()
    expect(page.locator(".notices")).to_contain_text("Put into the cohort “German”: 3 prompts changed.")
    page.goto(f"/p/cohorts/prompts/{project.prompts.earliest('pk').pk}/")
    expect(page.get_by_text("cohort: German")).to_be_visible()
    looked_at(page, "prompt-cohort")

    page.goto("/p/cohorts/cohorts/")
    page.get_by_role("link", name="Delete German").click()
    expect(page.get_by_text("3 prompts leave it, and 1 wait")).to_be_visible()
    looked_at(page, "cohort-delete")
    page.get_by_role("button", name="Delete this cohort").click()
    expect(page.get_by_role("heading", name="No cohort yet")).to_be_visible()
    other.reload()
    expect(other.locator(".rail")).to_be_visible()


def by_keyboard(page: Page) -> None:
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type("German")
    page.keyboard.press("Tab")
    page.keyboard.type("de, at")
    page.keyboard.press("Tab")
    expect(page.get_by_label("ada")).to_be_focused()
    page.keyboard.press("Space")
    looked_at(page, "cohort-new")
    page.get_by_label("Name", exact=True).press("Enter")
