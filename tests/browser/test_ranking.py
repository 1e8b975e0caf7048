"""Ranking in Chromium: by keys, by mouse, by clicks, and with JavaScript switched off."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from labeling.models import Assignment, Ranking
from tests.browser.sites import People, Site

pytestmark = pytest.mark.browser


@pytest.fixture
def board(people: People, site: Site) -> Page:
    page = people.page(site.labeler)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    return page


def tiers_of_last_ranking(site: Site) -> list[str]:
    """The letters of each rank, in the shown order: ["A", "BC", "D"]."""
    ranked = Ranking.objects.filter(labeler=site.labeler).latest("id").ranked.order_by("rank", "shown_position")
    tiers: dict[int, str] = {}
    for place in ranked:
        assert place.shown_position is not None
        tiers[place.rank] = tiers.get(place.rank, "") + "ABCD"[place.shown_position]
    assert all(after - before == 1 for before, after in pairwise(sorted(tiers)))
    return list(tiers.values())


def chip(page: Page, letter: str) -> Locator:
    return page.locator(f'.chip[data-letter="{letter}"]')


def slot(page: Page, number: int) -> Locator:
    return page.locator(f'.slot[data-slot="{number}"]')


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit").click()


def saved(page: Page) -> None:
    expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


def test_five_keystrokes_rank_four_completions(board: Page, site: Site) -> None:
    press(board, "2", "1", "4", "3", "Enter")
    expect(board.get_by_text("Saved. 6 pairs.")).to_be_visible()
    assert tiers_of_last_ranking(site) == ["B", "A", "D", "C"]


def test_the_same_digit_twice_is_a_tie_and_gaps_close(board: Page, site: Site) -> None:
    press(board, "1", "3", "3", "4", "Enter")
    expect(board.get_by_text("Saved. 5 pairs, 1 tied.")).to_be_visible()
    assert tiers_of_last_ranking(site) == ["A", "BC", "D"]


def test_enter_before_all_are_placed_says_which_are_missing(board: Page, site: Site) -> None:
    press(board, "1", "2", "Enter")
    expect(board.locator(".rail__status")).to_have_text("C, D not placed yet. 2 to go.")
    assert Assignment.objects.filter(labeler=site.labeler, state=Assignment.State.CLAIMED).count() == 1


def test_arrows_choose_a_card_and_move_it_and_backspace_takes_it_back(board: Page, site: Site) -> None:
    press(board, "1", "1", "1", "1")
    press(board, "ArrowUp", "ArrowRight", "j", "ArrowRight", "ArrowRight", "k", "k", "k")
    expect(board.locator("[data-current].completion")).to_have_attribute("data-letter", "A")
    press(board, "Backspace")
    expect(board.locator(".rail__status")).to_contain_text("A is unranked again. 1 to go.")
    press(board, "4", "Enter")
    saved(board)
    assert tiers_of_last_ranking(site) == ["B", "C", "D", "A"]


def test_a_placement_is_announced(board: Page) -> None:
    press(board, "2", "2")
    expect(board.locator(".rail__status[aria-live=polite]")).to_have_text("B is in slot 2, tied with A. 2 to go.")


def test_a_click_on_a_slot_places_the_chosen_card(board: Page, site: Site) -> None:
    board.locator("#completion-C .prose").click()
    for number, letter in enumerate("CDAB", start=1):
        slot(board, number).click()
        expect(slot(board, number).locator(".chip")).to_have_text(letter)
    submit(board)
    saved(board)
    assert tiers_of_last_ranking(site) == ["C", "D", "A", "B"]


def test_chips_are_dragged_into_slots_and_out_of_them(board: Page, site: Site) -> None:
    for letter, number in {"A": 4, "B": 2, "C": 2, "D": 1}.items():
        drag(board, chip(board, letter), slot(board, number))
        expect(slot(board, number)).to_contain_text(letter)
    drag(board, chip(board, "C"), board.locator(".slot--pool"))
    expect(board.locator(".rail__status")).to_contain_text("C is unranked again.")
    drag(board, chip(board, "C"), slot(board, 3))
    submit(board)
    saved(board)
    assert tiers_of_last_ranking(site) == ["D", "B", "C", "A"]


def drag(page: Page, source: Locator, target: Locator) -> None:
    source.evaluate("chip => Promise.all(chip.getAnimations().map((animation) => animation.finished))")
    start, end = source.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=5)
    page.mouse.up()


def test_texts_never_move_while_they_are_ranked(board: Page) -> None:
    before = [card.bounding_box() for card in board.locator(".completion").all()]
    for letter, number in {"A": 3, "B": 1}.items():
        chip(board, letter).click()
        slot(board, number).click()
    board.evaluate("scrollTo(0, 0)")
    assert [card.bounding_box() for card in board.locator(".completion").all()] == before


def test_keys_only_write_in_a_text_field(board: Page) -> None:
    board.get_by_text("Comment", exact=True).click()
    board.get_by_label("Comment").fill("")
    board.get_by_label("Comment").press_sequentially("1 s g ? 2")
    board.keyboard.press("Enter")
    expect(board.locator(".slot--pool .chip")).to_have_count(4)
    expect(board.locator("dialog[open]")).to_have_count(0)
    expect(board.get_by_label("Comment")).to_have_value("1 s g ? 2\n")


def test_the_keys_and_the_guidelines_are_one_key_away(board: Page) -> None:
    press(board, "?")
    expect(board.get_by_role("dialog", name="Keys")).to_be_visible()
    press(board, "1", "Escape", "g")
    expect(board.get_by_role("dialog", name="Guidelines")).to_contain_text("Read the whole prompt")
    press(board, "g")
    expect(board.locator("dialog[open]")).to_have_count(0)
    expect(board.locator(".slot--pool .chip")).to_have_count(4)


def test_a_skip_is_two_keys_and_enter(board: Page, site: Site) -> None:
    press(board, "s", "ArrowDown", "Enter")
    expect(board.get_by_text("Skipped. Someone else will get that prompt.")).to_be_visible()
    skipped = Assignment.objects.get(labeler=site.labeler, state=Assignment.State.SKIPPED)
    assert skipped.skip_reason == "I can't read the language"


def test_escape_leads_back_from_a_reason_to_the_completions(board: Page, site: Site) -> None:
    press(board, "s", "Escape")
    expect(board.locator("#skip")).not_to_have_attribute("open", "")
    board.get_by_text("Comment", exact=True).click()
    board.get_by_label("Comment").fill("first impressions")
    press(board, "Escape", "1", "2", "3", "4", "Enter")
    saved(board)
    assert tiers_of_last_ranking(site) == ["A", "B", "C", "D"]


def test_flags_comment_and_time_go_along(board: Page, site: Site) -> None:
    board.locator("#completion-B").get_by_label("Hateful").check()
    board.get_by_text("Comment", exact=True).click()
    board.get_by_label("Comment").fill("B is odd.")
    board.locator("#completion-A .completion__hint").click()
    press(board, "1", "2", "3", "4", "Enter")
    saved(board)
    ranking = Ranking.objects.filter(labeler=site.labeler).latest("id")
    assert ranking.comment == "B is odd."
    assert ranking.active_seconds is not None
    assert 0 < ranking.active_seconds < 60
    flagged = {place.shown_position: place.flags["hateful"] for place in ranking.ranked.all()}
    assert flagged == {0: False, 1: True, 2: False, 3: False}


def test_everything_works_without_javascript(people: People, site: Site) -> None:
    page = people.page(site.labeler, java_script_enabled=False)
    page.goto(f"/p/{site.project.slug}/rank/")
    expect(page.locator(".rail__slots")).to_be_hidden()
    for letter, rank in {"A": 2, "B": 1, "C": 2, "D": 4}.items():
        page.locator(f"#completion-{letter} .place").nth(rank - 1).click()
    page.locator("#completion-D").get_by_label("Factual error").check()
    submit(page)
    saved(page)
    assert tiers_of_last_ranking(site) == ["B", "AC", "D"]
    page.get_by_role("navigation").get_by_role("link", name="Guidelines").first.click()
    expect(page).to_have_url(f"{site.url}/p/{site.project.slug}/guidelines/")


def test_a_reload_shows_the_same_prompt_in_the_same_order(board: Page) -> None:
    before = board.locator(".board").inner_text()
    board.reload()
    expect(board.locator("[data-current].completion")).to_be_visible()
    assert board.locator(".board").inner_text() == before


def test_on_a_phone_the_strip_at_the_bottom_ranks_by_taps(people: People, site: Site) -> None:
    page = people.page(site.labeler, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page.goto(f"/p/{site.project.slug}/rank/")
    for number in (3, 1, 2, 4):
        slot(page, number).locator(".slot__number").tap()
    page.get_by_role("button", name="Submit").tap()
    saved(page)
    assert tiers_of_last_ranking(site) == ["B", "C", "A", "D"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_ten_completions_are_ranked_with_the_digits_and_zero(people: People, site: Site) -> None:
    from tests import factories

    factories.make_prompt(site.empty, k=10)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    press(page, *"1234567890", "Enter")
    expect(page.get_by_text("Saved. 45 pairs.")).to_be_visible()
