"""More than an order, on the board in Chromium: each ask by keys alone, counted; nothing taken for granted."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Ranking
from labeling.projects.projects import update_project
from tests import factories
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser

SAVED = "You have done them all"
THREE = [{"name": name, "label": name.title(), "scale": 5} for name in ("helpful", "correct", "clear")]


def board_of(people: People, site: Site, *, k: int = 4, **asks: Any) -> Page:
    update_project(site.empty, **asks)
    factories.make_prompt(site.empty, k=k)
    page = people.page(site.manager)
    page.goto(f"/p/{site.empty.slug}/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    return page


def press(page: Page, *keys: str) -> int:
    for key in keys:
        page.keyboard.press(key)
    return len(keys)


def last(site: Site) -> Ranking:
    return Ranking.objects.filter(labeler=site.manager).latest("id")


def attributes(ranking: Ranking) -> list[dict[str, int]]:
    return [place.attributes for place in ranking.ranked.order_by("shown_position")]


def test_with_all_of_it_off_four_completions_take_five_keys(people: People, site: Site) -> None:
    page = board_of(people, site)
    assert page.locator(".scale, .why, rank-asks").count() == 0
    assert press(page, "2", "1", "4", "3", "Enter") == 5
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert not last(site).says_more


def test_the_line_takes_one_key_and_is_not_taken_for_granted(people: People, site: Site) -> None:
    page = board_of(people, site, ask_acceptable=True)
    press(page, "2", "1", "4", "3", "Enter")
    expect(page.locator("rank-status")).to_contain_text("Not said yet: Acceptable down to.")
    press(page, "l", "h")  # under the one placed last, in slot 3, and one higher
    expect(page.locator('.slot[data-slot="2"][data-line="below"]')).to_be_visible()
    press(page, "h", "h")
    expect(page.locator('.slot[data-slot="1"][data-line="above"]')).to_be_visible()
    expect(page.locator("rank-status")).to_contain_text("None is acceptable.")
    press(page, "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert last(site).acceptable == 0


def test_the_line_can_be_drawn_on_the_way(people: People, site: Site) -> None:
    page = board_of(people, site, ask_acceptable=True)
    assert press(page, "1", "2", "l", "4", "3", "Enter") == 6
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert last(site).acceptable == 2


def test_four_completions_and_three_attributes_take_twelve_keys(people: People, site: Site) -> None:
    page = board_of(people, site, attributes=THREE)
    keys = press(page, "2", "1", "4", "3")
    expect(page.locator("#completion-A .scale[data-marked]")).to_have_attribute("data-label", "Helpful: A")
    keys += press(page, "4", "d", "5", "3", "d", "2", "d", "Enter")
    assert keys == 12
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert attributes(last(site)) == [
        {"helpful": 4, "correct": 5, "clear": 2},
        {"helpful": 4, "correct": 3, "clear": 2},
        {"helpful": 4, "correct": 3, "clear": 2},
        {"helpful": 4, "correct": 3, "clear": 2},
    ]


def test_each_rating_is_asked_for_and_can_be_changed(people: People, site: Site) -> None:
    page = board_of(people, site, attributes=THREE[:1])
    press(page, "1", "2", "3", "4", "5", "4", "3", "Enter")
    expect(page.locator("rank-status")).to_contain_text("Not said yet: Helpful: D.")
    press(page, "9")
    expect(page.locator("rank-status")).to_contain_text("This scale ends at 5.")
    press(page, "1", "a", "2", "Escape", "Enter")  # back to A, and another number
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert [each["helpful"] for each in attributes(last(site))] == [2, 4, 3, 1]


def test_two_are_compared_by_an_attribute_with_one_key(people: People, site: Site) -> None:
    page = board_of(people, site, k=2, attributes=[{"name": "kinder", "label": "Kinder", "kind": "comparison"}])
    press(page, "1", "2", "6", "Enter")  # the sixth of seven: B clearly
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert attributes(last(site)) == [{"kinder": -2}, {"kinder": 2}]


def test_a_reason_or_words_where_one_is_required(people: People, site: Site) -> None:
    reasons = [{"name": "correct", "label": "More correct"}, {"name": "shorter", "label": "Shorter"}]
    page = board_of(people, site, k=2, ask_reasons=reasons, justification="required")
    press(page, "1", "2", "Enter")
    expect(page.locator("rank-status")).to_contain_text("Not said yet: Why.")
    press(page, "w", "Space", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert last(site).reasons == ["correct"]


def test_a_reload_keeps_all_of_it(people: People, site: Site) -> None:
    reasons = [{"name": "correct", "label": "More correct"}]
    page = board_of(people, site, ask_acceptable=True, ask_reasons=reasons, attributes=THREE[:1])
    press(page, "1", "2", "l", "3", "4", "5", "d")
    page.get_by_label("More correct").check()
    expect(page.locator(".save-state__words")).to_have_text("Saved")
    page.reload()
    expect(page.get_by_label("More correct")).to_be_checked()
    expect(page.locator('.slot[data-slot="2"][data-line="below"]')).to_be_visible()
    expect(page.locator(".scale--rating input:checked")).to_have_count(4)
    press(page, "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()


def test_after_a_reload_it_says_what_is_left_to_say(people: People, site: Site) -> None:
    """All is placed and nothing rated: it is not ready, and doesn't look so."""
    page = board_of(people, site, ask_acceptable=True, attributes=THREE)
    press(page, "1", "2", "3", "4")
    expect(page.locator("rank-status")).to_contain_text("13 to say")
    expect(page.locator(".save-state__words")).to_have_text("Saved")
    page.reload()
    expect(page.locator("rank-status")).to_contain_text("What you chose is kept. 13 to say.")
    expect(page.get_by_role("button", name="Submit ranking")).to_have_attribute("aria-disabled", "true")


