"""No labeler can tell gold or a repeat from any other task: by what they get, what they are told, or what it costs."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from labeling.answers import even_times
from labeling.data.leaving import person_export
from labeling.models import Assignment, GoldAnswer, Project, Prompt, Purpose, User
from labeling.projects.own_work import own_work
from labeling.quality.checks import golds
from labeling.queue import claims
from tests.factories import ids_of, join, make_project, make_prompt, rank, tiers_of
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db
PURPOSES = (Purpose.LABEL, Purpose.GOLD, Purpose.REPEAT)


@pytest.fixture
def project() -> Project:
    project = make_project(slug="work")
    Project.objects.filter(pk=project.pk).update(gold_percent=0, repeat_percent=0, repeat_after=0, repeat_minutes=0)
    return project


def make_gold(project: Project) -> None:
    prompt = make_prompt(project)
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known({key: place for place, key in enumerate(keys, start=1)})
    golds.make(project, prompt, known, source=GoldAnswer.Source.TYPED, by=None)


def drawn(project: Project, labeler: User, purpose: str) -> None:
    """Sets what the next claim draws until it is that: a task is claimed and left open for whoever asks next."""
    percents = {"gold_percent": 0, "repeat_percent": 0}
    if purpose != Purpose.LABEL:
        percents[f"{purpose}_percent"] = 50
    Project.objects.filter(pk=project.pk).update(**percents)
    for _ in range(200):
        task = claims.claim(project, labeler)
        assert task is not None
        if Assignment.objects.get(pk=task.pk).purpose == purpose:
            return
        claims.release(task)
    raise AssertionError(f"no {purpose} was drawn")


@pytest.fixture
def labelers(project: Project) -> dict[str, User]:
    """Each in the same place: one answer given, gold and prompts there, and one task of each purpose open."""
    for _ in range(6):
        make_prompt(project)
        make_gold(project)
    people = {}
    for purpose in PURPOSES:
        labeler = people[purpose] = join(project, username=f"of-{purpose}")
        rank(project, labeler)
        drawn(project, labeler, purpose)
        Project.objects.filter(pk=project.pk).update(gold_percent=0, repeat_percent=0)
    Assignment.objects.filter(state="released").delete()  # what was drawn instead
    return people


def shape(said: Any) -> Any:
    """What kind of thing it says where, without what differs from task to task: texts, keys, moments."""
    if isinstance(said, dict):
        return {
            re.sub(r"^[0-9a-f]{8,}$|^[A-Za-z0-9_-]{10,}$", "id", str(name)): shape(value)
            for name, value in said.items()
        }
    if isinstance(said, list):
        return [shape(value) for value in said]
    if isinstance(said, str):
        return re.sub(r"[0-9a-zA-Z_-]+", "x", said)
    return type(said).__name__ if isinstance(said, float) else (said if isinstance(said, bool) else type(said).__name__)


def of_page(page: Any) -> str:
    """A page without what differs from task to task."""
    words = page.content.decode().replace(" checked", "")  # of ranks, which stand where the order shown has them
    words = re.sub(r'(value|name|id|for|href|action|content|nonce|data-[a-z-]+|aria-[a-z]+)="[^"]*"', r"\1", words)
    words = re.sub(r"(Question|Answer [a-j] to) prompt-\d+\??", "text", words)
    return re.sub(r"\d+|of-[a-z]+|[A-D]\b", "n", words)


def each(labelers: dict[str, User], act: Callable[[User, Assignment], Any]) -> list[Any]:
    """Does the same to each purpose's open task, and gives what that was like."""
    found = []
    for purpose in PURPOSES:
        labeler = labelers[purpose]
        task = Assignment.objects.get(labeler=labeler, state="claimed")
        assert task.purpose == purpose
        found.append(act(labeler, task))
    return found


def same(found: list[Any]) -> None:
    assert found[0] == found[1]
    assert found[0] == found[2]


