"""Views of lists by API: listed, kept, opened by their address, shared, deleted, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.forms.finding import LISTS, narrowing_fields
from labeling.models import Project, Role, SavedView, User
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
VIEWS = "/api/v1/projects/work/views/"


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("mara"), slug="work", flags=[{"name": "odd", "label": "Odd"}])
    for number, split in enumerate(("train", "train", "test")):
        make_prompt(project, external_id=f"q{number}", split=split)
    return project


@pytest.fixture
def mara(project: Project) -> APIClient:
    return as_user(User.objects.get(username="mara"))


def keep(client: APIClient, name: str = "Mine", of: str = "prompts", **more: Any) -> Any:
    return client.post(VIEWS, {"of": of, "name": name, "filters": {"split": "test"}, **more})


def names(client: APIClient, query: str = "") -> list[str]:
    return [row["name"] for row in client.get(VIEWS + query).json()["results"]]


def test_a_view_is_opened_by_its_address(project: Project, mara: APIClient) -> None:
    view = keep(mara, filters={"split": "train", "order": "newest"}).json()
    assert view["filters"] == {"split": "train", "order": "newest"}
    assert (view["owner"], view["shared"]) == ("mara", False)
    assert [row["id"] for row in mara.get(view["url"]).json()["results"]] == ["q1", "q0"]
    assert mara.get(VIEWS).json()["results"] == [view]


@pytest.mark.parametrize(("state", "query"), [("all", "ended=true"), ("given", "given=true")])
def test_what_the_rankings_page_says_otherwise_is_said_as_the_api_does(
    project: Project, mara: APIClient, state: str, query: str
) -> None:
    ada = join(project, username="ada")
    rank(project, ada)
    view = keep(mara, of="rankings", filters={"state": state, "labeler": "ada"}).json()
    assert view["url"].endswith(f"/api/v1/projects/work/rankings/?labeler=ada&{query}")
    assert len(mara.get(view["url"]).json()["results"]) == 1


def test_every_choice_of_a_list_is_one_there(project: Project, mara: APIClient) -> None:
    for of in SavedView.Of.values:
        for name, field in LISTS[of]({}, project=project).fields.items():
            for value, _label in getattr(field, "choices", ()):
                if value and name in narrowing_fields(of):
                    view = keep(mara, of=of, filters={name: str(value)}).json()
                    assert mara.get(view["url"]).status_code == 200, view


def test_every_filter_of_a_list_is_a_parameter_there(project: Project, mara: APIClient) -> None:
    said = {
        "q": "answer", "state": "all", "split": "test", "tag": "x", "labeler": "ada", "flag": "odd", "model": "m",
        "disagreement": "yes", "from_day": "2026-01-01", "to_day": "2026-02-01", "source": "labeled", "words": "some",
        "least_seconds": "1", "most_seconds": "9", "order": "-last_ranked", "left": "nobody",
        "cohort": "-",
    }  # fmt: skip
    for of in SavedView.Of.values:
        known = {name: value for name, value in said.items() if name in narrowing_fields(of)}
        assert set(known) == set(narrowing_fields(of))
        known |= {"state": "waiting"} if of == "prompts" else {}
        view = keep(mara, of=of, filters=known)
        assert view.status_code == 200, view.json()
        assert mara.get(view.json()["url"]).status_code == 200


def test_the_same_name_again_replaces_ones_own(project: Project, mara: APIClient) -> None:
    rita = as_user(join(project, Role.REVIEWER, "rita"))
    first = keep(mara, shared=True).json()
    again = keep(mara, filters={"split": "train"}).json()
    assert (again["id"], again["filters"], again["shared"]) == (first["id"], {"split": "train"}, False)
    keep(mara, of="rankings")
    keep(rita)
    assert names(mara) == ["Mine", "Mine"]
    assert names(mara, "?of=rankings") == names(rita) == ["Mine"]


def test_a_view_is_shared_renamed_and_deleted(project: Project, mara: APIClient) -> None:
    rita = as_user(join(project, Role.REVIEWER, "rita"))
    address = f"{VIEWS}{keep(mara).json()['id']}/"
    assert names(rita) == []
    assert mara.patch(address, {"shared": True}).json()["shared"] is True
    assert names(rita) == ["Mine"]
    assert rita.patch(address, {"shared": False}).status_code == rita.delete(address).status_code == 404
    assert mara.patch(address, {"name": " To  check ", "shared": False}).json()["name"] == "To check"
    assert names(rita) == []
    keep(mara)
    taken = mara.patch(address, {"name": "Mine"})
    assert (taken.status_code, errors_of(taken)) == (409, [("name_taken", "name")])
    assert mara.delete(address).status_code == 204
    assert mara.delete(address).status_code == 404
    assert names(mara) == ["Mine"]


@pytest.mark.parametrize(
    ("said", "code", "name"),
    [
        ({"of": "people"}, "invalid_choice", "of"),
        ({"name": "\u200b"}, "bad_name", "name"),
        ({"name": "x" * 61}, "max_length", "name"),
        ({"filters": {}}, "empty", "filters"),
        ({"filters": {"split": ""}}, "blank", "filters.split"),
        ({"filters": {"page": "3"}}, "unknown_parameter", "filters"),
        ({"filters": {"source": "labeled"}}, "unknown_parameter", "filters"),
        ({"filters": {"flag": "rude"}}, "unknown_flag", "flag"),
        ({"filters": {"from_day": "yesterday"}}, "invalid", "from_day"),
        ({"filters": {"model": "x" * 4001}}, "max_length", "filters.model"),
        ({"filters": {"split": 1}}, "invalid", "filters.split"),
        ({"shared": "yes"}, "invalid", "shared"),
        ({"sharing": True}, "unknown_field", "sharing"),
    ],
)
def test_what_can_t_be_kept_is_refused_and_named(
    project: Project, mara: APIClient, said: dict[str, Any], code: str, name: str
) -> None:
    response = keep(mara, **said)
    assert (response.status_code, errors_of(response)) == (400, [(code, name)])
    assert not SavedView.objects.exists()


def test_an_unknown_list_is_refused_and_a_labeler_keeps_none(project: Project, mara: APIClient) -> None:
    response = mara.get(f"{VIEWS}?of=people")
    assert (response.status_code, errors_of(response)) == (400, [("unknown_list", "of")])
    ada = as_user(join(project))
    assert ada.get(VIEWS).status_code == keep(ada).status_code == 403
