"""The sections of a project's settings: each field in one, refusals listed on top, and ways to what is elsewhere."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from labeling.forms.projects import ProjectForm, SettingsForm
from labeling.projects import navigation
from tests import factories

SENT = {"name": "Second", "overlap": "3", "lease_minutes": "5"}


@pytest.fixture
def client(db: None) -> Client:
    manager = factories.make_user("mara")
    factories.make_project(manager=manager, slug="work")
    client = Client()
    client.force_login(manager)
    return client


@pytest.mark.parametrize("form", [SettingsForm, ProjectForm])
def test_each_setting_stands_in_one_section_and_each_section_has_an_address(form: type[SettingsForm]) -> None:
    sections = form().sections
    shown = [field.name for section in sections for row in section.rows for field in row]
    assert sorted(shown) == sorted(form.base_fields)
    assert shown[0] == "name"
    assert len({section.name for section in sections}) == len(sections) == 6
    first = [field.name for row in sections[0].rows for field in row]
    assert {"name", "guidelines", "search_language"} <= set(first) <= {*first, "slug", "kind"}


def test_what_is_refused_is_listed_on_top_with_links_to_its_fields(client: Client) -> None:
    page = client.post("/p/work/settings/", {**SENT, "overlap": "0", "gold_percent": "51"}).content.decode()
    [told] = re.findall(r'<div class="notice[^>]*data-level="error".*?</div>', page, re.DOTALL)
    assert re.findall(r'href="#(\w+)"', told) == ["id_overlap", "id_gold_percent"]
    assert all(f'id="{each}"' in page for each in ("id_overlap", "id_gold_percent"))
    assert page.count("1 to correct") == 2
    made = client.post("/projects/new/", {**SENT, "slug": "second", "kind": "of-its-own"}).content.decode()
    assert 'href="#id_kind_0"' in made
    assert 'id="id_kind_0"' in made


def test_the_page_has_each_section_that_its_list_leads_to(client: Client) -> None:
    for path in ("/p/work/settings/", "/projects/new/"):
        page = client.get(path).content.decode()
        [nav] = re.findall(r'<nav class="section-list".*?</nav>', page, re.DOTALL)
        places = re.findall(r'href="#([\w-]+)"', nav)
        assert len(places) == len(set(places)) >= 6
        assert all(page.count(f' id="{place}"') == 1 for place in places)


def test_it_leads_to_the_settings_that_are_elsewhere(client: Client) -> None:
    page = client.get("/p/work/settings/").content.decode()
    assert [setting.name for setting in navigation.settings_elsewhere()] == ["cohorts", "model"]
    for setting in navigation.settings_elsewhere():
        assert f'href="{reverse(setting.address, args=["work"])}{setting.place}"' in page
    assert ' id="policy"' in client.get("/p/work/runs/").content.decode()