def headers(response: Any) -> dict[str, str]:
    return {name: re.sub(r"\d+", "n", value) for name, value in response.headers.items() if name != "Set-Cookie"}


def by_api(client: APIClient, method: str, url: str, sent: Any = None) -> tuple[Any, ...]:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        response = getattr(client, method)(url, sent, format="json")
    body = response.json() if response.content else None
    return response.status_code, headers(response), shape(body), len(asked)


def answer(task: Assignment, ranks: tuple[int, ...] = ()) -> dict[str, object]:
    return {"tiers": tiers_of(task, ranks), "comment": "well", "active_seconds": 12.0}


def test_the_task_has_the_same_fields_headers_and_statements(labelers: dict[str, User]) -> None:
    same(each(labelers, lambda who, _task: by_api(as_user(who), "post", "/api/v1/projects/work/assignments/next/")))


def test_a_claim_that_draws_a_check_asks_as_many_statements(project: Project, labelers: dict[str, User]) -> None:
    def claim(labeler: User, task: Assignment) -> int:
        claims.release(task)
        percents = {f"{each}_percent": 50 if each == task.purpose else 0 for each in (Purpose.GOLD, Purpose.REPEAT)}
        Project.objects.filter(pk=project.pk).update(**percents)
        return len(_claimed(project, labeler, task.purpose))

    same(each(labelers, claim))


def _claimed(project: Project, labeler: User, purpose: str) -> CaptureQueriesContext:
    for _ in range(200):
        with CaptureQueriesContext(connection) as asked:
            task = claims.claim(project, labeler)
        assert task is not None
        if Assignment.objects.get(pk=task.pk).purpose == purpose:
            return asked
        claims.release(task)
    raise AssertionError(f"no {purpose} was drawn")


def test_ids_go_on_in_one_sequence_and_completions_have_names_of_one_shape(labelers: dict[str, User]) -> None:
    keys = [task.pk for task in Assignment.objects.filter(state="claimed").order_by("pk")]
    assert keys == sorted(keys)
    names = each(labelers, lambda _who, task: [re.sub(r"\w", "x", name) for name in ids_of(task)])
    same(names)


@pytest.mark.parametrize("ranks", [(1, 2, 3, 4), (1, 2, 2, 3), (1, 1, 1, 1)])
def test_answers_say_the_same_and_so_do_those_sent_twice_or_otherwise(
    labelers: dict[str, User], ranks: tuple[int, ...]
) -> None:
    def sends(who: User, task: Assignment) -> list[Any]:
        client, url = as_user(who), f"/api/v1/assignments/{task.pk}/ranking/"
        first = client.post(url, answer(task, ranks), format="json").json()
        return [
            (first["pairs"], first["ties"]),
            by_api(client, "post", url, answer(task, ranks)),
            by_api(client, "post", url, answer(task, (4, 3, 2, 1))),
            by_api(client, "put", url, answer(task, (4, 3, 2, 1))),
            by_api(client, "post", f"/api/v1/assignments/{task.pk}/undo/"),
            by_api(client, "post", url, answer(task, ranks)),
        ]

    same(each(labelers, sends))


@pytest.mark.parametrize("act", ["skip", "cannot", "release", "draft"])
def test_every_other_way_to_leave_a_task_and_back_says_the_same(labelers: dict[str, User], act: str) -> None:
    def does(who: User, task: Assignment) -> list[Any]:
        client, url = as_user(who), f"/api/v1/assignments/{task.pk}/"
        reason = {"reason": "I don't know the subject", "for_everyone": act == "cannot"}
        sent: tuple[Any, ...] = {
            "skip": ("post", f"{url}skip/", reason),
            "cannot": ("post", f"{url}skip/", reason),
            "release": ("post", f"{url}release/", None),
            "draft": ("put", f"{url}draft/", {"ranks": {ids_of(task)[0]: 1}}),
        }[act]
        undone = [by_api(client, "post", f"{url}undo/")] if act in ("skip", "cannot") else []
        before = by_api(client, *sent)
        return [before, by_api(client, *sent), *undone, by_api(client, "post", f"{url}undo/")]

    same(each(labelers, does))


