"""The practice task and its tour in Chromium: by keys, by taps, and with JavaScript switched off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Ranking
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser

MARKED = "6 of 6 comparisons as the sample's rule has them"


@pytest.fixture
def board(people: People, site: Site) -> Page:
    """The practice page of someone who has seen the tour."""
    site.labeler.tour_seen_at = site.labeler.date_joined
    site.labeler.save()
    return opened(people, site)


def opened(people: People, site: Site, **options: object) -> Page:
    page = people.page(site.labeler, **options)
    page.goto(f"/p/{site.project.slug}/practice/")
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def step(page: Page) -> str:
    return page.locator(".tour__step:visible .tour__name").inner_text().split("\n")[-1]


def test_five_keystrokes_are_marked_and_nothing_is_stored(board: Page, site: Site) -> None:
    before = Ranking.objects.count()
    expect(board.locator(".tour__panel")).to_be_hidden()
    press(board, "3", "4", "1", "2", "Enter")
    expect(board.get_by_role("heading", level=1)).to_have_text(MARKED)
    expect(board.locator(".verdict .badge")).to_have_text(["you too"] * 6)
    assert Ranking.objects.count() == before
    board.get_by_role("link", name="Start ranking").click()
    expect(board).to_have_url(f"{site.url}/p/{site.project.slug}/rank/")


def test_what_is_missing_is_said_before_anything_is_sent(board: Page) -> None:
    press(board, "1", "2", "Enter")
    expect(board.locator(".rail__status")).to_contain_text("Not placed yet: C, D.")
    press(board, "3", "3", "Enter")
    expect(board.locator(".verdict .badge").first).to_have_text("you tied them")
    board.get_by_role("link", name="Try again").click()
    expect(board.locator(".slot--pool .chip")).to_have_count(4)


def test_two_completions_are_compared_side_by_side(board: Page) -> None:
    press(board, "ArrowDown", "ArrowDown", "c")
    expect(board.get_by_role("dialog", name="Compare")).to_contain_text("Because")
    press(board, "Escape", "1")
    expect(board.locator('.slot[data-slot="1"] .chip')).to_have_text("C")


def test_it_is_ranked_by_clicks(board: Page) -> None:
    for letter, slot in {"C": 1, "D": 2, "A": 3, "B": 4}.items():
        board.locator(f'.chip[data-letter="{letter}"]').click()
        board.locator(f'.slot[data-slot="{slot}"] .slot__number').click()
    board.get_by_role("button", name="Mark it").click()
    expect(board.get_by_role("heading", level=1)).to_have_text(MARKED)


def test_it_is_ranked_by_taps_on_a_phone(people: People, site: Site) -> None:
    page = opened(people, site, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Close").tap()
    for letter, slot in {"C": 1, "D": 2, "A": 3, "B": 4}.items():
        page.locator(f'.chip[data-letter="{letter}"]').tap()
        page.locator(f'.slot[data-slot="{slot}"] .slot__number').tap()
        expect(page.locator(f'.slot[data-slot="{slot}"] .chip')).to_have_text(letter)
    page.get_by_role("button", name="Mark it").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKED)


def test_it_works_without_javascript(people: People, site: Site) -> None:
    page = opened(people, site, java_script_enabled=False)
    expect(page.locator(".tour__step")).to_have_count(3)
    expect(page.locator(".tour__step").last).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".tour__panel")).to_be_hidden()
    for letter, rank in {"A": 3, "B": 4, "C": 1, "D": 2}.items():
        page.locator(f"#completion-{letter} .place").nth(rank - 1).click()
    page.get_by_role("button", name="Mark it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKED)
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("link", name="Show the tour").click()
    expect(page.locator(".tour__step").first).to_be_visible()


def test_the_tour_is_walked_by_keys_and_does_not_come_again(people: People, site: Site) -> None:
    page = opened(people, site)
    expect(page.locator(".tour__step:visible [role=group]")).to_be_focused()
    assert step(page) == "Read"
    expect(page.locator(".board__prompt")).to_have_class("board__prompt toured tour-anchor")
    press(page, "Tab", "Tab", "Enter")
    assert step(page) == "Place each one"
    expect(page.locator(".tour__step:visible [role=group]")).to_be_focused()
    expect(page.locator(".toured")).to_have_count(2)
    press(page, "Tab", "Enter")
    assert step(page) == "Read"
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    assert step(page) == "Submit"
    expect(page.locator(".rail__submit.toured")).to_be_visible()
    with page.expect_response("**/tour/seen/"):
        page.get_by_role("button", name="Done").click()
    expect(page.locator(".tour__panel")).to_be_hidden()
    expect(page.locator(".toured")).to_have_count(0)
    expect(page.locator("#completion-A")).to_be_focused()
    page.reload()
    expect(page.locator(".tour__panel")).to_be_hidden()
    site.labeler.refresh_from_db()
    assert site.labeler.tour_seen_at is not None


def test_escape_closes_the_tour_and_a_link_brings_it_back(people: People, site: Site) -> None:
    page = opened(people, site)
    with page.expect_response("**/tour/seen/"):
        press(page, "Escape")
    expect(page.locator(".tour__panel")).to_be_hidden()
    press(page, "2", "1")
    page.get_by_role("link", name="Show the tour").click()
    expect(page.locator(".tour__step:visible [role=group]")).to_be_focused()
    expect(page.locator(".rail__slots .chip")).to_have_count(2)
    press(page, "Escape")
    expect(page.get_by_role("link", name="Show the tour")).to_be_focused()
    assert page.url.endswith("/practice/")


def test_the_board_works_on_while_the_tour_stands_there(people: People, site: Site) -> None:
    page = opened(people, site)
    press(page, "3", "4", "1")
    expect(page.locator(".rail__status")).to_contain_text("C is in slot 1.")
    press(page, "?", "Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator(".tour__panel")).to_be_visible()
    press(page, "m", "Escape")
    expect(page.locator(".tour__panel")).to_be_visible()
    press(page, "2", "Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(MARKED)


def test_each_step_is_on_the_screen_and_accessible(viewers: People, site: Site) -> None:
    page = opened(viewers, site)
    for name in ("Read", "Place each one", "Submit"):
        assert step(page) == name
        assert axe(page) == []
        assert_on_screen(page)
        if name != "Submit":
            page.get_by_role("button", name="Next").click()
    page.keyboard.press("Escape")
    for rank, letter in enumerate("BADC", start=1):
        page.locator(f'.chip[data-letter="{letter}"]').click()
        page.locator(f'.slot[data-slot="{rank}"] .slot__number').click()
    page.get_by_role("button", name="Mark it").click()
    expect(page.locator(".verdict")).to_have_count(6)
    assert axe(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert viewers.complaints == []


@pytest.mark.parametrize(("width", "height"), [(360, 640), (768, 1024), (1024, 768), (1440, 900), (3840, 2160)])
def test_each_step_is_on_screens_of_other_sizes(people: People, site: Site, width: int, height: int) -> None:
    page = opened(people, site, viewport={"width": width, "height": height})
    for _ in range(2):
        assert_on_screen(page)
        page.get_by_role("button", name="Next").click()
    assert_on_screen(page)


def assert_on_screen(page: Page) -> None:
    """The panel is whole on the screen and covers nothing of what it rings."""
    found = page.evaluate(
        """() => {
          const panel = document.querySelector(".tour__panel").getBoundingClientRect();
          const rings = [...document.querySelectorAll(".toured")].map((part) => part.getBoundingClientRect());
          const covers = (ring) => ring.left < panel.right - 1 && panel.left < ring.right - 1 &&
            ring.top < panel.bottom - 1 && panel.top < ring.bottom - 1;
          return { out: panel.left < 0 || panel.top < 0 || panel.right > innerWidth || panel.bottom > innerHeight,
                   covered: rings.some(covers), panel: panel.toJSON() };
        }"""
    )
    assert (found["out"], found["covered"]) == (False, False), found
