"""Pages in another language: longer words fit on a phone, and a language written from the right is mirrored."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from playwright.sync_api import Page, expect

from tests.browser.site.sites import People, Site, pages_of

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}


def overflowing(page: Page) -> list[str]:
    """The elements that stick out of the window on either side, where the page can be scrolled sideways."""
    found: list[str] = page.evaluate(
        "document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('body *')]"
        ".filter(e => e.getBoundingClientRect().right > innerWidth + 1 || e.getBoundingClientRect().left < -1)"
        ".map(e => e.className || e.tagName).slice(0, 8)"
    )
    return found


def test_german_pages_fit_on_a_phone(people: People, site: Site) -> None:
    found = {}
    for who, name, path in pages_of(site):
        page = people.same_page(who, locale="de-DE", viewport=PHONE)
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.locator("[hx-trigger=load] .skeleton")).to_have_count(0)
        if sticking_out := overflowing(page):
            found[name] = sticking_out
    assert found == {}


def test_a_language_is_chosen_without_javascript_and_stays(people: People, site: Site) -> None:
    page = people.page(site.labeler, java_script_enabled=False)
    page.goto("/")
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Projekte")).to_be_visible()
    page.locator(".user-menu summary").click()
    expect(page.get_by_role("button", name="Deutsch")).to_have_attribute("aria-pressed", "true")


def test_preferences_are_set_with_the_keyboard_alone(people: People, site: Site) -> None:
    page = people.page(site.labeler)
    page.goto("/preferences/")
    page.get_by_label("Daily goal").fill("40")
    page.get_by_label("Digits and letters are keys").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Preferences saved.")
    expect(page.get_by_label("Daily goal")).to_have_value("40")
    expect(page.get_by_label("Digits and letters are keys")).not_to_be_checked()


@pytest.mark.parametrize("name", ["home", "overview", "preferences"])
def test_a_language_from_the_right_is_mirrored(people: People, site: Site, settings: LazySettings, name: str) -> None:
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "العربية")]
    who, path = {page: (who, path) for who, page, path in pages_of(site)}[name]
    page = people.page(who, locale="ar", viewport=PHONE)
    page.goto(path)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    assert overflowing(page) == []
    brand, menu = (page.locator(part).bounding_box() for part in (".brand", ".user-menu"))
    assert brand is not None
    assert menu is not None
    assert brand["x"] + brand["width"] > PHONE["width"] - 24
    assert menu["x"] < 24
    edge = page.evaluate(
        "(() => { const range = document.createRange();"
        " range.selectNodeContents(document.querySelector('main h1')); const text = range.getBoundingClientRect();"
        " const main = document.querySelector('main').getBoundingClientRect();"
        " return [text.left - main.left, main.right - text.right]; })()"
    )
    assert edge[0] > edge[1], "the heading stands at the left edge"
