"""What a labeler is given says nothing of the model behind a completion: neither an id, nor an order, at any door."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from labeling.answers import rankings
from labeling.data.importing import imports
from labeling.errors import Invalid
from labeling.models import Assignment, Project, User
from labeling.queue import claims, shown_ids
from tests import factories
from tests.doors import doors
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db
K, TASKS = 3, 36
API = "/api/v1"


def imported(project: Project, n: int) -> None:
    """Rows as files have them: the models in the same order in each. The keys begin where no other number is."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE labeling_completion_id_seq RESTART WITH 811000001")
        cursor.execute("ALTER SEQUENCE labeling_prompt_id_seq RESTART WITH 822000001")
    rows = (
        {
            "id": f"secret-row-{number}",
            "prompt": f"Question {number}?",
            "metadata": {"source": "secret-file.jsonl"},
            "completions": [
                {"id": f"secret-{number}-{model}", "text": f"Text {number}-{model}.", "model": f"secret-model-{model}"}
                for model in range(K)
            ],
        }
        for number in range(n)
    )
    report = imports.import_lines(project, (json.dumps(row).encode() for row in rows))
    assert report.created == n


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="blind", flags=[{"name": "rude", "label": "Rude"}])


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project)


@pytest.fixture
def page(labeler: User) -> Client:
    client = Client()
    client.force_login(labeler)
    return client


class Lists:
    """Each list of completions that a door gave: per task, the models in the order given and in that of the ids."""

    def __init__(self) -> None:
        self.guesses: dict[str, list[Sequence[int]]] = defaultdict(list)

    def add(self, door: str, ids: Sequence[str], model_of: dict[str, int]) -> None:
        assert len(ids) == K, f"{door} has {ids}"
        self.guesses[f"{door}, as listed"].append([model_of[name] for name in ids])
        self.guesses[f"{door}, sorted"].append([model_of[name] for name in sorted(ids)])

    def hits(self) -> dict[str, int]:
        """How often the model's place in the file is guessed from the place in the list."""
        return {
            door: sum(model == place for models in tasks for place, model in enumerate(models))
            for door, tasks in self.guesses.items()
        }


def models_in(html: str) -> list[int]:
    """The models of the texts on a page, in their order there."""
    return list(dict.fromkeys(int(model) for model in re.findall(r"Text \d+-(\d)\.", html)))


def fields_in(html: str, kind: str) -> list[str]:
    return list(dict.fromkeys(re.findall(rf'name="{kind}-(\w+?)(?:-rude)?"', html)))


def look_everywhere(project: Project, labeler: User, page: Client) -> Lists:
    lists, api, models = Lists(), as_user(labeler), {}
    for _task in range(TASKS):
        task = api.post(f"{API}/projects/blind/assignments/next/").json()
        model_of = {shown["id"]: int(shown["text"][-2]) for shown in task["completions"]}
        models[task["id"]] = model_of
        for door, ids in _at_the_doors(api, page, task):
            lists.add(door, ids, model_of)
    for door, task_id, ids in _in_the_lists(api, page):
        lists.add(door, ids, models[task_id])
    return lists


