"""What was ranked, read back: rankings, pairs, agreement, frozen versions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from labeling.answers import rankings
from labeling.api.pairs import KnownPairSerializer, PairSerializer
from labeling.api.rankings import KnownRankingSerializer, RankingSerializer
from labeling.models import PreferencePair, Project, RankedCompletion, Ranking, Role, User
from labeling.quality import agreement
from labeling.queue import shown_ids
from tests.factories import join, make_project, make_prompt, make_user, rank, tiers_of
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
BASE = "/api/v1/projects/helpful/"
MOMENT = datetime(2026, 3, 2, 9, 30, 1, 500, tzinfo=UTC)


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


@pytest.mark.parametrize(
    ("path", "serializer", "blind", "model"),
    [
        ("rankings/", KnownRankingSerializer, RankingSerializer, Ranking),
        ("pairs/", KnownPairSerializer, PairSerializer, PreferencePair),
    ],
)
def test_a_list_holds_what_the_apis_document_declares_to_the_byte(
    project: Project, client: APIClient, path: str, serializer: Any, blind: Any, model: Any
) -> None:
    """Rows are written by hand, for they are read by the thousand."""
    make_prompt(project, k=3, external_id="\u00fc 1", split="test")
    make_prompt(project, k=3, texts=["", "\u2028", "three"], external_id="q2")
    ann = join(project, username="ann")
    first, second = rank(project, ann, [2, 1, 2]), rank(project, ann, [1, 3, 2])
    RankedCompletion.objects.filter(ranking=first, rank=1).update(note="It \u2014 lies.", flags={"wrong": True})
    Ranking.objects.filter(pk=first.pk).update(active_seconds=1.5, comment="\U0001f642", created_at=MOMENT)
    PreferencePair.objects.filter(ranking=second).update(created_at=MOMENT)
    declared = serializer(model.objects.order_by("pk"), many=True).data
    assert client.get(BASE + path).content.split(b'"results":', 1)[1] == JSONRenderer().render(declared) + b"}"
    rows, their = results(client, path), results(as_user(ann), path)
    for row, own in zip(rows, their, strict=True):
        assert list(own) == list(blind().fields)
        apart = {"ranked", "chosen", "rejected"}
        assert {name: said for name, said in own.items() if name not in apart} == {
            name: row[name] for name in own if name not in apart
        }


def test_a_labelers_list_names_completions_by_the_ids_of_their_task(project: Project) -> None:
    make_prompt(project, k=3)
    ann = join(project, username="ann")
    ranking = rank(project, ann, [2, 1, 3])
    ids = {key: name for name, key in shown_ids.all_of(ranking.assignment).items()}
    [row] = results(as_user(ann), "rankings/")
    places = ranking.ranked.order_by("rank")
    assert [(said["id"], said["rank"]) for said in row["ranked"]] == [(ids[p.completion_id], p.rank) for p in places]
    pairs = {(pair["chosen"], pair["rejected"]) for pair in results(as_user(ann), "pairs/")}
    assert pairs == {(ids[pair.chosen_id], ids[pair.rejected_id]) for pair in ranking.pairs.all()}


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


def test_rankings_and_pairs_narrow_by_prompt_split_and_source(project: Project, client: APIClient) -> None:
    for name, split in (("q1", "train"), ("q2", "test")):
        make_prompt(project, k=2, external_id=name, split=split)
    ann = join(project, username="ann")
    rank(project, ann)
    Ranking.objects.filter(pk=rank(project, ann).pk).update(source="imported")
    for path in ("rankings/", "pairs/"):
        for query, expected in {
            "prompt=q1": ["q1"], "prompt=nowhere": [], "split=test": ["q2"], "source=imported": ["q2"],
            "source=labeled&split=train": ["q1"], "source=labeled&split=test": [],
            "prompt=&split=&source=": ["q1", "q2"],
        }.items():  # fmt: skip
            assert [row["external_id"] for row in results(client, f"{path}?{query}")] == expected, query
        assert len(results(as_user(ann), f"{path}?split=test")) == 1


@pytest.mark.parametrize("path", ["rankings/?prompt=q1", "pairs/?prompt=q1", "rankings/?ended=1"])
def test_a_labeler_may_not_ask_which_task_is_which_row(project: Project, path: str) -> None:
    """Whoever may ask for a row's id by trying learns which task is it."""
    make_prompt(project, k=2, external_id="q1")
    ann = join(project)
    rank(project, ann)
    assert as_user(ann).get(BASE + path).status_code == 403
    assert len(results(as_user(join(project, Role.REVIEWER)), path)) == 1


