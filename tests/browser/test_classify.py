"""Answering questions about texts in Chromium: by keys, by clicks, on a phone, and with JavaScript switched off."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import Project, Ranking
from tests import factories
from tests.browser.site.sites import TEXTS, People, Site
from tests.browser.test_ranking import press, saved, submit

pytestmark = pytest.mark.browser


@pytest.fixture
def board(people: People, site: Site) -> Page:
    page = people.page(site.judge)
    page.goto("/p/texts/rank/")
    expect(page.get_by_role("paragraph").filter(has_text=TEXTS[1])).to_be_visible()
    return page


def last_answers() -> dict[str, bool]:
    flags: dict[str, bool] = Ranking.objects.latest("id").ranked.get().flags
    return flags


def test_y_and_n_answer_one_question_after_the_other_and_enter_submits(board: Page) -> None:
    press(board, "y", "n")
    expect(board.locator(".rail__status")).to_have_text("Insults a person: no. All answered.")
    press(board, "Enter")
    saved(board)
    expect(board.get_by_role("paragraph").filter(has_text=TEXTS[2])).to_be_visible()
    assert last_answers() == {"hateful": True, "insult": False}


def test_a_digit_picks_a_question_and_backspace_takes_an_answer_back(board: Page) -> None:
    press(board, "2", "y")
    expect(board.locator("[data-marked]")).to_have_attribute("data-label", "Hateful")
    press(board, "n", "2", "Backspace")
    expect(board.locator(".rail__status")).to_have_text("Insults a person: not answered any more. 1 to answer.")
    press(board, "n", "1", "y", "Enter")
    saved(board)
    assert last_answers() == {"hateful": True, "insult": False}


def test_enter_before_all_is_answered_says_what_is_missing(board: Page) -> None:
    press(board, "n", "Enter")
    expect(board.locator(".rail__status")).to_have_text("Not answered yet: Insults a person. 1 to answer.")
    assert Ranking.objects.filter(prompt__project__slug="texts", live=True).count() == 1


def test_a_reload_keeps_a_no_and_undo_brings_both_back(board: Page) -> None:
    press(board, "n")
    expect(board.get_by_text("Saved", exact=True)).to_be_visible()
    board.reload()
    expect(board.locator(".rail__status")).to_have_text("What you chose is kept. 1 to answer.")
    press(board, "y", "Enter")
    expect(board.get_by_role("paragraph").filter(has_text=TEXTS[2])).to_be_visible()
    press(board, "z")
    expect(board.locator(".answer input:checked")).to_have_count(2)
    press(board, "Enter")
    expect(board.get_by_role("paragraph").filter(has_text=TEXTS[2])).to_be_visible()


def test_keys_that_rank_do_nothing_to_a_text_that_stands_alone(board: Page) -> None:
    press(board, "ArrowLeft", "ArrowRight", "ArrowDown", "k", "c", "r", "b", "9", "0")
    expect(board.locator("dialog[open]")).to_have_count(0)
    press(board, "n", "n", "Enter")
    saved(board)


def test_several_texts_are_ranked_by_digits_and_answered_by_letters(people: People, site: Site) -> None:
    flags = [{"name": "hateful", "label": "Hateful"}]
    project = factories.make_project(slug="both", kind=Project.Kind.CLASSIFICATION, flags=flags)
    first = factories.make_prompt(project, k=2)
    factories.make_prompt(project, k=2)
    page = people.page(factories.join(project))
    page.goto("/p/both/rank/")
    expect(page.locator("[data-current].completion")).to_be_visible()
    press(page, "n", "2", "y", "1", "Enter")
    expect(page.get_by_text("Saved. 1 pair.")).to_be_visible()
    ranked = Ranking.objects.get(prompt=first).ranked.order_by("shown_position")
    assert [(place.rank, place.flags["hateful"]) for place in ranked] == [(2, False), (1, True)]


def test_on_a_phone_a_text_is_answered_by_taps(people: People, site: Site) -> None:
    page = people.page(site.judge, viewport={"width": 360, "height": 740}, has_touch=True)
    page.goto("/p/texts/rank/")
    for question in page.locator(".question").all():
        question.get_by_role("radio", name="No").tap()
    submit(page)
    saved(page)
    assert last_answers() == {"hateful": False, "insult": False}


def test_everything_works_without_javascript(people: People, site: Site) -> None:
    page = people.page(site.judge, java_script_enabled=False)
    page.goto("/p/texts/rank/")
    for question in page.locator(".question").all():
        question.get_by_role("radio", name="Yes").check()
    submit(page)
    expect(page.get_by_text("Saved.").first).to_be_visible()
    assert last_answers() == {"hateful": True, "insult": True}
