"""The best three of nine in Chromium: by keys, counted; dragged, touched, without a script; taken back, edited."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Ranking
from labeling.projects.projects import update_project
from tests import factories
from tests.browser.board.test_asks import SAVED, THREE, attributes, board_of, last, press
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import look
from tests.browser.test_ranking import chip, drag, slot, submit

pytestmark = pytest.mark.browser


def ranks(ranking: Ranking) -> list[int]:
    return list(ranking.ranked.order_by("shown_position").values_list("rank", flat=True))


def pool(page: Page) -> Sequence[str]:
    return page.locator(".slot--pool .chip").all_inner_texts()


def test_the_best_three_of_nine_take_four_keys_where_they_come_first(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=3)
    expect(page.locator(".rail")).to_contain_text("The best 3 of 9; the rest counts as below, without an order.")
    assert page.locator(".slot[data-slot]:not(.slot--pool)").count() == 3
    assert press(page, "2", "1", "3", "Enter") == 4
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    ranking = last(site)
    assert (ranks(ranking), ranking.unranked) == ([2, 1, 3, 4, 4, 4, 4, 4, 4], 6)


def test_wherever_they_stand_it_takes_a_key_for_each_that_is_read_and_enter(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=3)
    keys = press(page, "j", "j", "2", "j", "1", "j", "3", "Enter")
    assert keys == 8  # of nine all take ten
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert ranks(last(site)) == [4, 4, 2, 4, 1, 4, 3, 4, 4]


def test_it_says_what_remains_and_takes_no_fewer(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=3)
    status, submit = page.locator("rank-status"), page.locator(".rail__submit")
    expect(status).to_have_text("3 to go.")
    press(page, "1", "2")
    expect(status).to_contain_text("1 to go.")
    expect(submit).to_have_attribute("aria-disabled", "true")
    press(page, "Enter")
    expect(status).to_contain_text("Place the best 3; not placed yet: C, D, E, F, G, H, I.")
    press(page, "4")
    expect(status).to_contain_text("There are 3 slots.")
    press(page, "3")
    expect(status).to_contain_text("The best are placed; the rest counts as below.")
    expect(submit).to_have_attribute("aria-disabled", "false")
    assert pool(page) == list("DEFGHI")
    press(page, "1")  # D beside A: a tie, and four are ranked
    press(page, "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert (ranks(last(site)), last(site).unranked) == ([1, 2, 3, 1, 4, 4, 4, 4, 4], 5)


def test_the_best_one_of_seven_is_two_keys(people: People, site: Site) -> None:
    page = board_of(people, site, k=7, top_k=1)
    assert press(page, "1", "Enter") == 2
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert (ranks(last(site)), last(site).unranked) == ([1, 2, 2, 2, 2, 2, 2], 6)


def test_of_six_all_are_placed_as_before(people: People, site: Site) -> None:
    page = board_of(people, site, k=6, top_k=3)
    assert page.locator(".rail__best, .place:has-text('rest')").count() == 0
    assert press(page, "1", "2", "3", "Enter", "4", "5", "6", "Enter") == 8
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert (ranks(last(site)), last(site).unranked) == ([1, 2, 3, 4, 5, 6], 0)


def test_by_mouse_a_chip_goes_into_a_slot_and_back(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=2)
    for letter, number in (("H", 1), ("B", 2), ("C", 2)):
        drag(page, chip(page, letter), slot(page, number))
        expect(slot(page, number)).to_contain_text(letter)
    drag(page, chip(page, "C"), page.locator(".slot--pool"))
    expect(page.locator('.slot--pool .chip[data-letter="C"]')).to_be_visible()
    page.locator("#completion-A .prose").click()  # SortableJS takes the first click after a quick drag for its end
    submit(page)
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert ranks(last(site)) == [3, 2, 3, 3, 3, 3, 3, 1, 3]


def test_by_touch_on_a_phone(people: People, site: Site) -> None:
    update_project(site.empty, top_k=2)
    factories.make_prompt(site.empty, k=7)
    page = people.page(site.manager, viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto(f"/p/{site.empty.slug}/rank/")
    for letter, number in (("A", 1), ("E", 2), ("C", 2)):
        chip(page, letter).tap()
        slot(page, number).tap(position={"x": 20, "y": 12})
        expect(slot(page, number)).to_contain_text(letter)
    expect(page.locator("rank-status")).to_contain_text("The best are placed; the rest counts as below.")
    assert pool(page) == list("BDFG")
    page.locator(".rail__submit").tap()
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert ranks(last(site)) == [1, 3, 2, 3, 2, 3, 3]


def test_without_a_script_the_rest_needs_nothing_and_can_be_chosen(people: People, site: Site) -> None:
    update_project(site.empty, top_k=2)
    factories.make_prompt(site.empty, k=7)
    page = people.page(site.manager, java_script_enabled=False)
    page.goto(f"/p/{site.empty.slug}/rank/")
    expect(page.locator(".rail")).to_contain_text("The best 2 of 7")
    page.locator("#completion-A").get_by_label("1").check()
    page.locator(".rail__submit").click()
    expect(page.locator("#error")).to_contain_text("Rank the best 2 of 7: 1 has a place.")
    expect(page.locator("#completion-A").get_by_label("1")).to_be_checked()
    page.locator("#completion-A").get_by_label("rest").check()
    page.locator("#completion-F").get_by_label("1").check()
    page.locator("#completion-G").get_by_label("2").check()
    page.locator(".rail__submit").click()
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert ranks(last(site)) == [3, 3, 3, 3, 3, 1, 2]


def test_undo_reload_and_edit_keep_the_rest_a_rest(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=3)
    press(page, "1", "2", "3", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-current].completion")).to_be_visible()
    assert pool(page) == list("DEFGHI")
    page.locator("#completion-C .prose").click()
    press(page, "Backspace")
    expect(page.locator("rank-status")).to_contain_text("1 to go.")
    with page.expect_response(lambda response: "/draft/" in response.url):
        press(page, "j", "3")
    page.reload()
    expect(page.locator("[data-current].completion")).to_be_visible()
    assert len(pool(page)) == 6
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    before = last(site)
    assert before.unranked == 6
    page.goto(f"/p/{site.empty.slug}/history/")
    expect(page.locator(".picture__tier[data-rest]").first).to_be_visible()
    expect(page.locator(".picture").first).to_contain_text("not ranked")
    assert page.locator(".picture").first.locator(".picture__tie").count() == 0
    page.get_by_role("link", name="Edit").first.click()
    expect(page.locator("[data-current].completion")).to_be_visible()
    assert len(pool(page)) == 6
    page.locator(".slot--pool .chip").first.click()
    press(page, "3", "Enter")
    page.wait_for_url("**/history/")
    assert (last(site).revision, last(site).unranked) == (before.revision + 1, 5)


def test_ratings_and_the_line_are_asked_of_the_best_alone(people: People, site: Site) -> None:
    page = board_of(people, site, k=9, top_k=3, attributes=THREE[:1], ask_acceptable=True)
    keys = press(page, "1", "2", "l", "3")
    expect(page.locator("#completion-A .scale[data-marked]")).to_be_visible()
    keys += press(page, "5", "4", "3", "Enter")
    assert keys == 8
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert attributes(last(site)) == [{"helpful": 5}, {"helpful": 4}, {"helpful": 3}, *[{}] * 6]
    assert (last(site).acceptable, last(site).unranked) == (2, 6)


def test_an_order_given_in_full_before_it_was_asked_is_edited_in_full(people: People, site: Site) -> None:
    page = board_of(people, site, k=7)
    press(page, *"1234567", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    update_project(site.empty, top_k=2)
    page.goto(f"/p/{site.empty.slug}/history/")
    page.get_by_role("link", name="Edit").first.click()
    expect(page.locator("[data-current].completion")).to_be_visible()
    assert page.locator(".slot[data-slot]:not(.slot--pool)").count() == 7
    press(page, "2", "Enter")
    page.wait_for_url("**/history/")
    assert (ranks(last(site)), last(site).unranked) == ([1, 1, 2, 3, 4, 5, 6], 0)


@pytest.mark.parametrize("width", [360, 1280, 1920])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_board_the_history_and_the_prompts_page_are_clean(
    people: People, site: Site, width: int, language: str
) -> None:
    """By axe, in the light and in the dark, by keyboard, and nothing sticks out."""
    site.manager.language = language
    site.manager.save()
    update_project(site.empty, top_k=3)
    for _ in range(2):
        factories.make_prompt(site.empty, k=9)
    page = people.page(site.manager, viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.goto(f"/p/{site.empty.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    press(page, "1", "2", "3", "Enter")
    expect(page.locator("rank-status")).to_contain_text("3")
    press(page, "2", "1")
    found = {"board": look(page)}
    for path in ("history/", "rankings/", "settings/"):
        page.goto(f"/p/{site.empty.slug}/{path}")
        found[path] = look(page)
    page.goto(f"/p/{site.empty.slug}/prompts/{last(site).prompt_id}/")
    expect(page.get_by_role("cell", name="Rest" if language == "de" else "rest").first).to_be_visible()
    found["prompt"] = look(page)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