def test_pages_look_the_same(labelers: dict[str, User]) -> None:
    def looks(who: User, task: Assignment) -> list[str]:
        client = Client()
        client.force_login(who)
        board = of_page(client.get("/p/work/rank/"))
        as_user(who).post(f"/api/v1/assignments/{task.pk}/ranking/", answer(task), format="json")
        history = client.get("/p/work/history/")
        assert history.content.decode().count("history/") > 2
        edit = client.get(f"/p/work/history/{task.pk}/")
        assert edit.status_code == 200
        return [board, of_page(history), of_page(edit), of_page(client.get("/"))]

    same(each(labelers, looks))


def test_totals_history_lists_and_the_own_export_count_checks_as_others(
    project: Project, labelers: dict[str, User]
) -> None:
    def counts(who: User, task: Assignment) -> list[Any]:
        client = as_user(who)
        client.post(f"/api/v1/assignments/{task.pk}/ranking/", answer(task), format="json")
        listed = client.get("/api/v1/projects/work/rankings/").json()["results"]
        work = own_work(who, [project.pk])
        export = list(person_export._rankings(who))
        return [
            [shape(row) for row in listed],
            (work.today, work.week, work.seconds),
            [(row["stands"], sorted(row)) for row in export],
            [sorted(row) for row in person_export._tasks(who)],
        ]

    found = each(labelers, counts)
    same(found)
    assert found[0][1][0] == 2


def test_a_withdrawn_prompt_is_gone_in_the_same_words(labelers: dict[str, User]) -> None:
    def late(who: User, task: Assignment) -> tuple[Any, ...]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT project_id FROM labeling_prompt WHERE id = %s", [task.prompt_id])
            [(project,)] = cursor.fetchall()
            cursor.execute("SELECT * FROM podium_withdraw_prompts(%s, %s)", [project, [task.prompt_id]])
        return by_api(as_user(who), "post", f"/api/v1/assignments/{task.pk}/ranking/", answer(task))

    same(each(labelers, late))


def test_the_board_says_nothing_that_only_gold_has(labelers: dict[str, User]) -> None:
    for purpose, who in labelers.items():
        client = Client()
        client.force_login(who)
        page = client.get("/p/work/rank/").content.decode().lower()
        task = as_user(who).post("/api/v1/projects/work/assignments/next/").content.decode().lower()
        for word in ("purpose", "gold", "repeat", "check_result", "held"):
            assert word not in task, (purpose, word)
            assert f'"{word}' not in page, (purpose, word)
        assert Prompt.objects.filter(gold_at__lt=timezone.now()).exists()


def test_an_answer_to_a_check_waits_for_what_data_takes_longer(
    labelers: dict[str, User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock it would be told: an answer that is data makes pairs and is counted (benchmarks/queue --told)."""
    waited: list[float] = []
    monkeypatch.setattr(even_times, "_took", deque([0.04], maxlen=even_times.LATEST))
    monkeypatch.setattr(even_times.time, "sleep", waited.append)

    def answered(who: User, task: Assignment) -> int:
        sent = as_user(who).post(f"/api/v1/assignments/{task.pk}/ranking/", answer(task), format="json")
        assert sent.status_code == 201
        return len(waited)

    of_data, of_gold, of_repeat = each(labelers, answered)
    assert (of_data, of_gold, of_repeat) == (0, 1, 2)
    assert len(even_times._took) == 2
    assert all(0 < seconds <= 0.04 for seconds in waited)


def test_nothing_waits_longer_than_a_blink(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(even_times, "_took", deque([60.0], maxlen=even_times.LATEST))
    monkeypatch.setattr(even_times.time, "sleep", waited.append)
    even_times.even_out(is_data=False, worked=0.001)
    assert waited == [even_times.LONGEST]
