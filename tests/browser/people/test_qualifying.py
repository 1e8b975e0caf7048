"""Somebody qualifies by keys alone, fails and waits; a manager turns it on, sees the attempts and decides."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from labeling.models import Membership, Project, QualificationAttempt, User
from labeling.projects import projects
from labeling.quality.practising.standing import standing_of
from tests import factories
from tests.browser.people.test_checks import looked_at
from tests.browser.people.test_practising import TEXTS, make_item, rank_by_keys
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser


@pytest.fixture
def asking(site: Site) -> Project:
    project = factories.make_project(slug="asking", manager=site.manager)
    for at in range(4):
        make_item(project, f"What is a prime, {at}?")
    factories.make_prompt(project)
    projects.update_project(project, guidelines="Put what is **true** first.", qualify_items=2, qualify_attempts=2)
    factories.join(project, username="mia")
    User.objects.filter(username="mia").update(tour_seen_at=project.created_at)
    return project


def test_two_items_by_keys_and_the_queue_opens(people: People, site: Site, asking: Project) -> None:
    page = people.page(User.objects.get(username="mia"))
    page.goto("/")
    looked_at(page, "qualification-home")
    page.goto("/p/asking/rank/")
    looked_at(page, "qualification-needed")
    page.get_by_role("link", name="To the qualification").click()
    looked_at(page, "qualification-begin")
    page.get_by_role("button", name="Begin").click()
    looked_at(page, "qualification-item")
    page.reload()
    rank_by_keys(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("6 of 6 as this project has them")
    expect(page.get_by_text("The first says what a prime is.")).to_be_visible()
    looked_at(page, "qualification-marked")
    page.get_by_role("link", name="Next item").click()
    expect(page.get_by_text("Qualification, 2 of 2")).to_be_visible()
    rank_by_keys(page)
    page.get_by_role("link", name="To your result").click()
    expect(page.get_by_role("heading", name="You passed")).to_be_visible()
    looked_at(page, "qualification-passed")
    page.get_by_role("link", name="Rank", exact=True).last.click()
    expect(page.locator(".rail")).to_be_visible()
    assert people.complaints == []


def test_whoever_fails_is_told_when_and_a_manager_decides(people: People, site: Site, asking: Project) -> None:
    mia = people.page(User.objects.get(username="mia"))
    mia.goto("/p/asking/qualification/")
    mia.get_by_role("button", name="Begin").click()
    rank_by_keys(mia, TEXTS[::-1])
    mia.get_by_role("link", name="Next item").click()
    rank_by_keys(mia, TEXTS[::-1])
    mia.get_by_role("link", name="To your result").click()
    expect(mia.get_by_text("You may try 1 more time, from")).to_be_visible()
    looked_at(mia, "qualification-wait")
    QualificationAttempt.objects.update(started_at=asking.created_at, finished_at=asking.created_at)
    assert standing_of(Project.objects.get(pk=asking.pk), Membership.objects.get(user__username="mia")).left == 1

    page = people.page(site.manager)
    page.goto("/p/asking/people/")
    looked_at(page, "qualification-people")
    page.get_by_role("link", name="mia").click()
    expect(page.get_by_text("Not passed yet, 1 attempt left.")).to_be_visible()
    looked_at(page, "qualification-person")
    page.get_by_role("button", name="Let mia pass").click()
    expect(page.locator(".notices")).to_contain_text("mia may rank now")


def test_turning_it_on_says_whom_it_stops(people: People, site: Site, asking: Project) -> None:
    Project.objects.filter(pk=asking.pk).update(qualify_items=0)
    page = people.page(site.manager)
    page.goto("/p/asking/settings/")
    page.get_by_label("Practice items that new people answer first").fill("2")
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("1 of 1 labelers would have to qualify")).to_be_visible()
    looked_at(page, "qualification-foreseen")
    page.get_by_label("New people only").check()
    page.get_by_role("button", name="Save, and do this").click()
    expect(page.get_by_text("Settings saved.")).to_be_visible()
    assert Membership.objects.get(user__username="mia").qualified == "before"


def test_in_german_without_scripts(people: People, site: Site, asking: Project) -> None:
    page = people.page(
        User.objects.get(username="mia"), java_script_enabled=False, locale="de-DE",
        viewport={"width": 360, "height": 740},
    )  # fmt: skip
    page.goto("/p/asking/rank/")
    page.get_by_role("link", name="Zur Qualifikation").click()
    page.get_by_role("button", name="Beginnen").click()
    expect(page.get_by_text("Qualifikation, 1 von 2")).to_be_visible()
    for place in page.locator("input.place, .place input").all():
        if place.get_attribute("value") == "1":
            place.check(force=True)
    page.get_by_role("button", name="Auswerten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 von 6 wie in diesem Projekt")
    page.get_by_role("link", name="Nächste Übung").click()
    expect(page.get_by_text("Qualifikation, 2 von 2")).to_be_visible()
