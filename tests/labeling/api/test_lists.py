"""What was ranked, read back: rankings, pairs, agreement, frozen versions."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from labeling.models import Project, Role, User
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
BASE = "/api/v1/projects/helpful/"


@pytest.fixture
def manager() -> User:
    return make_user("manager")


@pytest.fixture
def project(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful", overlap=2)


@pytest.fixture
def client(manager: User) -> APIClient:
    return as_user(manager)


def results(client: APIClient, path: str) -> list[dict[str, Any]]:
    response = client.get(BASE + path)
    assert response.status_code == 200, response.json()
    rows: list[dict[str, Any]] = response.json()["results"]
    return rows


def test_a_ranking_tells_what_was_said_and_by_whom(project: Project, client: APIClient) -> None:
    prompt = make_prompt(project, k=3, external_id="q1")
    ranking = rank(project, join(project, username="ann"), [2, 1, 2])
    [row] = results(client, "rankings/")
    assert (row["id"], row["prompt"], row["external_id"], row["labeler"]) == (ranking.pk, str(prompt.pk), "q1", "ann")
    assert {said["external_id"]: said["rank"] for said in row["ranked"]} == {"a": 2, "b": 1, "c": 2}
    assert {said["model"] for said in row["ranked"]} == {"secret-model-0", "secret-model-1", "secret-model-2"}


def test_a_labeler_sees_only_their_own_and_a_reviewer_everyones(project: Project) -> None:
    make_prompt(project)
    ann, bob = join(project, username="ann"), join(project, username="bob")
    rank(project, ann)
    rank(project, bob)

    def labelers(user: User, path: str) -> set[str]:
        return {row["labeler"] for row in results(as_user(user), path)}

    for path in ("rankings/", "pairs/"):
        assert labelers(ann, path) == {"ann"}
        assert labelers(ann, path + "?labeler=bob") == set()
        assert labelers(join(project, Role.REVIEWER), path) == {"ann", "bob"}


def test_pairs_tell_where_they_came_from(project: Project, client: APIClient) -> None:
    prompt = make_prompt(project, k=2, split="validation")
    ranking = rank(project, join(project, username="ann"), [2, 1])
    worse, better = prompt.completions.order_by("position")
    [pair] = results(client, "pairs/")
    assert pair["chosen"] == str(better.pk)
    assert pair["rejected"] == str(worse.pk)
    assert (pair["ranking"], pair["labeler"], pair["split"], pair["rank_gap"]) == (ranking.pk, "ann", "validation", 1)
    assert {pair["chosen_position"], pair["rejected_position"]} == {0, 1}


def test_pairs_narrow_by_split_labeler_and_what_is_new(project: Project, client: APIClient) -> None:
    for split in ("train", "test"):
        make_prompt(project, k=2, split=split)
    ann, bob = join(project, username="ann"), join(project, username="bob")
    for labeler in (ann, ann, bob, bob):
        rank(project, labeler)
    rows = results(client, "pairs/")
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert {row["split"] for row in results(client, "pairs/?split=test")} == {"test"}
    assert [row["labeler"] for row in results(client, "pairs/?labeler=bob")] == ["bob", "bob"]
    assert results(client, f"pairs/?since={rows[1]['id']}") == rows[2:]
    assert results(client, f"rankings/?since={rows[-1]['ranking']}") == []


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("pairs/?split=all", ("unknown_split", "split")),
        ("pairs/?since=yesterday", ("invalid", "since")),
        ("pairs/?since=-1", ("invalid", "since")),
        (f"rankings/?since={10**30}", ("invalid", "since")),
    ],
)
def test_a_wrong_filter_is_refused_by_name(
    project: Project, client: APIClient, path: str, error: tuple[str, str]
) -> None:
    response = client.get(BASE + path)
    assert (response.status_code, errors_of(response)) == (400, [error])


def test_agreement_is_null_until_two_have_ranked_the_same(project: Project, client: APIClient) -> None:
    make_prompt(project, k=3)
    rank(project, join(project))
    empty = {"value": None, "low": None, "high": None, "n_pairs": 0, "n_prompts": 0}
    assert client.get(BASE + "agreement/").json() == empty
    rank(project, join(project))
    agreement = client.get(BASE + "agreement/").json()
    assert (agreement["value"], agreement["n_pairs"], agreement["n_prompts"]) == (1.0, 3, 1)
    assert agreement["low"] < 1.0


def test_a_version_is_frozen_listed_and_read(project: Project, client: APIClient) -> None:
    make_prompt(project, k=3, split="train")
    rank(project, join(project))
    frozen = client.post(BASE + "datasets/")
    assert frozen.status_code == 201
    version = frozen.json()
    assert (version["number"], version["n_pairs"], version["created_by"]) == (1, 3, "manager")
    assert version["counts"]["train"]["pairs"] == 3
    assert results(client, "datasets/") == [version]
    assert client.get(BASE + "datasets/1/").json() == version
    again = client.post(BASE + "datasets/")
    assert (again.status_code, again.json()) == (200, version)  # nothing new, so no further one


def test_nothing_ranked_can_not_be_frozen(project: Project, client: APIClient) -> None:
    response = client.post(BASE + "datasets/")
    assert (response.status_code, errors_of(response)) == (400, [("no_pairs", None)])


def test_an_unknown_version_is_a_404_that_says_so(project: Project, client: APIClient) -> None:
    response = client.get(BASE + "datasets/7/")
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "There is no such dataset version that you can see."
