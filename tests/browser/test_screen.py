"""The board on screens of every width: the first card is near, names fit, texts stand side by side, in any colours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Prompt
from tests import factories
from tests.browser.looking import BEYOND
from tests.browser.sites import People, Site

pytestmark = pytest.mark.browser

WIDTHS = (320, 390, 705, 768, 1024, 1093, 1152, 1366, 1920)
NAME = "A name of ninety letters that somebody gave to a project because nobody had told them not to"
LONG = "Read all of this before you answer. " * 700


def make_long(site: Site, k: int = 2) -> Prompt:
    site.empty.name = NAME
    site.empty.save()
    prompt = factories.make_prompt(site.empty, texts=[f"Text {number}.\n\n{'Words. ' * 60}" for number in range(k)])
    prompt.messages = [
        {"role": "system", "content": "Answer as a pirate would."},
        {"role": "user", "content": "Before?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": LONG},
    ]
    prompt.save()
    return prompt


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("PODIUM_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_first_card_is_on_the_first_screens_whatever_the_width(people: People, site: Site) -> None:
    make_long(site)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 768})
        top = page.locator("#completion-A").evaluate("card => card.getBoundingClientRect().top + scrollY")
        picture(page, f"board-{width}")
        assert top < 768, width
        assert page.evaluate(BEYOND) == [], width
        if width > 704:
            expect(page.locator(".turn[data-role=system] .prose")).to_be_in_viewport()
        name, menu = (page.locator(part).bounding_box() for part in (".project-name", ".user-menu"))
        assert name is not None
        assert menu is not None
        assert name["x"] + name["width"] <= menu["x"] + 1 or name["y"] >= menu["y"] + menu["height"], width
        for tab in page.locator(".site-nav").all():
            box = tab.bounding_box()
            assert box is not None
            assert box["x"] >= name["x"] + name["width"] or box["y"] >= name["y"] + name["height"] - 1, width


@pytest.mark.parametrize(("k", "width"), [(2, 1200), (3, 1800), (4, 1800)])
def test_texts_stand_side_by_side_where_there_is_room(people: People, site: Site, k: int, width: int) -> None:
    make_long(site, k)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    for wide, columns in ((width, k), (width - 1, 1)):
        page.set_viewport_size({"width": wide, "height": 900})
        cards = [box for card in page.locator(".completion").all() if (box := card.bounding_box())]
        assert len({box["x"] for box in cards}) == columns
        assert len({box["width"] for box in cards}) == 1
        assert min(box["width"] for box in cards) > 300
    rail = page.locator(".rail__end")
    assert rail.all_inner_texts() == ["best", "worst"]
    picture(page, f"beside-{k}")


def test_in_forced_colours_what_is_placed_looks_placed(people: People, site: Site) -> None:
    page = people.page(site.labeler, forced_colors="active")
    page.goto(f"/p/{site.project.slug}/rank/")
    page.keyboard.press("1")
    look = "element => getComputedStyle(element).backgroundColor"
    placed, waiting = (page.locator(f'.chip[data-letter="{letter}"]').evaluate(look) for letter in "AB")
    assert placed != waiting
    checked = page.locator("#completion-A .place input:checked + span").evaluate(look)
    assert checked != page.locator("#completion-A .place input:not(:checked) + span").first.evaluate(look)
    for width in (390, 768, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        picture(page, f"forced-{width}")


def test_undo_says_what_it_did_and_counts_down(people: People, site: Site) -> None:
    make_long(site)
    make_long(site)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    first = page.locator("rank-board").get_attribute("data-task")
    expect(page.locator(".first-time")).to_be_visible()
    for key in ("1", "2", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".first-time")).to_have_count(0)
    expect(page.locator(".bar__count")).to_contain_text("1 today")
    expect(page.locator(f'rank-board:not([data-task="{first}"])')).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator(".rail__status")).to_contain_text("Taken back.")
    expect(page.locator(".bar__count")).to_contain_text("0 today")


def test_texts_that_look_alike_are_named_and_shown_plain(people: People, site: Site) -> None:
    texts = ["Call `f` *now*.", "Call `f` _now_.", "Call\u200b `f` *now*.", "Something else."]
    prompt = factories.make_prompt(site.empty, texts=texts)
    page = people.page(site.manager)
    page.goto("/p/empty/rank/")
    expect(page.locator(".alike")).to_have_count(3)
    expect(page.locator(".completion .source:visible")).to_have_count(3)
    expect(page.locator(".unseen:visible")).to_have_attribute("data-name", "U+200B")
    page.keyboard.press("t")
    page.keyboard.press("t")
    expect(page.locator(".completion .source:visible")).to_have_count(3)
    picture(page, "alike")
    for key in ("1", "2", "3", "4", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", name="You have done them all")).to_be_visible()
    for path in ("/p/empty/history/", f"/p/empty/prompts/{prompt.pk}/"):
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true })")
        expect(page.locator(".alike:visible")).to_have_count(3)
