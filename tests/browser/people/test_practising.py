"""People practise on a project's own items, by keys alone, and read why an answer is so once they gave theirs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.models import GoldAnswer, Project, User
from labeling.projects import projects
from labeling.quality.checks import golds
from tests import factories
from tests.browser.people.test_checks import looked_at
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser
WHY = "The first says what a prime is.\n\nThe last has a number in it that is none: 9 is 3 times 3."
TEXTS = ("A prime has two divisors: one and itself.", "7", "Primes are odd.", "9, for example.")


def make_item(project: Project, question: str = "What is a prime?") -> None:
    prompt = factories.make_prompt(project, question=question, texts=TEXTS)
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known({key: rank for rank, key in enumerate(keys, start=1)})
    golds.make(project, prompt, known, source="typed", by=project.created_by, explanation=WHY, practice=True)


@pytest.fixture
def practising(site: Site) -> Project:
    project = factories.make_project(slug="primes", manager=site.manager)
    projects.update_project(project, guidelines="Put what is **true** first.")
    make_item(project)
    make_item(project, "And what is not?")
    factories.make_prompt(project)
    factories.join(project, username="mia")
    User.objects.filter(username="mia").update(tour_seen_at=project.created_at)
    return project


def rank_by_keys(page: Page, best_first: tuple[str, ...] = TEXTS) -> None:
    """Ranks the cards in the order shown, by a digit each, and submits."""
    expect(page.locator(".completion")).to_have_count(len(best_first))
    for text in page.locator(".completion").all_inner_texts():
        place = max(range(len(best_first)), key=lambda at: len(best_first[at]) if best_first[at] in text else 0)
        page.keyboard.press(str(place + 1))
    page.keyboard.press("Enter")


def test_each_is_explained_by_the_project_itself(people: People, site: Site, practising: Project) -> None:
    page = people.page(User.objects.get(username="mia"))
    page.goto("/p/primes/rank/")
    page.goto("/p/primes/practice/")
    expect(page.get_by_text("Practice, 1 of 2")).to_be_visible()
    looked_at(page, "practice-item")
    page.reload()
    rank_by_keys(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("6 of 6 as this project has them")
    expect(page.get_by_text("The first says what a prime is.")).to_be_visible()
    page.get_by_text("This project's guidelines").click()
    expect(page.get_by_text("Put what is true first.")).to_be_visible()
    looked_at(page, "practice-item-marked")
    page.get_by_role("link", name="Next one to practise on").click()
    expect(page.get_by_text("Practice, 2 of 2")).to_be_visible()
    page.keyboard.press("c")
    expect(page.get_by_role("dialog", name="Compare")).to_be_visible()
    assert people.complaints == []


def test_in_german_on_a_phone_without_scripts(people: People, site: Site, practising: Project) -> None:
    page = people.page(
        User.objects.get(username="mia"), java_script_enabled=False, locale="de-DE",
        viewport={"width": 360, "height": 740},
    )  # fmt: skip
    page.goto("/p/primes/practice/")
    for place in page.locator("input.place, .place input").all():
        if place.get_attribute("value") == "1":
            place.check(force=True)
    page.get_by_role("button", name="Auswerten").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("3 von 6 wie in diesem Projekt")


def test_a_manager_makes_one_of_a_ranking(people: People, site: Site, practising: Project) -> None:
    prompt = factories.make_prompt(practising, external_id="made", texts=TEXTS)
    practising.prompts.filter(gold_at=None).exclude(pk=prompt.pk).update(held_at=prompt.created_at)
    factories.rank(practising, factories.join(practising, username="ida"))
    page = people.page(site.manager)
    page.goto(f"/p/primes/prompts/{prompt.pk}/")
    page.get_by_text("Make it gold").first.click()
    page.get_by_label("To practise on").check()
    looked_at(page, "practice-making")
    page.get_by_role("button", name="Make it gold").click()
    expect(page.locator(".notices")).to_contain_text("Labelers practise on it now")
    looked_at(page, "practice-made")


def test_a_manager_ranks_gold_on_the_board_by_keys(people: People, site: Site, practising: Project) -> None:
    prompt = factories.make_prompt(practising, external_id="ranked for it", texts=TEXTS)
    page = people.page(site.manager)
    page.goto(f"/p/primes/prompts/{prompt.pk}/")
    page.get_by_role("link", name="Rank it yourself").click()
    looked_at(page, "gold-board")
    page.reload()
    rank_by_keys(page)
    expect(page.locator(".notices")).to_contain_text("It is gold by your answer now.")
    assert sorted(GoldAnswer.objects.get(prompt=prompt).ranks.values()) == [1, 2, 3, 4]
    assert people.complaints == []
