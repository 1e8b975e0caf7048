"""Every page, tried by its owner (the manager), colleagues (a reviewer and a labeler), a stranger and nobody."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from labeling.data.versions import datasets
from labeling.models import Project, Role, User
from tests import factories

MANAGER_ONLY = [
    *("prompts/withdraw/", "people/", "settings/", "export/", "export/download/?format=jsonl&layout=standard"),
    *("versions/", "delete/", "imports/", "prompts/bulk/", "cohorts/", "cohorts/new/"),
]
FOLDER = "export/versions/1/folder/"
REVIEWER_UP = ["prompts/", "rankings/", "review/"]
EVERY_MEMBER = ["rank/", "practice/", "practice/compare/", "history/", "guidelines/"]
MANAGER_POSTS = [
    "prompts/withdraw/",
    "prompts/bulk/",
    "cohorts/new/",
    "people/",
    "people/ask/",
    "people/set/",
    "people/remove/",
    "settings/",
    "delete/",
    "export/freeze/",
    "imports/",
]
PAGES = [*MANAGER_ONLY, *REVIEWER_UP, *EVERY_MEMBER, ""]


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="door")
    factories.make_prompt(project)
    return project


def as_user(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def people(project: Project) -> dict[str, User]:
    return {
        "manager": project.memberships.get().user,
        "reviewer": factories.join(project, Role.REVIEWER),
        "labeler": factories.join(project, Role.LABELER),
        "stranger": factories.make_user("stranger"),
        "administrator": factories.make_user("root", superuser=True),
    }


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (MANAGER_ONLY, {"manager": 200, "administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 404}),
        (REVIEWER_UP, {"manager": 200, "administrator": 200, "reviewer": 200, "labeler": 403, "stranger": 404}),
        (EVERY_MEMBER, {"manager": 200, "administrator": 200, "reviewer": 200, "labeler": 200, "stranger": 404}),
        ([""], {"manager": 200, "administrator": 200, "reviewer": 200, "labeler": 302, "stranger": 404}),
    ],
    ids=["manager only", "reviewer and up", "every member", "overview"],
)
def test_each_page_opens_for_those_whom_it_is_for(project: Project, paths: list[str], expected: dict[str, int]) -> None:
    everyone = people(project)
    seen = {
        path: {who: as_user(everyone[who]).get(f"/p/door/{path}").status_code for who in expected} for path in paths
    }
    assert seen == dict.fromkeys(paths, expected)


@pytest.mark.parametrize("path", MANAGER_POSTS)
def test_only_a_manager_changes_a_project(project: Project, path: str) -> None:
    everyone = people(project)
    statuses = {
        who: as_user(everyone[who]).post(f"/p/door/{path}").status_code for who in ("reviewer", "labeler", "stranger")
    }
    assert statuses == {"reviewer": 403, "labeler": 403, "stranger": 404}
    assert as_user(everyone["manager"]).post(f"/p/door/{path}").status_code in (200, 302, 422)


@pytest.mark.parametrize("path", [f"/p/door/{page}" for page in PAGES] + ["/", "/projects/new/", "/projects/deleted/"])
def test_nobody_is_sent_to_the_login_page(project: Project, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


def test_a_project_that_does_not_exist_and_one_of_others_look_the_same(project: Project) -> None:
    stranger = as_user(factories.make_user())
    answers = [stranger.get(f"/p/{slug}/rank/") for slug in ("door", "nowhere")]
    assert [answer.status_code for answer in answers] == [404, 404]
    door, nowhere = (
        re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode()) for answer in answers
    )
    assert door.replace("door", "") == nowhere.replace("nowhere", "")


def test_a_labeler_may_not_make_a_project(project: Project) -> None:
    everyone = people(project)
    statuses = {who: as_user(user).get("/projects/new/").status_code for who, user in everyone.items()}
    assert statuses == {"manager": 200, "administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 403}


def test_home_lists_only_own_projects(project: Project) -> None:
    everyone = people(project)
    factories.make_project(slug="elsewhere")
    assert b"Door" in as_user(everyone["labeler"]).get("/").content
    assert b"Elsewhere" not in as_user(everyone["manager"]).get("/").content
    assert b"You are not in a project yet" in as_user(everyone["stranger"]).get("/").content
    assert b"Elsewhere" in as_user(everyone["administrator"]).get("/").content


def test_a_versions_folder_is_the_managers(project: Project) -> None:
    everyone = people(project)
    factories.rank(project, everyone["labeler"])
    datasets.freeze(project)
    statuses = {who: as_user(user).get(f"/p/door/{FOLDER}?split=all").status_code for who, user in everyone.items()}
    assert statuses == {"manager": 200, "administrator": 200, "reviewer": 403, "labeler": 403, "stranger": 404}
    assert Client().get(f"/p/door/{FOLDER}")["Location"].startswith("/accounts/login/?next=")


def test_pages_run_under_a_policy_without_inline_scripts_and_styles(project: Project) -> None:
    manager = as_user(project.memberships.get().user)
    for path in PAGES:
        if "download" in path:
            continue
        response = manager.get(f"/p/door/{path}")
        assert "unsafe-inline" not in response["Content-Security-Policy"]
        html = response.content.decode()
        assert "<style" not in html
        assert " style=" not in html
        assert "<script>" not in html
