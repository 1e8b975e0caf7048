"""Every page and every state of it: no accessibility violation in light or dark, no complaint of the browser, nothing
that sticks out, and all of it to be reached, seen and left by Tab alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.views.answers import prompts
from tests.browser.site.looking import SETTLED, axe, overflow, walk
from tests.browser.site.refusals import PAGES, refuse
from tests.browser.site.sites import People, Site, pages_of, trained_pages_of
from tests.browser.site.states import states_of

pytestmark = pytest.mark.browser

# Django's own pages, with our name and icon on them.
ADMIN = ["/admin/", "/admin/axes/accessattempt/", "/admin/rewardtrain/trainingrun/", "/admin/account/emailaddress/"]


def look(page: Page) -> dict[str, Any]:
    """What is wrong with the page. Loaded once: only colours differ in the dark, so only those are looked at again."""
    expect(page.locator("[hx-trigger=load] .skeleton")).to_have_count(0)
    found: dict[str, Any] = {"in the light": axe(page)}
    page.emulate_media(color_scheme="dark")
    page.evaluate(SETTLED)
    found["in the dark"] = axe(page, "color-contrast", "link-in-text-block")
    page.emulate_media(color_scheme="light")
    found["by keyboard"] = walk(page)
    found["sticks out"] = overflow(page)
    return {what: wrong for what, wrong in found.items() if wrong}


def is_refusal(words: str, refused: set[str]) -> bool:
    """A page that refuses says so to the console as well; that is no complaint about the page."""
    return "responded with a status of 4" in words and any(words.endswith(f"({url})") for url in refused)


def test_every_page(site: Site, viewers: People) -> None:
    found: dict[str, Any] = {}
    refused: set[str] = set()
    for who, name, path in [*pages_of(site), *trained_pages_of(site)]:
        page = viewers.same_page(who)
        response = page.goto(path)
        assert response is not None
        assert response.url == f"{site.url}{path}", f"{name} was not opened"
        assert "default-src 'none'" in response.headers["content-security-policy"], name
        if response.status >= 400:
            refused.add(response.url)
        if wrong := look(page):
            found[name] = wrong
    assert not found, json.dumps(found, indent=1)
    assert [words for words in viewers.complaints if not is_refusal(words, refused)] == []


def test_every_state(site: Site, viewers: People, scoring: None) -> None:
    found: dict[str, Any] = {}
    for state in states_of(site):
        page = viewers.same_page(state.who)
        if state.who is None:
            page.context.clear_cookies()
        page.goto(state.path)
        state.do(page)
        if wrong := look(page):
            found[state.name] = wrong
    assert not found, json.dumps(found, indent=1)
    assert [words for words in viewers.complaints if "responded with a status of 422" not in words] == []


def test_every_page_that_refuses_or_fails(site: Site, viewers: People) -> None:
    page = viewers.page()
    found: dict[str, Any] = {}
    for name in PAGES:
        refuse(page, name)
        if wrong := look(page):
            found[name] = wrong
    assert not found, json.dumps(found, indent=1)
    assert viewers.complaints == []


def test_the_administration(site: Site, people: People) -> None:
    page = people.page(site.administrator)
    found: dict[str, Any] = {}
    for path in ADMIN:
        response = page.goto(path)
        assert response is not None
        assert response.ok
        if wrong := axe(page):
            found[path] = wrong
    assert not found, json.dumps(found, indent=1)
    assert people.complaints == []


def test_the_theme_is_chosen_without_javascript_and_stays(people: People, site: Site) -> None:
    page = people.page(site.labeler, java_script_enabled=False)
    page.goto("/")
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.goto(f"/p/{site.project.slug}/guidelines/")
    assert page.evaluate("getComputedStyle(document.body).colorScheme") == "dark"


def test_a_person_logs_in_and_out(people: People, site: Site) -> None:
    from tests.factories import PASSWORD

    page = people.page()
    page.goto(f"/p/{site.project.slug}/rank/")
    page.get_by_label("Username").fill("lena")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(f"{site.url}/p/{site.project.slug}/rank/")
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_an_invited_person_makes_an_account_and_ranks(people: People, site: Site) -> None:
    page = people.page()
    page.goto(f"/invite/{site.token}/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("nine blue lanterns")
    page.get_by_role("button", name="Make the account and join").click()
    expect(page).to_have_url(f"{site.url}/p/{site.project.slug}/rank/")
    expect(page.locator(".completion")).to_have_count(4)


def test_a_manager_makes_an_invitation_link_and_copies_it(people: People, site: Site) -> None:
    page = people.page(site.manager, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/p/{site.project.slug}/people/")
    page.get_by_role("button", name="Make invitation links").click()
    link = page.get_by_label("Invitation link").input_value()
    assert link.startswith(f"{site.url}/invite/")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link


@pytest.mark.parametrize("width", [360, 800, 1920])
def test_a_long_list_is_paged_by_the_keyboard(
    people: People, site: Site, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompts, "SHOWN", 2)
    page = people.page(site.manager, viewport={"width": width, "height": 800})
    page.goto(f"/p/{site.project.slug}/prompts/")
    rows = page.locator("tbody tr")
    first = rows.first.inner_text()
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    for link, shown in (("Next", 0), ("Next", 0), ("Previous", 0), ("To the beginning", 1)):
        page.get_by_role("navigation", name="Pages").get_by_role("link", name=link).focus()
        page.keyboard.press("Enter")
        page.wait_for_load_state()
        expect(rows).to_have_count(2)
        assert (rows.first.inner_text() == first) == bool(shown)
        if link == "Next":
            assert not look(page)
