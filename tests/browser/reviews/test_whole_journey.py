"""The whole of a review: prompts are found by a word that people disagree about, one is decided, one answer sent back.

Seen from both sides: the manager searches, reads, decides and sends back; the labeler is told why, and changes it. Then
pairs and the next version say so, and the version of before doesn't change.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeling.answers.search import texts
from labeling.data.versions.datasets import freeze, read_groups
from labeling.models import Assignment, DatasetVersion, PreferencePair, Project, Ranking
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser

DECIDED, SENT_BACK, AGREED, ELSEWHERE = QUESTIONS = (
    "Which stairs lead to a podium?", "Who stands on the podium?", "Is a podium made of wood?", "Which stairs creak?",
)  # fmt: skip
WORD = "The guidelines put facts first."


class Stairs:
    """Ann and Bob disagree about two prompts with the word, agree about one, and disagree about one without it."""

    def __init__(self, site: Site) -> None:
        self.manager = site.manager
        self.project: Project = factories.make_project(manager=site.manager, slug="stairs", overlap=2)
        self.ann, self.bob = (factories.join(self.project, username=name) for name in ("ann", "bob"))
        for question in QUESTIONS:
            factories.make_prompt(self.project, k=3, question=question, split="train")
        for question in QUESTIONS:
            for labeler, ranks in ((self.ann, (1, 2, 3)), (self.bob, (1, 2, 3) if question == AGREED else (3, 2, 1))):
                ranking = factories.rank(self.project, labeler, ranks)
                Ranking.objects.filter(pk=ranking.pk).update(comment=f"{labeler.username} says why")
        texts.read()

    def pairs(self, question: str) -> set[tuple[str, int, int]]:
        """Whose they are, and the places of chosen and rejected in the order of import."""
        pairs = PreferencePair.objects.filter(prompt=self.prompt(question))
        return set(pairs.values_list("labeler__username", "chosen__position", "rejected__position"))

    def prompt(self, question: str) -> Any:
        return self.project.prompts.get(messages__0__content=question)

    def frozen(self, version: DatasetVersion) -> dict[str, list[list[int]]]:
        """What a version holds of each prompt: its rankings, as ranks in the order of import."""
        of = {group["id"]: sorted(said["ranks"] for said in group["rankings"]) for group in read_groups(version)}
        return {question: of[self.prompt(question).external_id] for question in QUESTIONS}


def expanded(labeler: str, ranks: tuple[int, ...]) -> set[tuple[str, int, int]]:
    better = [(a, b) if ranks[a] < ranks[b] else (b, a) for a, b in combinations(range(len(ranks)), 2)]
    return {(labeler, *pair) for pair in better}


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_from_a_word_to_the_next_version(people: People, site: Site) -> None:
    stairs = Stairs(site)
    before = freeze(stairs.project)
    page = people.page(stairs.manager)
    search(page)
    open_case(page, DECIDED)
    decide(page)
    search(page)
    expect(page.get_by_role("link", name=DECIDED)).to_have_count(0)  # nobody disagrees any more
    open_case(page, SENT_BACK)
    send_back(page)
    told_and_changes(people.page(stairs.bob), stairs)
    nobody_else_is_told(people.page(stairs.ann))
    case = stairs.project.review_cases.get(prompt=stairs.prompt(SENT_BACK))
    page.goto(f"/p/stairs/review/{case.pk}/")
    expect(page.get_by_role("listitem").filter(has_text="Answer changed by bob")).to_be_visible()

    assert stairs.pairs(DECIDED) == expanded(stairs.manager.username, (2, 1, 3))
    assert stairs.pairs(SENT_BACK) == expanded("ann", (1, 2, 3)) | expanded("bob", (1, 2, 3))
    once, again = [[1, 2, 3], [3, 2, 1]], [[1, 2, 3], [1, 2, 3]]
    assert stairs.frozen(before) == {DECIDED: once, SENT_BACK: once, AGREED: again, ELSEWHERE: once}
    then = stairs.frozen(freeze(stairs.project))
    assert then == {DECIDED: [[2, 1, 3]], SENT_BACK: again, AGREED: again, ELSEWHERE: once}


def search(page: Page) -> None:
    page.goto("/p/stairs/prompts/")
    page.get_by_label("Search").fill("podium")
    page.get_by_label("Disagreement").select_option("yes")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name=SENT_BACK)).to_be_visible()
    for other in (AGREED, ELSEWHERE):
        expect(page.get_by_role("link", name=other)).to_have_count(0)


def open_case(page: Page, question: str) -> None:
    """By the prompt's page, where both orders stand side by side with what was said."""
    page.get_by_role("link", name=question).click()
    for name, ranks in (("ann", "123"), ("bob", "321")):
        row = page.get_by_role("row").filter(has_text=f"{name} says why")
        expect(row.locator(".sides__rank")).to_have_text([*ranks])
    page.get_by_role("link", name="Open the review").click()
    expect(page.get_by_role("row").filter(has_text="bob says why")).to_be_visible()


def decide(page: Page) -> None:
    """Without a mouse."""
    page.get_by_role("link", name="Decide by ranking it yourself").focus()
    press(page, "Enter")
    expect(page.locator("[data-current].completion")).to_be_visible()
    expect(page.get_by_text("says why")).to_have_count(0)
    task = Assignment.objects.get(labeler__username="mara", prompt__project__slug="stairs")
    wanted = dict(zip(task.prompt.completions.order_by("position").values_list("pk", flat=True), "213", strict=True))
    press(page, *(wanted[key] for key in task.shown_order), "Enter")
    expect(page.get_by_text("Decided. Your ranking stands for this prompt")).to_be_visible()


def send_back(page: Page) -> None:
    page.get_by_text("Send one answer back").click()
    form = page.locator("form").filter(has=page.get_by_role("button", name="Send it back"))
    form.get_by_label("bob").check()
    form.get_by_label("Why").fill(WORD)
    form.get_by_role("button", name="Send it back").click()
    expect(page.get_by_text("Sent back. The case returns")).to_be_visible()


def told_and_changes(his: Page, stairs: Stairs) -> None:
    for address in ("/", "/p/stairs/rank/", "/p/stairs/history/"):
        his.goto(address)
        if address.endswith("/rank/"):
            his.get_by_role("link", name="See why").click()
        expect(his.get_by_text(WORD).first).to_be_visible()
        for other in ("mara", "ann says why"):
            expect(his.get_by_text(other)).to_have_count(0)
        axe(his)
    his.goto("/")
    his.get_by_role("link", name="Look at it again").click()
    expect(his.get_by_text(WORD)).to_be_visible()
    task = Assignment.objects.get(labeler=stairs.bob, prompt=stairs.prompt(SENT_BACK))
    order = list(task.prompt.completions.order_by("position").values_list("pk", flat=True))
    expect(his.locator("[data-current].completion")).to_be_visible()
    for key in task.shown_order:
        press(his, str(order.index(key) + 1), "ArrowDown")
    his.get_by_role("button", name="Save as a new revision").click()
    expect(his.get_by_text("Saved as revision 2. 3 pairs.")).to_be_visible()
    expect(his.get_by_text("You changed it.")).to_be_visible()
    his.goto("/")
    expect(his.get_by_text(WORD)).to_have_count(0)


def nobody_else_is_told(hers: Page) -> None:
    for address in ("/", "/p/stairs/rank/", "/p/stairs/history/"):
        hers.goto(address)
        expect(hers.get_by_role("main")).to_be_visible()
        expect(hers.get_by_text(WORD)).to_have_count(0)
