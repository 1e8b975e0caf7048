"""The rankings of a prompt side by side: of nine completions the table scrolls by itself, and the page stays."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests import factories
from tests.browser.site.looking import BEYOND, SHOW
from tests.browser.site.sites import People, Site

K = 9
LISTEN = """() => { window.scrolled = new Promise((done) => document.activeElement.addEventListener("scroll",
  ({ target }) => done(target.scrollLeft), { once: true })) }"""


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_wide_table_scrolls_in_its_own_region_at_text_of_200_percent(
    people: People, site: Site, language: str
) -> None:
    prompt = factories.make_prompt(site.empty, k=K)
    factories.rank(site.empty, factories.join(site.empty, username="zoe"), tuple(range(1, K + 1)))
    page = people.page(site.manager, reduced_motion="reduce", extra_http_headers={"Accept-Language": language})
    page.goto(f"/p/{site.empty.slug}/prompts/{prompt.pk}/")
    region = page.get_by_role("group", name="Rankings" if language == "en" else "Rangfolgen")
    for direction in ("ltr", "rtl"):
        page.evaluate(SHOW, [direction, "200%"])
        for width in (360, 768, 1024, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate(BEYOND) == [], (direction, width)
    page.evaluate(SHOW, ["ltr", "200%"])
    page.set_viewport_size({"width": 1024, "height": 800})
    region.focus()
    expect(region).to_be_focused()
    page.evaluate(LISTEN)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("window.scrolled") > 0
    assert page.evaluate("document.documentElement.scrollLeft") == 0
