"""A manager whom checks told of somebody withdraws what was ranked from the day of the warning on, and puts it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from labeling.models import Assignment, Membership, Ranking
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser


def test_work_is_withdrawn_from_the_day_of_a_warning_on(people: People, site: Site) -> None:
    project = factories.make_project(manager=site.manager, slug="warned", overlap=1)
    for _ in range(3):
        factories.make_prompt(project, k=3, split="train")
    nora = factories.join(project, username="nora")
    first, *_ = factories.rank_next(project, nora, 3)
    now, week = timezone.now(), timedelta(days=7)
    Ranking.objects.filter(pk=first.pk).update(created_at=now - week)
    Assignment.objects.filter(pk=first.assignment_id).update(finished_at=now - week)
    Membership.objects.filter(user=nora).update(warned_at=now, pause="stopped", paused_at=now)

    manager = people.page(site.manager)
    manager.goto(f"/p/warned/people/{nora.pk}/")
    manager.get_by_role("link", name="See what withdrawing it would end").click()
    expect(manager.get_by_text("Ends 3 rankings with their pairs")).to_be_visible()
    offered = manager.get_by_role("link", name="on (warned, stopped)")
    offered.focus()
    manager.keyboard.press("Enter")
    expect(manager.get_by_text("Ends 2 of 3 rankings with their pairs")).to_be_visible()
    axe(manager)
    manager.get_by_role("link", name="See these rankings").click()
    expect(manager.get_by_text("nora").first).to_be_visible()
    manager.go_back()
    manager.get_by_role("button", name="Withdraw 2 rankings").click()
    expect(manager.get_by_text("2 rankings are withdrawn")).to_be_visible()
    expect(manager.get_by_text("what was ranked from")).to_be_visible()
    expect(manager.get_by_text("Ends 1 ranking with its pairs")).to_be_visible()  # of all that stands
    axe(manager)
    assert list(Ranking.objects.filter(labeler=nora, live=True)) == [first]
    manager.get_by_role("button", name="Put them back").click()
    expect(manager.get_by_text("2 rankings put back.")).to_be_visible()
    assert Ranking.objects.filter(labeler=nora, live=True).count() == 3
