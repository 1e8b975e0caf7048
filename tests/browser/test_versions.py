"""Frozen versions in Chromium: from a reward to the labels behind it and back, two compared, a model taken home."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from rewardtrain.models import TrainingRun
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser


def first_version_trained_the_champion(site: Site) -> None:
    """The site's models were made of versions without files."""
    TrainingRun.objects.filter(project=site.project, reward_model__version=1).update(
        dataset_version=site.project.dataset_versions.get(number=1)
    )


def press(page: Page, name: str, heading: str) -> None:
    """Follows a link as someone does who has no mouse, to the page of that heading."""
    page.get_by_role("link", name=name).first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name=heading)).to_be_visible()


def test_from_a_reward_to_its_labels_in_three_clicks_and_forward_again(people: People, site: Site) -> None:
    first_version_trained_the_champion(site)
    page = people.page(site.manager)
    page.goto(f"/p/{site.project.slug}/models/1/")
    press(page, "Data version 1", "Version 1")
    press(page, "Its prompts and rankings", "Prompts of version 1")
    words = page.locator("tbody a").first.inner_text()
    press(page, words, "Prompt")
    of_labeler = page.locator("tbody tr").filter(has_text=site.labeler.username)
    expect(of_labeler.locator("td")).to_have_text(["1", "2", "3", "4"])

    press(page, "The prompt today", "Prompt")
    press(page, "Version 1", "Version 1")
    press(page, "model 1", "Model 1")


def test_what_was_ranked_in_between_is_the_difference_of_two_versions(people: People, site: Site) -> None:
    page = people.page(site.manager)
    factories.rank(site.project, site.labeler, (1, 2, 3, 4))
    page.goto(f"/p/{site.project.slug}/versions/")
    page.get_by_role("button", name="Freeze a version now").click()
    page.goto(f"/p/{site.project.slug}/versions/")
    press(page, "Version 5", "Version 5")
    found = page.locator("#difference-found")
    expect(found).to_contain_text("Since version 4: prompts added 1, removed 0, changed 0")
    expect(found).to_contain_text("Pairs added 6, removed 0")
    page.get_by_label("Compared with").select_option("1")
    expect(found).to_contain_text("Since version 1: prompts added 4")
    assert axe(page) == []
    press(page, "sample-005", "Prompt sample-005")
    expect(page.get_by_text("As it was frozen in version 5.")).to_be_visible()


def test_a_model_is_downloaded_as_its_folder(people: People, site: Site, tmp_path: Path) -> None:
    page = people.page(site.manager)
    page.goto(f"/p/{site.project.slug}/models/1/")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("Download [0-9]")).press("Enter")
    taken = tmp_path / started.value.suggested_filename
    started.value.save_as(taken)
    with zipfile.ZipFile(taken) as folder:
        assert folder.testzip() is None
        names = {Path(name).name for name in folder.namelist()}
    assert {"README.md", "SHA256SUMS", "config.json", "manifest.json"} <= names
