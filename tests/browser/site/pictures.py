"""Not a test, though pytest runs it by name: that brings the database, the server and the browser."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SHOWN_AS
from tests.browser.site.refusals import PAGES, refuse
from tests.browser.site.sites import People, Site, pages_of, trained_pages_of
from tests.browser.site.states import states_of

LONGEST = 4000  # pixels: a picture nobody can look at shows nothing


@pytest.mark.parametrize("looks_like", SHOWN_AS)
def test_pictures(site: Site, viewers: People, scoring: None, looks_like: str) -> None:
    for who, name, path in [*pages_of(site), *trained_pages_of(site)]:
        page = viewers.same_page(who)
        page.goto(path)
        take(page, f"{name}-{looks_like}")
    for state in states_of(site):
        page = viewers.same_page(state.who)
        if state.who is None:
            page.context.clear_cookies()
        page.goto(state.path)
        state.do(page)
        take(page, f"{state.name}-{looks_like}")
    page = viewers.page()
    for name in PAGES:
        refuse(page, name)
        take(page, f"{name}-{looks_like}")


def take(page: Page, name: str) -> None:
    """Both themes, down to the end of the page, but of a dialog or the board what the window shows."""
    folder = Path(os.environ["PODIUM_SCREENSHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    expect(page.locator("[hx-trigger=load] .skeleton")).to_have_count(0)
    page.evaluate("document.fonts.ready")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        whole = page.evaluate("!document.querySelector('dialog[open], rank-board')")
        height = page.evaluate(f"Math.min(document.documentElement.scrollHeight, {LONGEST})")
        clip = {"x": 0, "y": 0, "width": page.evaluate("innerWidth"), "height": height} if whole else None
        page.screenshot(path=folder / f"{name}-{scheme}.png", full_page=whole, clip=clip)  # type: ignore[arg-type]
