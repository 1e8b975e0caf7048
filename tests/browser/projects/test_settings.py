"""The settings of a project: a list leads to each section, what is wrong is told on top, and saving is near."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from labeling.forms.projects import SettingsForm
from tests.browser.site.looking import axe, overflow, walk
from tests.browser.site.sites import People, Site

SECTIONS = [str(section.title) for section in SettingsForm().sections]
WIDTHS = (360, 768, 1024, 1440, 1920)


def opened(people: People, site: Site, width: int, **options: object) -> Page:
    page = people.page(site.manager, viewport={"width": width, "height": 800}, reduced_motion="reduce", **options)
    page.goto("/p/helpful/settings/")
    return page


@pytest.mark.parametrize("width", [360, 1440])
def test_the_list_leads_to_each_section_by_the_keyboard_and_marks_it(people: People, site: Site, width: int) -> None:
    page = opened(people, site, width)
    sections = page.get_by_role("navigation", name="On this page")
    expect(sections.locator("[aria-current]")).to_have_text("The project")
    for title in [*SECTIONS, "Cohorts", "The reward model", "Delete"]:
        sections.get_by_role("link", name=title).press("Enter")
        expect(sections.locator("[aria-current=location]")).to_have_text(title)
        if title != "Delete":
            expect(page.get_by_role("heading", name=title, exact=True)).to_be_in_viewport()
    expect(page.get_by_role("link", name="Delete this project")).to_be_in_viewport()


def test_the_list_stays_in_sight_where_there_is_room_and_saving_everywhere(people: People, site: Site) -> None:
    for width in WIDTHS:
        page = opened(people, site, width)
        for part in ("Guidelines", "Flags", "Checks before anything happens"):
            page.get_by_label(part, exact=True).scroll_into_view_if_needed()
            expect(page.get_by_role("button", name="Save settings")).to_be_in_viewport(ratio=1)
        shown = expect(page.get_by_role("link", name="What people are asked"))
        if width < 1024:
            shown.not_to_be_in_viewport()
            page.get_by_role("link", name="Sections").click()
        shown.to_be_in_viewport()


def test_what_is_wrong_is_told_on_top_and_leads_to_its_field(people: People, site: Site) -> None:
    for width in (360, 1440):
        page = opened(people, site, width)
        page.goto("/p/helpful/settings/#checks")
        page.get_by_label("Percent of tasks with gold").fill("99")
        page.get_by_label("People per prompt", exact=True).fill("0")
        page.locator("form.form--page").evaluate("form => { form.noValidate = true }")
        page.get_by_role("button", name="Save settings").click()
        told = page.get_by_role("alert")
        expect(told).to_be_focused()
        expect(told).to_be_in_viewport()
        expect(told.get_by_role("listitem")).to_have_count(2)
        expect(page.get_by_role("link", name="Gold and repeats 1 to correct")).to_be_attached()
        assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
        told.get_by_role("link", name="Percent of tasks with gold").press("Enter")
        expect(page.get_by_label("Percent of tasks with gold")).to_be_focused()
        expect(page.get_by_text("Percent of tasks with gold").last).to_be_in_viewport()
    site.project.refresh_from_db()
    assert (site.project.overlap, site.project.gold_percent) == (2, 5)


def test_it_is_read_and_saved_without_javascript(people: People, site: Site) -> None:
    page = people.page(site.manager, java_script_enabled=False)
    page.goto("/p/helpful/settings/")
    page.get_by_role("link", name="Review", exact=True).click()
    expect(page.get_by_role("heading", name="Review")).to_be_in_viewport()
    page.get_by_label("Percent of new rankings to review").fill("7")
    page.get_by_role("button", name="Save settings").click()
    expect(page.locator(".notices")).to_contain_text("Settings saved.")
    site.project.refresh_from_db()
    assert site.project.review_percent == 7


@pytest.mark.parametrize("path", ["/p/helpful/settings/", "/projects/new/"])
def test_it_fits_in_german_at_every_width_and_in_forced_colours(people: People, site: Site, path: str) -> None:
    page = people.page(site.manager, extra_http_headers={"Accept-Language": "de"}, reduced_motion="reduce")
    page.goto(path)
    expect(page.get_by_role("navigation", name="Auf dieser Seite")).to_be_visible()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong], width
    page.emulate_media(forced_colors="active")
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert not [wrong for wrong in (axe(page), walk(page), overflow(page)) if wrong]
