"""A prompt's texts corrected: what stays, what ends, who is told, and by which doors."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_lines, import_records
from labeling.data.importing.upload_layouts import laid_out
from labeling.data.importing.upload_lines import records_of
from labeling.data.revising import revisions
from labeling.data.versions import datasets
from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict, Invalid, Outdated, PodiumError
from labeling.models import Assignment, PreferencePair, Project, Prompt, PromptRevision, Ranking, Role, User
from labeling.projects import counters
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, tiers_of
from tests.labeling.api.client import as_user, row

pytestmark = pytest.mark.django_db

ASKED = [{"role": "user", "content": "What did you mean?"}]


@pytest.fixture
def project() -> Project:
    return make_project(manager=make_user("manager"), slug="helpful", overlap=2)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return make_prompt(project, external_id="p0", question="What did you maen?")


def correct(prompt: Prompt, base: int = 1, **said: Any) -> Prompt:
    return revisions.revise(prompt.project, prompt, base=base, by=prompt.project.created_by, messages=ASKED, **said)


def test_it_keeps_its_id_split_and_completions(prompt: Prompt) -> None:
    first, *others = prompt.completions.all()
    kept = (prompt.pk, prompt.external_id, prompt.split, prompt.content_sha256)
    correct(prompt, texts={first.external_id: "Another text"})
    prompt.refresh_from_db()
    assert (prompt.pk, prompt.external_id, prompt.split, prompt.content_sha256) == kept
    assert (prompt.messages, prompt.revision) == (ASKED, 2)
    assert [each.text for each in prompt.completions.all()] == ["Another text", *(each.text for each in others)]
    [before] = prompt.revisions.all()
    assert (before.number, before.replaced_by) == (1, prompt.project.created_by)
    assert before.messages[0]["content"] == "What did you maen?"
    assert before.texts[0] == {"id": first.external_id, "text": first.text}


def test_rankings_of_the_old_texts_end_and_the_prompt_is_ranked_anew(
    project: Project, prompt: Prompt, labeler: User
) -> None:
    old = rank(project, labeler)
    version = datasets.freeze(project)
    frozen = datasets.path_of(version).read_bytes()
    correct(prompt)
    old.refresh_from_db()
    assert not old.live
    assert old.ended_at == prompt.revisions.get().replaced_at
    assert not PreferencePair.objects.exists()
    assert (prompt.revisions.get().rankings, prompt.revisions.get().last_ranking_id) == (1, old.pk)
    new = rank(project, labeler)
    assert (new.prompt_id, new.assignment_id == old.assignment_id) == (prompt.pk, False)
    assert counters.differences(project) == []
    assert counters.of(project).total.rankings == 1
    assert datasets.path_of(version).read_bytes() == frozen
    assert [group["prompt"] for group in datasets.read_groups(version)] == [prompt.messages]
    later = datasets.freeze(project)
    assert [group["prompt"] for group in datasets.read_groups(later)] == [ASKED]


def test_an_answer_to_the_old_texts_is_refused_however_late(project: Project, prompt: Prompt, labeler: User) -> None:
    shown = claimed(project, labeler)
    correct(prompt)
    with pytest.raises(Conflict, match="were corrected") as refused:
        rankings.submit(shown, {"tiers": tiers_of(shown)})
    assert refused.value.code == "prompt_revised"
    with pytest.raises(Conflict, match="were corrected"):
        claims.extend(shown)
    again = claimed(project, labeler)
    assert (again.prompt_id, again.pk == shown.pk) == (prompt.pk, False)
    assert rankings.submit(again, {"tiers": tiers_of(again)}).created


def test_a_ranking_of_the_old_texts_is_not_changed_any_more(project: Project, prompt: Prompt, labeler: User) -> None:
    task = rank(project, labeler).assignment
    correct(prompt)
    for act in (
        lambda: rankings.amend(task, {"tiers": tiers_of(task, (4, 3, 2, 1))}),
        lambda: rankings.withdraw(task),
    ):
        with pytest.raises(Conflict):
            act()
    assert not Ranking.objects.filter(live=True).exists()


def test_the_second_of_two_is_told_and_the_same_again_changes_nothing(prompt: Prompt) -> None:
    correct(prompt)
    with pytest.raises(Outdated, match="by manager: it is at revision 2, and yours goes on from 1"):
        correct(prompt)
    correct(prompt, base=2)
    assert prompt.revisions.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_is_told(project: Project, prompt: Prompt) -> None:
    said: list[str] = []

    def change(words: str) -> None:
        try:
            asked = [{"role": "user", "content": words}]
            revisions.revise(project, prompt, base=1, by=None, messages=asked)
            said.append("stored")
        except PodiumError as error:
            said.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(words,)) for words in ("One?", "Other?")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["prompt_changed", "stored"]
    assert PromptRevision.objects.count() == 1


def test_what_an_import_refuses_is_refused(prompt: Prompt) -> None:
    first, second, *_ = prompt.completions.all()
    for said, code in (
        ({"texts": {first.external_id: " "}}, "bad_text"),
        ({"texts": {first.external_id: second.text}}, "bad_text"),
        ({"texts": {first.external_id: "x" * 1_000_001}}, "bad_text"),
        ({"texts": {"nobody": "x"}}, "unknown_completion"),
    ):
        with pytest.raises(Invalid) as refused:
            correct(prompt, **said)
        assert refused.value.code == code
    for asked in ([], [{"role": "user", "content": " "}], [*ASKED, {"role": "assistant", "content": "No."}]):
        with pytest.raises(Invalid):
            revisions.revise(prompt.project, prompt, base=1, by=None, messages=asked)
    prompt.refresh_from_db()
    assert prompt.revision == 1


def test_the_text_of_a_prompt_on_another_side_of_the_split_is_refused(project: Project, prompt: Prompt) -> None:
    other = make_prompt(project, question="What did you mean?", external_id="twin")
    Prompt.objects.filter(pk=other.pk)
    if other.split == prompt.split:
        prompt = make_prompt(project, split="test" if other.split == "train" else "train")
    with pytest.raises(Conflict, match="Prompt twin says the same") as refused:
        correct(prompt)
    assert refused.value.code == "other_split"


def test_withdrawn_it_is_corrected_too_and_what_ended_stays_ended(
    project: Project, prompt: Prompt, labeler: User
) -> None:
    rank(project, labeler)
    withdrawals.withdraw(project, ["p0"])
    correct(prompt)
    assert withdrawals.restore(project, ["p0"]).rankings == 0
    assert not Ranking.objects.filter(live=True).exists()
    assert claimed(project, labeler).prompt_id == prompt.pk


def test_recorded_rankings_of_a_file_come_again_for_the_new_texts(project: Project) -> None:
    def line(text: str) -> bytes:
        said = row(id="r", rankings=[{"labeler": "ann", "ranks": [1, 2]}], prompt=text)
        return json.dumps(said).encode()

    import_lines(project, [line("Old?")])
    prompt = project.prompts.get(external_id="r")
    revisions.revise(project, prompt, base=1, by=None, messages=[{"role": "user", "content": "New?"}])
    assert import_lines(project, [line("Old?")]).errors[0].field == "id"
    assert import_lines(project, [line("New?")]).rankings == 1
    assert Ranking.objects.filter(live=True).count() == 1
    assert counters.differences(project) == []


def test_it_costs_the_same_however_much_was_ranked() -> None:
    def cost(n: int) -> int:
        each = make_project(overlap=n)
        prompt = make_prompt(each)
        for _ in range(n):
            rank(each, join(each))
        with CaptureQueriesContext(connection) as statements:
            correct(prompt)
        assert prompt.revisions.get().rankings == n
        return len(statements)

    assert cost(1) == cost(5)


# --- Doors ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(project: Project) -> Client:
    client = Client()
    client.force_login(User.objects.get(username="manager"))
    return client


def fields_of(page: Client, prompt: Prompt) -> dict[str, str]:
    """What the form holds, as a browser sends it."""
    form = page.get(f"/p/helpful/prompts/{prompt.pk}/correct/").context["form"]
    return {each.name: str(each.value()).replace("\n", "\r\n") for each in form}


def test_the_page_corrects_and_shows_what_it_was(project: Project, prompt: Prompt, page: Client, labeler: User) -> None:
    rank(project, labeler)
    address = f"/p/helpful/prompts/{prompt.pk}/"
    assert "1 ranking ends with it" in page.get(f"{address}correct/").content.decode()
    said = fields_of(page, prompt) | {"turn-0": "What did you mean?"}
    answer = page.post(f"{address}correct/", said, follow=True)
    html = " ".join(answer.content.decode().split())
    assert "Earlier revisions" in html
    assert "1 ranking ended with it" in html
    assert "What did you maen?" in html
    again = page.post(f"{address}correct/", said | {"turn-0": "Once more?"})
    assert again.status_code == 409
    assert "was changed meanwhile, by manager" in again.content.decode()
    assert "Once more?" in again.content.decode()
    assert page.post(f"{address}correct/", said | {"turn-0": "Once more?", "revision": "2"}).status_code == 302
    assert page.post(f"{address}correct/", said | {"turn-0": " ", "revision": "3"}).status_code == 422


def test_a_browsers_line_ends_are_no_correction(project: Project, page: Client) -> None:
    for n, text in enumerate(("One\nTwo", "One\r\nTwo")):
        prompt = make_prompt(project, question=text, external_id=f"lines-{n}")
        assert page.post(f"/p/helpful/prompts/{prompt.pk}/correct/", fields_of(page, prompt)).status_code == 302
        prompt.refresh_from_db()
        assert (prompt.revision, prompt.messages[0]["content"]) == (1, text)


def test_the_page_is_the_managers(project: Project, prompt: Prompt) -> None:
    people = {
        "manager": User.objects.get(username="manager"),
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_user(),
    }
    for verb in ("get", "post"):
        seen = {}
        for who, person in people.items():
            client = Client()
            client.force_login(person)
            seen[who] = getattr(client, verb)(f"/p/helpful/prompts/{prompt.pk}/correct/").status_code
        assert seen == {"manager": 200 if verb == "get" else 422, "reviewer": 403, "labeler": 403, "stranger": 404}
    assert Client().get(f"/p/helpful/prompts/{prompt.pk}/correct/").status_code == 302


def test_the_api_corrects_by_the_revision_and_gives_what_was(project: Project, prompt: Prompt) -> None:
    api = as_user(User.objects.get(username="manager"))
    address = "/api/v1/projects/helpful/prompts/p0/"
    name = prompt.completions.all()[1].external_id
    body = {"revision": 1, "completions": [{"id": name, "text": "Better."}]}
    changed = api.patch(address, body)
    assert changed.status_code == 200
    assert changed.json()["revision"] == 2
    assert changed.json()["completions"][1]["text"] == "Better."
    [before] = changed.json()["revisions"]
    assert (before["number"], before["replaced_by"], before["rankings"]) == (1, "manager", 0)
    assert api.get(address).json() == changed.json()
    late = api.patch(address, {"revision": 1, "prompt": ASKED})
    assert (late.status_code, late.json()["errors"][0]["code"]) == (412, "prompt_changed")
    assert api.patch(address, {"prompt": ASKED}).status_code == 400
    assert api.patch("/api/v1/projects/helpful/prompts/nobody/", body).status_code == 404


def test_the_api_is_the_managers(project: Project, prompt: Prompt) -> None:
    people: dict[str, Callable[[], User | None]] = {
        "reviewer": lambda: join(project, Role.REVIEWER),
        "labeler": lambda: join(project),
        "stranger": make_user,
        "nobody": lambda: None,
    }
    body = {"revision": 1, "prompt": ASKED}
    address = "/api/v1/projects/helpful/prompts/p0/"
    seen = {who: as_user(person()).patch(address, body).status_code for who, person in people.items()}
    assert seen == {"reviewer": 403, "labeler": 403, "stranger": 404, "nobody": 401}
    assert not Assignment.objects.exists()
    assert Prompt.objects.get().revision == 1


# --- Metadata ---------------------------------------------------------------------------------------------------------

CALLED = [
    {"role": "developer", "content": "Be short."},
    {"role": "user", "content": [{"type": "text", "text": "Warm in Bonn?"}]},
]


def with_tools(asked: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps(row("tools", prompt=asked, metadata={"topic": "weather", **more})).encode()


def imported(project: Project, *lines: bytes) -> Report:
    return import_records(project, laid_out(records_of(io.BytesIO(b"\n".join(lines)))).records)


def test_originals_of_the_old_texts_go_into_the_revision(project: Project) -> None:
    """Left in the metadata, an export would say beside the new texts what they are no more."""
    reference = [{"role": "user", "content": "Cold in Ulm?"}]
    assert imported(project, with_tools(CALLED, reference=reference)).created == 1
    prompt = project.prompts.get()
    assert prompt.metadata == {"topic": "weather", "reference": reference, "prompt": CALLED}
    asked = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Warm in Köln?"}]
    prompt = revisions.revise(project, prompt, base=1, by=None, messages=asked)
    kept = {"topic": "weather", "reference": reference}
    assert Prompt.objects.get().metadata == kept
    assert prompt.revisions.get().metadata == {"prompt": CALLED}
    rank(project, join(project))
    answer = as_user(project.created_by).get("/api/v1/projects/helpful/export/?format=jsonl&what=podium")
    exported = json.dumps(json.loads(b"".join(answer.streaming_content)), ensure_ascii=False)  # type: ignore[attr-defined]
    assert "Köln" in exported
    assert "Bonn" not in exported
    read = as_user(project.created_by).get("/api/v1/projects/helpful/prompts/tools/").json()
    assert (read["metadata"], read["revisions"][0]["metadata"]) == (kept, {"prompt": CALLED})


def test_originals_stay_where_another_text_is_corrected(project: Project) -> None:
    imported(project, with_tools(CALLED))
    prompt = project.prompts.get()
    name = prompt.completions.all()[0].external_id
    revisions.revise(project, prompt, base=1, by=None, texts={name: "another answer"})
    assert Prompt.objects.get().metadata["prompt"] == CALLED
    assert prompt.revisions.get().metadata == {}


def test_the_corrected_file_with_its_originals_is_known(project: Project) -> None:
    imported(project, with_tools(CALLED))
    new = [CALLED[0], {"role": "user", "content": [{"type": "text", "text": "Warm in Köln?"}]}]
    asked = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Warm in Köln?"}]
    revisions.revise(project, project.prompts.get(), base=1, by=None, messages=asked)
    report = imported(project, with_tools(new))
    assert (report.skipped, report.n_errors) == (1, 0), report.errors
    assert imported(project, with_tools(CALLED)).errors[0].code == "other_texts"
    assert imported(project, with_tools(new, topic="another")).errors[0].code == "other_metadata"
