"""A review in Chromium: two disagree, a reviewer decides; or sends one answer back, and the labeler changes it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.data.versions.datasets import freeze, read_groups
from labeling.models import Assignment, PreferencePair, Project, Ranking, ReviewCase, Role, User
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser


class Argued:
    """A project of its own, of which two labelers ranked the one prompt the other way round."""

    def __init__(self, site: Site) -> None:
        self.project: Project = factories.make_project(manager=site.manager, slug="argued", overlap=2)
        self.reviewer = factories.join(self.project, Role.REVIEWER, "rita")
        self.ann = factories.join(self.project, username="ann")
        self.bob = factories.join(self.project, username="bob")
        factories.make_prompt(self.project, k=3, question="What is a podium?", split="train")
        self.rank(self.ann, [1, 2, 3])
        self.rank(self.bob, [3, 2, 1])

    def rank(self, labeler: User, ranks: list[int]) -> None:
        ranking = factories.rank(self.project, labeler, ranks)
        Ranking.objects.filter(pk=ranking.pk).update(comment=f"{labeler.username} says why")


@pytest.fixture
def argued(site: Site) -> Argued:
    return Argued(site)


def opened(people: People, argued: Argued) -> Page:
    """The case, by the way that a reviewer takes: overview, queue, reason, row."""
    page = people.page(argued.reviewer)
    page.goto("/p/argued/")
    page.get_by_text("1 prompt waits for a review.").locator("..").get_by_role("link", name="Review").click()
    page.get_by_role("navigation", name="Reason").get_by_role("link", name="People disagree").click()
    page.get_by_role("link", name="What is a podium?").click()
    expect(page.get_by_role("row").filter(has_text="ann says why")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="bob says why")).to_be_visible()
    return page


def test_a_reviewer_sees_both_sides_and_decides(people: People, argued: Argued) -> None:
    page = opened(people, argued)
    page.get_by_role("link", name="Decide by ranking it yourself").click()
    page.get_by_label("Why (if you like)").fill("By the guidelines")
    expect(page.locator("[data-current].completion")).to_be_visible()
    page.locator("body").click(position={"x": 5, "y": 5})
    for key in "213":
        page.keyboard.press(key)
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Decided. Your ranking stands for this prompt")).to_be_visible()
    expect(page.get_by_text("Nothing waits for a review.")).to_be_visible()
    [standing] = Ranking.objects.filter(prompt__project=argued.project, live=True)
    assert standing.labeler == argued.reviewer
    assert set(PreferencePair.objects.filter(project=argued.project).values_list("ranking", flat=True)) == {standing.pk}
    [group] = read_groups(freeze(argued.project))
    assert len(group["rankings"]) == 1
    history = people.page(argued.ann)
    history.goto("/p/argued/history/")
    expect(history.get_by_text("A reviewer decided this prompt since.")).to_be_visible()
    expect(history.get_by_text("rita")).to_have_count(0)


def test_an_answer_is_sent_back_seen_with_its_reason_and_changed(people: People, argued: Argued) -> None:
    page = opened(people, argued)
    page.get_by_text("Send one answer back").click()
    form = page.locator("form").filter(has=page.get_by_role("button", name="Send it back"))
    form.get_by_label("bob").check()
    form.get_by_label("Why").fill("The guidelines put facts first.")
    form.get_by_role("button", name="Send it back").click()
    expect(page.get_by_text("Sent back. The case returns")).to_be_visible()
    hers = people.page(argued.ann)
    hers.goto("/p/argued/history/")
    expect(hers.get_by_text("The guidelines put facts first.")).to_have_count(0)
    his = people.page(argued.bob)
    his.goto("/p/argued/rank/")
    his.get_by_role("link", name="See why").click()
    expect(his.get_by_text("The guidelines put facts first.").first).to_be_visible()
    axe(his)
    his.get_by_role("link", name="Look at it again").click()
    expect(his.get_by_text("The guidelines put facts first.")).to_be_visible()
    axe(his)
    task = Assignment.objects.get(prompt__project=argued.project, labeler=argued.bob)
    order = {key: rank for rank, key in enumerate(task.prompt.completions.values_list("pk", flat=True), start=1)}
    expect(his.locator("[data-current].completion")).to_be_visible()
    for key in task.shown_order:
        his.keyboard.press(str(order[key]))
        his.keyboard.press("ArrowDown")
    his.get_by_role("button", name="Save as a new revision").click()
    expect(his.get_by_text("Saved as revision 2. 3 pairs.")).to_be_visible()
    expect(his.get_by_text("You changed it.")).to_be_visible()
    assert not argued.project.prompts.get().disagrees
    case = ReviewCase.objects.get(project=argued.project)
    assert case.state == "open"
    page.goto(f"/p/argued/review/{case.pk}/")
    expect(page.get_by_text("Answer changed")).to_be_visible()
    pairs = PreferencePair.objects.filter(project=argued.project, labeler=argued.bob)
    assert set(pairs.values_list("ranking__revision", flat=True)) == {2}
    page.get_by_text("Leave it as it is").click()
    page.get_by_role("button", name="Leave as it is").click()
    expect(page.get_by_text("Left as it is. The case is closed.")).to_be_visible()


def test_a_manager_names_a_reviewer_who_takes_and_hands_on_by_keyboard(
    people: People, argued: Argued, site: Site
) -> None:
    factories.join(argued.project, Role.REVIEWER, "max")
    page = people.page(site.manager)
    page.goto("/p/argued/review/")
    page.get_by_role("checkbox", name="rita").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Name these reviewers").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("New reviews go to rita, in equal shares.")).to_be_visible()
    expect(page.get_by_role("checkbox", name="rita")).to_be_checked()
    axe(page)

    hers = people.page(argued.reviewer)
    hers.goto("/p/argued/review/")
    expect(hers.get_by_text("Nothing is reserved for you.")).to_be_visible()
    hers.get_by_role("navigation", name="Whose").get_by_role("link", name="Any reviewer's").click()
    hers.get_by_role("link", name="What is a podium?").click()
    hers.get_by_role("button", name="Take it").click()
    expect(hers.get_by_text("Reserved for you. Nobody else decides it.")).to_be_visible()
    hers.get_by_label("Hand it on to").select_option("max")
    axe(hers)
    hers.get_by_role("button", name="Hand on", exact=True).focus()
    hers.keyboard.press("Enter")
    expect(hers.get_by_text("They or a manager can hand it on.")).to_be_visible()
    expect(hers.get_by_role("link", name="Decide by ranking it yourself")).to_have_count(0)
