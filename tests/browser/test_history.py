"""The history in Chromium: finding, editing and leaving as it is; and putting back what was set aside."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.answers import rankings
from labeling.models import Assignment, Ranking, Role
from labeling.queue import claims
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser


@pytest.fixture
def history(people: People, site: Site) -> Page:
    return opened(people, site)


def opened(people: People, site: Site, **options: object) -> Page:
    page = people.page(site.labeler, **options)
    page.goto(f"/p/{site.project.slug}/history/")
    return page


def edit(page: Page) -> None:
    """Opens the newest entry's board."""
    page.get_by_role("link", name="Edit the ranking of").first.click()


def live_order(site: Site) -> str:
    """The newest ranking's letters by rank, as the person saw them: "A BC D"."""
    ranking = Ranking.objects.filter(labeler=site.labeler, live=True).latest("id")
    tiers: dict[int, str] = {}
    for place in ranking.ranked.order_by("rank", "shown_position"):
        assert place.shown_position is not None
        tiers[place.rank] = tiers.get(place.rank, "") + "ABCD"[place.shown_position]
    return " ".join(tiers.values())


def test_a_ranking_is_edited_by_keys(history: Page, site: Site) -> None:
    edit(history)
    expect(history.locator(".rail__slots .chip")).to_have_count(4)
    expect(history.locator(".rail__others details")).to_have_count(1)
    for key in "4321":
        history.keyboard.press(key)
        history.keyboard.press("ArrowDown")
    history.keyboard.press("Enter")
    expect(history.get_by_text("Saved as revision 2. 6 pairs.")).to_be_visible()
    expect(history.locator(".picture__tiers").first).to_have_text("D > C > B > A")
    assert live_order(site) == "D C B A"


def test_a_ranking_is_edited_by_mouse_and_the_earlier_one_unfolds(history: Page, site: Site) -> None:
    before = history.locator(".picture__tiers").first.inner_text()
    edit(history)
    for letter in "ABCD":
        history.locator(f"#completion-{letter} .place").first.click()
    history.locator("#completion-B").get_by_label("Factual error").check()
    history.locator("#completion-B textarea").fill("The year is wrong.")
    history.get_by_role("button", name="Save as a new revision").click()
    expect(history.get_by_text("Saved as revision 2. 0 pairs, 6 tied.")).to_be_visible()
    entry = history.locator(".said").first
    expect(entry.locator(".picture__tiers").first).to_have_text("A = B = C = D")
    expect(entry.locator(".said__remarks").first).to_contain_text("B Factual error The year is wrong.")
    fold = entry.get_by_text("1 earlier revision")
    fold.focus()
    history.keyboard.press("Enter")
    expect(entry.locator(".said__earlier")).to_be_visible()
    expect(entry.locator(".said__earlier .picture__tiers")).to_have_text(before)


def test_leaving_the_board_changes_nothing(history: Page, site: Site) -> None:
    before, n_rankings = live_order(site), Ranking.objects.count()
    edit(history)
    history.keyboard.press("4")
    history.get_by_role("link", name="Leave it as it is").click()
    expect(history).to_have_url(f"{site.url}/p/{site.project.slug}/history/")
    assert (live_order(site), Ranking.objects.count()) == (before, n_rankings)
    assert not Assignment.objects.filter(labeler=site.labeler, state=Assignment.State.CLAIMED).exists()


def test_the_same_again_is_no_new_revision(history: Page, site: Site) -> None:
    edit(history)
    history.get_by_role("button", name="Save as a new revision").click()
    expect(history.get_by_text("Nothing was changed.")).to_be_visible()
    assert not Ranking.objects.filter(revision=2).exists()


def test_the_history_is_searched_by_keys(history: Page) -> None:
    history.get_by_label("Search your rankings").focus()
    history.keyboard.type("lighthouse")
    history.keyboard.press("Enter")
    expect(history.get_by_role("status").filter(has_text="1 ranking with “lighthouse”.")).to_be_visible()
    expect(history.locator(".said")).to_have_count(1)
    history.get_by_role("link", name="Show all").click()
    expect(history.locator(".said")).to_have_count(4)


def test_search_and_edit_work_without_javascript(people: People, site: Site) -> None:
    page = opened(people, site, java_script_enabled=False)
    page.get_by_label("Search your rankings").fill("nowhere to be found")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("0 rankings with “nowhere to be found”.")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    edit(page)
    for rank, letter in enumerate("CADB", start=1):
        page.locator(f"#completion-{letter} .place").nth(rank - 1).click()
    page.get_by_role("button", name="Save as a new revision").click()
    expect(page.get_by_text("Saved as revision 2. 6 pairs.")).to_be_visible()
    assert live_order(site) == "C A D B"


def test_a_reviewer_puts_a_prompt_back_by_keys(people: People, site: Site) -> None:
    held = factories.claimed(site.project, site.colleague).prompt
    claims.cannot_rank(Assignment.objects.get(prompt=held, labeler=site.colleague), "The prompt makes no sense")
    page = people.page(factories.join(site.project, Role.REVIEWER))
    page.goto(f"/p/{site.project.slug}/prompts/?show=held")
    page.locator(f"tbody a[href$='/{held.pk}/']").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Set aside by otto")).to_be_visible()
    page.get_by_role("button", name="Put back into the queue").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Put back into the queue.")
    held.refresh_from_db()
    assert held.held_at is None


def test_history_edit_and_prompt_are_accessible(viewers: People, site: Site) -> None:
    assignment = Ranking.objects.filter(labeler=site.labeler).latest("id").assignment
    shown = factories.ids_of(assignment)
    remarks = {"flags": {shown[0]: {"hateful": True}}, "notes": {shown[0]: "Rude " * 40}, "comment": "odd" * 100}
    rankings.amend(assignment, {"tiers": [[pk] for pk in shown], **remarks})
    held = factories.claimed(site.project, site.colleague)
    claims.cannot_rank(held, "The completions belong to another prompt")
    page = opened(viewers, site)
    for fold in page.locator(".said__fold > summary").all():
        fold.click()
    look(page)
    for path in (f"history/{assignment.pk}/", "history/?q=none+of+it"):
        page.goto(f"/p/{site.project.slug}/{path}")
        look(page)
    page = viewers.page(site.manager)
    for path in ("prompts/?show=held", f"prompts/{held.prompt_id}/"):
        page.goto(f"/p/{site.project.slug}/{path}")
        look(page)
    assert viewers.complaints == []


def look(page: Page) -> None:
    assert axe(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), page.url