def test_without_scripts_the_form_asks_and_says_what_is_missing(people: People, site: Site) -> None:
    update_project(site.empty, ask_acceptable=True, attributes=THREE[:1])
    factories.make_prompt(site.empty, k=2)
    page = people.page(site.manager, java_script_enabled=False)
    page.goto(f"/p/{site.empty.slug}/rank/")
    for name, value in (("Rank of completion A", "1"), ("Rank of completion B", "2")):
        page.get_by_role("group", name=name).get_by_role("radio", name=value).check()
    page.locator("form#ranking").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text("Not said yet: where the acceptable ones end; Helpful of A, B.")


def test_two_are_put_in_order_on_one_scale_with_two_keys(people: People, site: Site) -> None:
    page = board_of(people, site, k=2, ask_strength=True)
    assert press(page, "3", "Enter") == 2
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    ranking = last(site)
    assert ranking.strength == 1
    assert list(ranking.ranked.order_by("shown_position").values_list("rank", flat=True)) == [1, 2]


def test_the_scale_of_two_moves_by_arrows_and_is_taken_back(people: People, site: Site) -> None:
    page = board_of(people, site, k=2, ask_strength=True)
    press(page, "4", "ArrowRight", "ArrowRight")
    expect(page.get_by_role("radio", name="B clearly")).to_be_checked()
    press(page, "Backspace", "Enter")
    expect(page.locator("rank-status")).to_contain_text("Not placed yet: A, B.")
    press(page, "4", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert last(site).strength is None


def test_the_best_one_is_written_anew(people: People, site: Site) -> None:
    page = board_of(people, site, ask_rewrite="optional")
    press(page, "v")
    expect(page.locator("rank-status")).to_contain_text("Rank one first")
    press(page, "2", "1", "4", "3", "v")
    text = page.get_by_label("A better text")
    expect(text).to_be_focused()
    expect(page.get_by_label("Better than")).to_have_value(
        page.locator('option[data-letter="B"]').get_attribute("value") or ""
    )
    original = text.input_value()
    text.fill(f"{original} And more.")
    press(page, "Escape", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    ranking = last(site)
    assert ranking.rewrite == f"{original} And more."
    assert ranking.rewrite_of is not None
    assert ranking.rewrite_of.text == original


def test_a_text_left_as_it_is_is_no_rewrite(people: People, site: Site) -> None:
    page = board_of(people, site, ask_rewrite="optional")
    press(page, "2", "1", "4", "3", "v", "Escape", "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert not last(site).says_more


def test_with_arrows_alone_a_scale_is_answered(people: People, site: Site) -> None:
    site.manager.single_keys = False
    site.manager.save()
    page = board_of(people, site, k=2, ask_strength=True, attributes=THREE[:1])
    page.get_by_role("radio", name="A much").focus()
    press(page, "Space", "ArrowRight")
    expect(page.get_by_role("radio", name="A clearly")).to_be_checked()
    for letter in "AB":
        page.get_by_role("group", name="Helpful").nth("AB".index(letter)).get_by_role("radio", name="1").focus()
        press(page, "Space", "ArrowRight")
    press(page, "Enter")
    expect(page.get_by_role("heading", name=SAVED)).to_be_visible()
    assert (last(site).strength, attributes(last(site))) == (2, [{"helpful": 2}, {"helpful": 2}])