def _at_the_doors(api: Any, page: Client, task: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """One task from the claim to a second answer, and each list of its completions on the way."""
    ids = [shown["id"] for shown in task["completions"]]
    at, board = f"{API}/assignments/{task['id']}", f"/p/blind/rank/{task['id']}"
    yield "next", ids
    html = page.get("/p/blind/rank/").content.decode()
    for kind in ("rank", "flag", "note"):
        yield f"board, {kind}", fields_in(html, kind)
    # In the order of the models, as whoever knows it would not.
    draft = {
        "ranks": dict.fromkeys(ids, 1),
        "flags": {i: {"rude": True} for i in ids},
        "notes": dict.fromkeys(ids, "?"),
    }
    api.put(f"{at}/draft/", draft)
    kept = api.get(f"{at}/draft/").json()
    for part in ("ranks", "flags", "notes"):
        yield f"draft, {part}", list(kept[part])
    yield "next, draft", list(api.post(f"{API}/projects/blind/assignments/next/").json()["draft"]["ranks"])
    stale = page.post(f"{board}/draft/", {"draft_revision": "0"}).json()["fields"]
    yield "board, other draft", [name[5:] for name in stale if name.startswith("rank-")]
    refused = api.post(f"{at}/ranking/", {"tiers": [["x"]]}).json()["errors"][0]["detail"]
    yield "refusal", re.findall(r"\bc\w{16}\b", refused)
    missing = api.post(f"{at}/ranking/", {"tiers": [ids[:1]]}).json()["errors"][0]["detail"]
    yield "refusal, missing", [*ids[:1], *re.findall(r"\bc\w{16}\b", missing)]
    assert (
        api.post(f"{at}/ranking/", {"tiers": [ids], "flags": draft["flags"], "notes": draft["notes"]}).status_code
        == 201
    )
    undone = api.post(f"{at}/undo/").json()
    yield "undo", [shown["id"] for shown in undone["completions"]]
    for part in ("ranks", "flags", "notes"):
        yield f"undo, {part}", list(undone["draft"][part])
    yield (
        "ahead",
        fields_in(page.post(f"{board}/undo/", headers={"X-Requested-With": "rank-desk"}).content.decode(), "rank"),
    )
    assert api.post(f"{at}/ranking/", {"tiers": [ids]}).status_code == 201
    yield "edit", fields_in(page.get(f"/p/blind/history/{task['id']}/").content.decode(), "rank")
    assert api.put(f"{at}/ranking/", {"tiers": [[name] for name in ids]}).status_code == 201


def _in_the_lists(api: Any, page: Client) -> Iterator[tuple[str, int, list[str]]]:
    task_of = {}
    for ranking in api.get(f"{API}/projects/blind/rankings/").json()["results"]:
        task_of[ranking["id"]] = ranking["assignment"]
        yield "rankings", ranking["assignment"], [place["id"] for place in ranking["ranked"]]
    chosen: dict[int, dict[str, None]] = defaultdict(dict)
    for pair in api.get(f"{API}/projects/blind/pairs/?page_size=1000").json()["results"]:
        chosen[pair["ranking"]] |= {pair["chosen"]: None, pair["rejected"]: None}
    for ranking, ids in chosen.items():
        yield "pairs", task_of[ranking], list(ids)


def test_no_door_tells_the_model_better_than_chance(project: Project, labeler: User, page: Client) -> None:
    """A permutation has one fixed point in the mean and a variance of one: 36 in 36 tasks, at most 6 sigma off.

    With database keys for ids the sorted lists had 108 of 108.
    """
    imported(project, TASKS)
    hits = look_everywhere(project, labeler, page).hits()
    assert len(hits) == 2 * 19
    told = {door: n for door, n in hits.items() if abs(n - TASKS) >= 6 * TASKS**0.5}
    assert told == {}


def test_the_order_of_the_texts_tells_nothing_either(project: Project, page: Client, labeler: User) -> None:
    """On the board, in the comparison and, where all are tied, in the history."""
    imported(project, TASKS)
    hits = dict.fromkeys(("board", "compare", "history"), 0)
    for _task in range(TASKS):
        task = factories.claimed(project, labeler)
        for door, address in (("board", "/p/blind/rank/"), ("compare", f"/p/blind/rank/{task.pk}/compare/")):
            shown = models_in(page.get(address).content.decode())
            hits[door] += sum(model == place for place, model in enumerate(shown))
        rankings.submit(task, {"tiers": [factories.ids_of(task)]})
    address = "/p/blind/history/"
    while address:
        listed = page.get(address)
        for said in listed.content.decode().split("<article")[1:]:
            hits["history"] += sum(model == place for place, model in enumerate(models_in(said)))
        after = listed.context["page"].after
        address = f"/p/blind/history/?after={after}" if after else ""
    # The comparison shows two of the three.
    assert all(abs(n - TASKS * share) < 6 * TASKS**0.5 for n, share in zip(hits.values(), (1, 2 / 3, 1), strict=True))


def test_no_address_gives_a_labeler_a_key_a_file_or_a_model(project: Project, labeler: User, page: Client) -> None:
    """Every address there is, walked as a labeler; what is said to nobody but reviewers and managers is in none."""
    imported(project, 4)
    done = factories.claimed(project, labeler)
    rankings.submit(done, {"tiers": factories.tiers_of(done), "comment": "Hm."})
    prompt = done.prompt_id
    api = as_user(labeler)
    seen = 0
    for door in doors():
        for verb in door.verbs:
            task = factories.claimed(project, labeler)
            for assignment in (task.pk, done.pk):
                values = {
                    "slug": "blind", "assignment_id": assignment, "pk": assignment, "prompt_id": prompt, "number": 1,
                    "invitation_id": 1, "invitation": 1, "version": 1, "token": "nobody", "username": labeler.username,
                    "external_id": done.prompt.external_id,
                    "link": 1, "person_id": labeler.pk, "person": labeler.pk,
                    "link_id": 1,
                    "case_id": 1, "case": 1, "view_id": 1, "cohort": 1, "cohort_id": 1,
                    "place": 0, "layout": "podium", "name": "podium-1-1-1-0-00ff00ff", "act": "begin",
                }  # fmt: skip
                who = api if hasattr(door.view, "cls") else page
                answer = getattr(who, verb)(door.address(values))
                body = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
                told = re.findall(rb"secret\S*|8[12]{2}000\d*", body.replace(str(prompt).encode(), b""))
                assert (door.name, verb, answer.status_code < 500, told) == (door.name, verb, True, [])
                seen += answer.status_code == 200
                page.force_login(labeler)  # one address is that of logging out
    assert seen > 40


def test_the_ids_are_the_assignments_own_and_the_same_at_page_and_api(project: Project) -> None:
    project.overlap = 2
    project.save()
    imported(project, 1)
    one, two = factories.join(project), factories.join(project)
    tasks = [factories.claimed(project, person) for person in (one, two)]
    shown = [
        [said["id"] for said in as_user(person).post(f"{API}/projects/blind/assignments/next/").json()["completions"]]
        for person in (one, two)
    ]
    assert len({*shown[0], *shown[1]}) == 2 * K
    assert [factories.ids_of(task) for task in tasks] == shown
    client = Client()
    client.force_login(one)
    # Begun on the page, gone on with by the API.
    client.post(f"/p/blind/rank/{tasks[0].pk}/draft/", {f"rank-{shown[0][2]}": "1"})
    assert as_user(one).get(f"{API}/assignments/{tasks[0].pk}/draft/").json()["ranks"] == {shown[0][2]: 1}


def test_an_answer_meant_for_another_task_is_refused(project: Project, labeler: User) -> None:
    imported(project, 2)
    first = factories.claimed(project, labeler)
    second = claims.claim_ahead(project, labeler, current=first)
    assert second is not None
    with pytest.raises(Invalid) as refused:
        rankings.submit(second, {"tiers": [factories.ids_of(first)]})
    assert refused.value.code == "unknown_completion"


def keys_of(task: Assignment) -> list[str]:
    return [str(key) for key in task.shown_order]


def shown_before_the_upgrade(task: Assignment) -> Assignment:
    Assignment.objects.filter(pk=task.pk).update(keys_shown=True)
    task.refresh_from_db()
    return task


class TestAfterAnUpgrade:
    """Pages, drafts, unsent answers and programs that still have the database keys of a task."""

    @pytest.fixture
    def task(self, project: Project, labeler: User) -> Assignment:
        imported(project, 2)
        return shown_before_the_upgrade(factories.claimed(project, labeler))

    def test_an_answer_of_before_is_stored(self, task: Assignment, page: Client) -> None:
        fields = {f"rank-{key}": rank for rank, key in enumerate(keys_of(task), start=1)}
        more = {"assignment": task.pk, f"flag-{keys_of(task)[1]}-rude": "1", f"note-{keys_of(task)[1]}": "Rude."}
        answer = page.post("/p/blind/rank/", fields | more, headers={"X-Requested-With": "rank-desk"})
        assert answer.status_code == 200
        places = task.rankings.get().ranked.order_by("rank")
        said = [(place.completion_id, place.flags, place.note) for place in places]
        first, second, third = task.shown_order
        assert said == [(first, {"rude": False}, ""), (second, {"rude": True}, "Rude."), (third, {"rude": False}, "")]

    def test_a_program_of_before_may_answer_and_repeat_itself(self, task: Assignment, labeler: User) -> None:
        """The same answer under keys and under ids is the same answer."""
        url, keys, ids = f"{API}/assignments/{task.pk}/ranking/", keys_of(task), factories.ids_of(task)
        body = {"tiers": [[int(key)] for key in keys], "notes": {keys[0]: "Wrong."}, "flags": {keys[1]: {"rude": True}}}
        api = as_user(labeler)
        assert [api.post(url, body).status_code for _ in range(2)] == [201, 200]
        today = {"tiers": [[name] for name in ids], "notes": {ids[0]: "Wrong."}, "flags": {ids[1]: {"rude": True}}}
        assert api.post(url, today).status_code == 200

    def test_a_draft_of_before_is_shown_and_gone_on_with(self, task: Assignment, labeler: User, page: Client) -> None:
        first, second, third = keys_of(task)
        said = {"ranks": {third: 1, first: 2}, "flags": {first: {"rude": True}}, "notes": {first: "?"}, "mine": [first]}
        Assignment.objects.filter(pk=task.pk).update(draft=said)
        one, _, three = factories.ids_of(task)
        api = as_user(labeler)
        renamed = {"ranks": {one: 2, three: 1}, "flags": {one: {"rude": True}}, "notes": {one: "?"}, "mine": [first]}
        assert api.get(f"{API}/assignments/{task.pk}/draft/").json() == renamed
        html = page.get("/p/blind/rank/").content.decode()
        assert f'name="rank-{three}" value="1" required checked' in html
        page.post(f"/p/blind/rank/{task.pk}/draft/", {f"rank-{second}": "3"})
        task.refresh_from_db()
        assert task.draft["ranks"] == {shown_ids.of(task, int(second)): 3}

    def test_a_page_of_before_that_is_behind_fetches_the_board_anew(self, task: Assignment, page: Client) -> None:
        claims.save_draft(task, {"ranks": {factories.ids_of(task)[0]: 1}})
        old = {f"rank-{keys_of(task)[0]}": "2", "draft_revision": "0"}
        answer = page.post(f"/p/blind/rank/{task.pk}/draft/", old)
        assert (answer.status_code, answer.json()["code"]) == (409, "board_changed")

    def test_a_change_in_the_history_of_before_is_stored(self, task: Assignment, page: Client) -> None:
        rankings.submit(task, {"tiers": [factories.ids_of(task)]})
        fields = {f"rank-{key}": rank for rank, key in enumerate(keys_of(task), start=1)}
        assert page.post(f"/p/blind/history/{task.pk}/", fields).status_code == 302
        assert task.rankings.get(live=True).revision == 2


def test_keys_are_taken_nowhere_else_and_none_can_be_tried_out(project: Project, labeler: User, page: Client) -> None:
    """Of a task that never showed them a key is refused like any word, and a draft says nothing of it."""
    imported(project, 1)
    task = factories.claimed(project, labeler)
    api, at = as_user(labeler), f"{API}/assignments/{task.pk}"
    key, other = keys_of(task)[0], "700700700"

    def refusals(name: str) -> list[str]:
        bodies = (
            {"tiers": [[name]]},
            {"tiers": [factories.ids_of(task)], "flags": {name: {}}},
            {"tiers": [[int(name)]]},
        )
        answers = [api.post(f"{at}/ranking/", body) for body in bodies]
        assert [answer.status_code for answer in answers] == [400] * 3
        return [answer.content.decode().replace(name, "") for answer in answers]

    assert refusals(key) == refusals(other)
    for name in (key, other):
        page.post(f"/p/blind/rank/{task.pk}/draft/", {f"rank-{name}": "1"})
        assert api.get(f"{at}/draft/").json()["ranks"] == {}
        api.put(f"{at}/draft/", {"ranks": {name: 1}})
        assert " checked" not in page.get("/p/blind/rank/").content.decode()


def test_reviewers_and_managers_see_what_is_behind_the_ids(project: Project, labeler: User) -> None:
    imported(project, 1)
    task = factories.claimed(project, labeler)
    rankings.submit(task, {"tiers": factories.tiers_of(task)})
    for person in (factories.join(project, "reviewer"), project.created_by):
        [ranking] = as_user(person).get(f"{API}/projects/blind/rankings/").json()["results"]
        assert {place["id"] for place in ranking["ranked"]} == set(keys_of(task))
        assert [place["model"] for place in ranking["ranked"]] == [f"secret-model-{model}" for model in range(K)]
        pairs = as_user(person).get(f"{API}/projects/blind/pairs/").json()["results"]
        assert {pair["chosen"] for pair in pairs} < set(keys_of(task))
        assert {pair["prompt"] for pair in pairs} == {ranking["prompt"]} == {str(task.prompt_id)}