def test_a_pair_names_rows_and_models_as_the_file_does(project: Project, client: APIClient) -> None:
    make_prompt(project, k=2, external_id="q1")
    rank(project, join(project), [2, 1])
    [pair] = results(client, "pairs/")
    told = ("external_id", "chosen_external_id", "rejected_external_id", "chosen_model", "rejected_model", "source")
    assert [pair[name] for name in told] == ["q1", "b", "a", "secret-model-1", "secret-model-0", "labeled"]


def test_what_was_replaced_or_withdrawn_is_there_for_whoever_asks(project: Project, client: APIClient) -> None:
    make_prompt(project, k=2, external_id="q1", split="validation")
    make_prompt(project, k=2, external_id="q2")
    ann = join(project, username="ann")
    first, second = rank(project, ann, [1, 2]), rank(project, ann)
    amended = rankings.amend(first.assignment, {"tiers": tiers_of(first.assignment, [2, 1])}).ranking
    rankings.withdraw(second.assignment)
    assert [row["id"] for row in results(client, "rankings/")] == [amended.pk]
    rows = results(client, "rankings/?ended=1")
    assert [(row["id"], row["revision"], row["live"], row["ended_at"] is None) for row in rows] == [
        (first.pk, 1, False, False), (second.pk, 1, False, False), (amended.pk, 2, True, True)
    ]  # fmt: skip
    assert (rows[0]["split"], rows[0]["assignment"]) == ("validation", rows[2]["assignment"])


@pytest.mark.parametrize("path", ["rankings/", "pairs/"])
def test_who_pages_through_misses_nothing_while_people_rank(project: Project, client: APIClient, path: str) -> None:
    for _ in range(6):
        make_prompt(project, k=2)
    ann = join(project)
    first, *others = [rank(project, ann) for _ in range(4)]
    page = client.get(f"{BASE}{path}?page_size=2").json()
    rankings.amend(first.assignment, {"tiers": tiers_of(first.assignment, [2, 1])})  # comes again, at the end
    rankings.withdraw(others[1].assignment)
    newest = rank(project, ann)
    seen = [row["external_id"] for row in page["results"]]
    while page["next"]:
        page = client.get(page["next"]).json()
        seen += [row["external_id"] for row in page["results"]]
    named = [ranking.prompt.external_id for ranking in (first, others[0], others[2], first, newest)]
    assert seen == named


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("pairs/?split=all", ("unknown_split", "split")),
        ("rankings/?split=all", ("unknown_split", "split")),
        ("pairs/?source=people", ("unknown_source", "source")),
        ("rankings/?ended=perhaps", ("invalid", "ended")),
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
    empty = {
        "value": None, "low": None, "high": None, "n_pairs": 0, "n_prompts": 0, "of_latest": False, "since": None
    }  # fmt: skip
    assert client.get(BASE + "agreement/").json() == empty
    rank(project, join(project))
    found = client.get(BASE + "agreement/").json()
    assert (found["value"], found["n_pairs"], found["n_prompts"]) == (1.0, 3, 1)
    assert found["low"] < 1.0


def test_agreement_of_what_was_ranked_last_says_so_and_since_when(
    project: Project, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(agreement.project_agreement.__kwdefaults__, "latest", 4)
    for _ in range(3):
        make_prompt(project, k=2)
    people = [join(project), join(project)]
    for _ in range(3):
        for person in people:
            last = rank(project, person)
    PreferencePair.objects.exclude(ranking=last).update(created_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
    found = client.get(BASE + "agreement/").json()
    assert (found["n_prompts"], found["of_latest"], found["since"]) == (2, True, "2026-03-02T09:00:00Z")


def test_a_version_is_frozen_listed_and_read(project: Project, client: APIClient) -> None:
    make_prompt(project, k=3, split="train")
    rank(project, join(project))
    frozen = client.post(BASE + "datasets/")
    assert frozen.status_code == 201
    version = frozen.json()
    assert (version["number"], version["n_pairs"], version["created_by"]) == (1, 3, "manager")
    assert version["counts"]["train"]["pairs"] == 3
    assert results(client, "datasets/") == [version]
    leavers = {"erased_labelers": 0, "names_replaced_at": None, "withdrawn_labelers": 0}
    assert client.get(BASE + "datasets/1/").json() == version | leavers
    again = client.post(BASE + "datasets/")
    assert (again.status_code, again.json()) == (200, version)  # nothing new, so no further one


def test_nothing_ranked_can_not_be_frozen(project: Project, client: APIClient) -> None:
    response = client.post(BASE + "datasets/")
    assert (response.status_code, errors_of(response)) == (400, [("no_pairs", None)])


def test_an_unknown_version_is_a_404_that_says_so(project: Project, client: APIClient) -> None:
    response = client.get(BASE + "datasets/7/")
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "There is no such dataset version that you can see."
