"""GET prompts/: texts in bounded pages, filters by an index, one prompt by whatever id a file gave it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from labeling.api import prompt_rows
from labeling.api.prompt_rows import PromptSerializer
from labeling.data.withdrawing import withdrawals
from labeling.models import Completion, Project, Prompt, User
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, rank_next
from tests.labeling.api.client import as_user, errors_of, post_lines, row
from tests.labeling.plans import READ, explained, fill

pytestmark = pytest.mark.django_db
URL = "/api/v1/projects/helpful/prompts/"
ROWS = 4000


@pytest.fixture
def manager() -> User:
    return make_user("manager")


@pytest.fixture
def project(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful")


@pytest.fixture
def client(project: Project, manager: User) -> APIClient:
    return as_user(manager)


def pages(client: APIClient, address: str = URL, way: str = "next") -> list[list[dict[str, Any]]]:
    found = []
    while address:
        answer = client.get(address).json()
        found.append(answer["results"])
        address = answer[way]
    return found


def ids(page: list[dict[str, Any]]) -> list[str]:
    return [prompt["id"] for prompt in page]


def test_what_was_pushed_is_read_back(client: APIClient) -> None:
    messages = [{"role": "system", "content": ""}, {"role": "user", "content": "数学 ∑ \u2028?"}]
    sent = row("q1", prompt=messages, metadata={"source": {"page": 7}})
    assert post_lines(client, URL, [sent]).json()["created"] == 1
    stored = Prompt.objects.get()
    [[read]] = pages(client)
    assert {name: read[name] for name in ("key", "id", "state", "overlap", "n_rankings", "held_reason")} == {
        "key": str(stored.pk), "id": "q1", "state": "waiting", "overlap": 1, "n_rankings": 0, "held_reason": "",
    }  # fmt: skip
    assert (read["messages"], read["metadata"], read["split"]) == (messages, {"source": {"page": 7}}, stored.split)
    known = [{name: said for name, said in each.items() if name != "key"} for each in read["completions"]]
    assert known == [
        {"id": "a", "text": "One.", "model": "secret-model", "position": 0},
        {"id": "b", "text": "Two.", "model": "", "position": 1},
    ]
    assert [each["key"] for each in read["completions"]] == [str(each.pk) for each in stored.completions.all()]


def test_a_page_holds_what_the_apis_document_declares_to_the_byte(project: Project, client: APIClient) -> None:
    for n in range(3):
        make_prompt(project, external_id=f"ü {n}")
    Prompt.objects.update(created_at=datetime(2026, 3, 2, 9, 30, 1, 500, tzinfo=UTC))
    stored = list(Prompt.objects.prefetch_related("completions"))
    for prompt in stored:
        prompt.state = "waiting"  # type: ignore[attr-defined]
    declared = JSONRenderer().render(PromptSerializer(stored, many=True).data)
    assert client.get(URL).content.split(b'"results":', 1)[1] == declared + b"}"


def test_each_filter_narrows_the_list(project: Project, client: APIClient) -> None:
    made = [make_prompt(project, external_id=f"q{n}", split=("train", "test")[n % 2]) for n in range(6)]
    make_prompt(project, external_id="gone", split="train")
    withdrawals.withdraw(project, ["gone"])
    labeler = join(project)
    claims.cannot_rank(claimed(project, labeler), "Broken")
    rank_next(project, labeler, 2)
    Prompt.objects.filter(external_id="q0").update(ranked=1)  # held, and ranked nevertheless: it has one state
    for query, expected in {
        "": ["q0", "q1", "q2", "q3", "q4", "q5", "gone"],
        "?state=withdrawn": ["gone"],
        "?state=held": ["q0"],
        "?state=ranked": ["q1", "q2"],
        "?state=waiting": ["q3", "q4", "q5"],
        "?split=test": ["q1", "q3", "q5"],
        "?split=test&state=waiting": ["q3", "q5"],
        f"?since={made[3].pk}": ["q4", "q5", "gone"],
        "?id=q4&id=q1&id=q9&id=": ["q1", "q4"],
        "?id=q4&state=ranked": [],
        "?state=&split=&since=": ["q0", "q1", "q2", "q3", "q4", "q5", "gone"],
    }.items():
        [page] = pages(client, URL + query)
        assert ids(page) == expected, query
        assert all(prompt["state"] in query or "state=" not in query or "state=&" in query for prompt in page)
    assert client.get(URL + "?state=held").json()["results"][0]["held_reason"] == "Broken"


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("?state=open", ("unknown_state", "state")),
        ("?split=all", ("unknown_split", "split")),
        ("?since=yesterday", ("invalid", "since")),
        ("?" + "&".join(f"id={n}" for n in range(101)), ("too_many_ids", "id")),
        ("?state=held&state=held", ("parameter_twice", "state")),
        ("?id=a%00", ("unstorable", "id")),
        ("?page_size=1001", ("invalid", "page_size")),
    ],
)
def test_a_wrong_filter_is_refused_by_name(client: APIClient, query: str, error: tuple[str, str]) -> None:
    response = client.get(URL + query)
    assert (response.status_code, errors_of(response)) == (400, [error])


def test_a_list_stays_right_while_prompts_come_and_are_ranked(project: Project, client: APIClient) -> None:
    for n in range(5):
        make_prompt(project, external_id=f"q{n}")
    first = client.get(URL + "?page_size=2&state=waiting").json()
    rank_next(project, join(project), 1)
    make_prompt(project, external_id="q5")
    assert [ids(page) for page in pages(client, first["next"])] == [["q2", "q3"], ["q4", "q5"]]


# --- Long rows --------------------------------------------------------------------------------------------------------


def test_a_page_ends_early_where_texts_are_long_and_none_is_missed(
    project: Project, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "MOST_BYTES", 3000)
    names = [f"q{n}" for n in range(9)]
    for n, name in enumerate(names):
        make_prompt(project, external_id=name, texts=[letter * (5000 if n == 4 else 700) for letter in "ab"])
    forward = pages(client)
    assert [ids(page) for page in forward] == [names[:3], names[3:5], names[5:8], names[8:]]
    last = URL
    while following := client.get(last).json()["next"]:
        last = following
    backward = [names[8:], names[5:8], names[4:5], names[1:4], names[:1]]
    assert [ids(page) for page in pages(client, last, "previous")] == backward
    for size in (1, 2):
        assert [name for page in pages(client, f"{URL}?page_size={size}") for name in ids(page)] == names


def test_the_longest_rows_are_looked_at_until_they_are_enough(project: Project, client: APIClient) -> None:
    """Texts that take a kilobyte in the database and a megabyte each on the way."""
    for _ in range(12):
        make_prompt(project, texts=[letter * 1_000_000 for letter in "abcdefghij"])
    first = client.get(URL)
    assert len(first.json()["results"]) == 1
    assert len(first.content) < 12 * 2**20
    with connection.cursor() as cursor:
        keys = list(Prompt.objects.values_list("pk", flat=True))
        cursor.execute(
            f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {prompt_rows.FITTING}",
            {"keys": keys, "most": prompt_rows.MOST_BYTES},
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on labeling_prompt" not in plan
    assert "actual rows=10" in plan.replace(".00", "")  # one row's completions, of twelve rows


@pytest.mark.parametrize("size", [2, 20])
def test_a_page_takes_as_many_statements_whatever_it_holds(project: Project, client: APIClient, size: int) -> None:
    for n in range(size):
        rank_next(project, join(project), 1) if make_prompt(project, external_id=f"q{n}") else None
    took = {}
    for name, address in {"list": URL, "one": URL + "q1/"}.items():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        took[name] = len(queries)
    assert took == {"list": 6, "one": 7}  # who asks, and the project, take two of each


# --- By an index ------------------------------------------------------------------------------------------------------


def test_every_filter_is_read_by_an_index_wherever_one_looks(project: Project, client: APIClient) -> None:
    fill(project, join(project), ROWS)
    middle = Prompt.objects.order_by("pk")[ROWS // 2].pk
    queries = [f"?since={middle}", *(f"?since={middle}&state={state}" for state in prompt_rows.STATES)]
    queries += ["?id=row 7", "?" + "&".join(f"id=row {n}" for n in range(0, ROWS, 40)), "row%207/"]
    for query in queries:
        with explained("labeling_prompt") as plans:
            assert client.get(URL + query).status_code == 200
        assert plans
        for plan in plans:
            assert "Seq Scan on labeling_prompt" not in plan, f"{query}\n{plan}"
            assert not any(int(n or removed) > 250 for n, removed in READ.findall(plan)), f"{query}\n{plan}"


# --- One prompt -------------------------------------------------------------------------------------------------------


def test_one_prompt_comes_with_its_rankings(project: Project, client: APIClient) -> None:
    make_prompt(project, external_id="q1", k=2)
    ranking = rank(project, join(project, username="ann"), [2, 1])
    read = client.get(URL + "q1/").json()
    beside = ("rankings", "revision", "revisions", "erasure")
    assert (read["revision"], read["revisions"], read["erasure"]) == (1, [], None)
    assert {name: said for name, said in read.items() if name not in beside} == pages(client)[0][0]
    assert read["rankings"] == client.get(URL.replace("prompts", "rankings")).json()["results"]
    assert read["rankings"][0]["id"] == ranking.pk


def test_of_a_thousand_rankings_a_prompt_shows_the_first_hundred(
    project: Project, client: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "MOST_RANKINGS", 2)
    Prompt.objects.filter(pk=make_prompt(project, external_id="q1").pk).update(overlap=3)
    made = [rank(project, join(project)).pk for _ in range(3)]
    read = client.get(URL + "q1/").json()
    assert ([each["id"] for each in read["rankings"]], read["n_rankings"]) == (made[:2], 3)


@pytest.mark.parametrize("name", ["a/b", "a/", "/", "50 %", "?x=1", "#", "ü\n", "a\\", "%2F", "..", "'\"", "x" * 200])
def test_any_id_of_a_file_is_an_address(client: APIClient, name: str) -> None:
    assert post_lines(client, URL, [row(name), row("other")]).json()["created"] == 2
    read = client.get(URL + quote(name, safe="") + "/")
    assert (read.status_code, read.json().get("id")) == (200, name)
    [page] = pages(client, f"{URL}?id={quote(name, safe='')}")
    assert ids(page) == [name]


@pytest.mark.parametrize("name", ["q2", "%00", "x" * 5000])
def test_a_prompt_that_is_not_there_is_a_404_that_says_so(client: APIClient, project: Project, name: str) -> None:
    make_prompt(make_project(slug="elsewhere"), external_id="q2")
    response = client.get(f"{URL}{name}/")
    assert response.status_code == 404
    assert response.json()["errors"][0]["detail"] == "There is no such prompt that you can see."


def test_a_prompt_that_goes_while_it_is_read_is_left_out(project: Project) -> None:
    gone, stays = make_prompt(project), make_prompt(project)
    keys = [{"id": gone.pk}, {"id": stays.pk}]
    Completion.objects.filter(prompt=gone).delete()
    gone.delete()
    assert ids(prompt_rows.written(keys)) == [stays.external_id]
    assert prompt_rows.PromptPages().fitting([row["id"] for row in keys]) == 2
