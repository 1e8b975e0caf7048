"""Every page, light and dark, wide and narrow: no accessibility violation, no complaint of the browser, no overflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.sites import People, Site, pages_of

pytestmark = pytest.mark.browser

AXE = Path(__file__).resolve().parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
# A page that refuses says so to the console as well; those are not complaints about the page.
REFUSALS = ("status of 403", "status of 404")


def axe(page: Page) -> list[dict[str, Any]]:
    """axe-core's violations, through the debugger so that the page's own policy stays as it is."""
    page.evaluate(AXE.read_text())
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        {"rule": violation["id"], "at": [node["html"][:200] for node in violation["nodes"]], "why": why(violation)}
        for violation in result["violations"]
    ]


def why(violation: dict[str, Any]) -> str:
    return str(violation["nodes"][0].get("failureSummary"))


def test_no_page_has_an_accessibility_violation_or_a_complaint(site: Site, viewers: People) -> None:
    found: dict[str, Any] = {}
    for who, name, path in pages_of(site):
        page = viewers.page(who)
        response = page.goto(path)
        assert response is not None
        assert "default-src 'none'" in response.headers["content-security-policy"], name
        expect(page.locator(".skeleton")).to_have_count(0)
        if violations := axe(page):
            found[name] = violations
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[f"{name} overflows"] = page.evaluate(
                "[...document.querySelectorAll('body *')]"
                ".filter(e => e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className || e.tagName)"
                ".slice(0, 8)"
            )
        page.close()
    assert found == {}
    assert [words for words in viewers.complaints if not any(refusal in words for refusal in REFUSALS)] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_open_dialogs_and_folds_of_the_board_have_no_violation(people: People, site: Site, scheme: Any) -> None:
    page = people.page(site.labeler, color_scheme=scheme, reduced_motion="reduce")
    page.goto(f"/p/{site.project.slug}/rank/")
    page.keyboard.press("1")
    for summary in page.locator(".rail__more > summary").all():
        summary.click()
    assert axe(page) == []
    page.keyboard.press("Escape")
    page.locator("#completion-B .completion__hint").click()
    page.keyboard.press("?")
    assert axe(page) == []


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
    page.get_by_role("button", name="Make an invitation link").click()
    link = page.get_by_label("Invitation link").input_value()
    assert link.startswith(f"{site.url}/invite/")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == link
