"""A leaver: deactivated and logged out at once, her work withdrawn, her data exported, and then erased for good."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from knox.models import AuthToken
from playwright.sync_api import Page, expect
from rest_framework.test import APIClient

from labeling.data.leaving import erasure_worker, erasures
from labeling.data.versions.datasets import freeze, read_groups
from labeling.models import PreferencePair, Project, Ranking, User
from tests import factories
from tests.browser.site.sites import People, Site
from tests.browser.test_pages import axe

pytestmark = pytest.mark.browser

NAME, WORDS = "greta", "Greta says why"


@pytest.fixture
def left(site: Site) -> Project:
    """A project of which Greta and Bob ranked both prompts, frozen once."""
    project = factories.make_project(manager=site.manager, slug="left", overlap=2)
    for _ in range(2):
        factories.make_prompt(project, k=3, split="train")
    for name in (NAME, "bob"):
        for ranking in factories.rank_next(project, factories.join(project, username=name), 2):
            Ranking.objects.filter(pk=ranking.pk).update(comment=f"{name.title()} says why")
    freeze(project, by=site.manager)
    return project


def test_a_leaver_is_deactivated_withdrawn_exported_and_erased(
    people: People, site: Site, left: Project, tmp_path: Path
) -> None:
    greta = User.objects.get(username=NAME)
    hers = people.page(greta)
    hers.goto("/p/left/history/")
    expect(hers.get_by_text(WORDS).first).to_be_visible()
    _, token = AuthToken.objects.create(greta)
    api = APIClient(headers={"Authorization": f"Bearer {token}"})
    assert api.get("/api/v1/projects/").status_code == 200

    root = people.page(site.administrator)
    _deactivate(root, greta)
    hers.goto("/p/left/history/")
    expect(hers).to_have_url(re.compile("/accounts/login/"))
    assert api.get("/api/v1/projects/").status_code == 401

    manager = people.page(site.manager)
    manager.goto("/p/left/people/")
    manager.get_by_role("link", name=NAME, exact=True).click()
    _withdraw(manager)
    _export(root, tmp_path / "hers.zip")
    _erase(root)
    erasure_worker.work_all()
    pseudonym = erasures.pseudonym(greta)
    root.reload()
    expect(root.get_by_text("Its person was erased for good.")).to_be_visible()
    expect(root.get_by_text("In 1 frozen version a pseudonym took the name's place")).to_be_visible()
    expect(root.get_by_role("heading", level=1)).to_contain_text(pseudonym)
    axe(root)
    for address in (f"people/{greta.pk}/", "people/", "versions/1/", "rankings/?state=all"):
        manager.goto(f"/p/left/{address}")
        expect(manager.locator("h1")).to_be_visible()
        expect(manager.get_by_text(re.compile(NAME, re.IGNORECASE))).to_have_count(0)
    manager.goto("/p/left/versions/1/")
    expect(manager.get_by_text("1 person who ranked in it was erased since")).to_be_visible()
    expect(manager.get_by_role("link", name=pseudonym)).to_be_visible()
    axe(manager)
    [version] = left.dataset_versions.all()
    assert {said["labeler"] for row in read_groups(version) for said in row["rankings"]} == {pseudonym, "bob"}


def _withdraw(manager: Page) -> None:
    """By the manager: what ends is counted before, and pairs go."""
    manager.get_by_role("link", name="Withdraw their work, or put it back").click()
    expect(manager.get_by_text("Ends 2 rankings with their pairs")).to_be_visible()
    expect(manager.get_by_text("Opens 2 prompts again")).to_be_visible()
    axe(manager)
    assert PreferencePair.objects.filter(labeler__username=NAME).exists()
    manager.get_by_role("button", name="Withdraw 2 rankings").click()
    expect(manager.get_by_text("2 rankings are withdrawn")).to_be_visible()
    assert not PreferencePair.objects.filter(labeler__username=NAME).exists()
    manager.get_by_role("link", name="Version 1").click()
    expect(manager.get_by_text("Work of 1 person in it was withdrawn since.")).to_be_visible()


def _deactivate(root: Page, greta: User) -> None:
    """By an administrator, from the person's page."""
    root.goto(f"/p/left/people/{greta.pk}/")
    root.get_by_role("link", name=f"Account {NAME}").click()
    root.get_by_role("button", name="Deactivate this account").click()
    expect(root.get_by_text(f"{NAME} is deactivated and logged out. 1 API token ended.")).to_be_visible()
    axe(root)


def _export(root: Page, to: Path) -> None:
    with root.expect_download() as started:
        root.get_by_role("link", name="Download their data").click()
    started.value.save_as(to)
    with zipfile.ZipFile(to) as archive:
        said = [json.loads(line) for line in archive.read("rankings.jsonl").splitlines()]
        account = json.loads(archive.read("account.jsonl"))
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert [each["comment"] for each in said] == [WORDS, WORDS]
    assert account["username"] == NAME
    assert b"Bob says why" not in everything


def _erase(root: Page) -> None:
    """What goes is counted before, and the name is typed."""
    root.get_by_role("link", name="See what would go").click()
    expect(root.get_by_text("2 comments and notes")).to_be_visible()
    expect(root.get_by_text("what is out of reach here: backups")).to_be_visible()
    axe(root)
    root.get_by_role("textbox").fill(NAME)
    root.get_by_role("button", name="Erase this person").click()
    expect(root.get_by_text("This person is being erased, and is logged out.")).to_be_visible()
