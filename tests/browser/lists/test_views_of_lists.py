"""A manager keeps what narrows a list, by keys only, and finds it again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from labeling.models import SavedView
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser


def test_a_view_is_saved_opened_and_deleted_by_keys(people: People, site: Site) -> None:
    page = people.page(site.manager)
    page.goto(f"/p/{site.project.slug}/prompts/")
    expect(page.get_by_text("Save this view")).to_have_count(0)
    page.get_by_label("Disagreement").focus()
    page.keyboard.press("ArrowDown")
    save = page.get_by_text("Save this view")
    expect(save).to_be_visible()  # htmx brought it with the narrowed list
    save.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("To talk about")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Kept as “To talk about”.")
    [view] = SavedView.objects.filter(name="To talk about")
    assert view.filters == {"disagreement": "yes"}
    page.goto(f"/p/{site.project.slug}/prompts/")
    page.get_by_role("navigation", name="Saved views").get_by_role("link", name="To talk about").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/p/{site.project.slug}/prompts/?disagreement=yes")
    expect(page.locator("tbody tr")).to_have_count(4)
    page.get_by_text("Change this view").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Delete").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("“To talk about” is deleted.")
    assert not SavedView.objects.filter(pk=view.pk).exists()
