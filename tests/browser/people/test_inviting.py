"""A manager invites three people at once and takes one invitation back; the others join and are found by their work."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from labeling.models import Membership
from tests.browser.site.sites import People, Site

pytestmark = pytest.mark.browser


def test_three_are_invited_at_once_and_one_invitation_is_withdrawn(people: People, site: Site) -> None:
    manager = people.page(site.manager)
    manager.goto(f"/p/{site.project.slug}/people/")
    manager.get_by_label("One person a line").fill("Ada L <ada@example.org>\nBo\nCy\nno@")
    manager.get_by_role("button", name="Make invitation links").click()
    expect(manager.get_by_role("heading", name="3 invitation links")).to_be_visible()
    expect(manager.get_by_role("alert")).to_contain_text("1 line was not invited")
    expect(manager.get_by_label("One person a line")).to_have_value("no@")
    links = {
        name: manager.get_by_label(f"Invitation link for {name}").input_value()
        for name in ("Ada L <ada@example.org>", "Bo", "Cy")
    }
    row = manager.locator(".plain-list > li", has_text="Cy").last
    row.get_by_role("button", name=re.compile("Withdraw invitation")).click()
    expect(manager.locator(".notices")).to_contain_text("The invitation is withdrawn")

    ada = people.page()
    ada.goto(links["Ada L <ada@example.org>"])
    expect(ada.get_by_label("Your name")).to_have_value("Ada L")
    ada.get_by_label("Username").fill("ada")
    ada.get_by_label("Password").fill("nine blue lanterns")
    ada.get_by_role("button", name="Make the account and join").click()
    expect(ada).to_have_url(f"{site.url}/p/{site.project.slug}/rank/")
    cy = people.page(None, locale="en-GB")
    cy.goto(links["Cy"])
    expect(cy.get_by_role("heading", name="This invitation can't be used")).to_be_visible()

    manager.goto(f"/p/{site.project.slug}/people/?name=ada")
    manager.get_by_role("link", name="ada", exact=True).click()
    expect(manager.get_by_role("heading", level=1)).to_contain_text("ada Ada L")
    expect(manager.get_by_role("link", name="ada@example.org")).to_be_visible()
    assert Membership.objects.filter(project=site.project, user__username="ada").exists()


def test_a_number_leads_to_the_rankings_that_it_counts(people: People, site: Site) -> None:
    manager = people.page(site.manager)
    manager.goto(f"/p/{site.project.slug}/people/?sort=-rankings")
    row = manager.locator("tbody tr", has_text="lena")
    n = int(row.locator("td.number a").first.inner_text())
    row.locator("td.number a").first.click()
    expect(manager.locator("article.said")).to_have_count(n)
