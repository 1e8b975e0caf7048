"""Prompts withdrawn and put back: what becomes of their rankings, tasks and counts, and what it costs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets, holding
from labeling.data.withdrawing import withdrawals
from labeling.data.withdrawing.choices import Choice, ids_of
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, PreferencePair, Project, Prompt, Ranking, User
from labeling.projects import counters
from labeling.quality import agreement
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, rank, rank_next, tiers_of
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def prompts(project: Project, n: int) -> list[Prompt]:
    return [make_prompt(project, external_id=f"p{place}") for place in range(n)]


def test_its_rankings_go_with_a_prompt_and_stand_again_with_it(project: Project, labeler: User) -> None:
    prompts(project, 2)
    rank(project, labeler, (2, 1, 2, 3))
    before = set(PreferencePair.objects.values_list("ranking", "chosen", "rejected", "rank_gap", "chosen_position"))
    outcome = withdrawals.withdraw(project, ["p0"])
    assert (outcome.prompts, outcome.rankings, outcome.unchanged, outcome.unknown) == (1, 1, 0, 0)
    assert not PreferencePair.objects.exists()
    assert not Ranking.objects.filter(live=True).exists()
    total = counters.of(project).total
    assert (total.prompts, total.withdrawn, total.stored, total.rankings, total.begun) == (1, 1, 2, 0, 0)
    outcome = withdrawals.restore(project, ["p0"])
    assert (outcome.prompts, outcome.rankings) == (1, 1)
    after = set(PreferencePair.objects.values_list("ranking", "chosen", "rejected", "rank_gap", "chosen_position"))
    assert after == before
    assert counters.differences(project) == []


def test_the_last_revision_stands_again_and_no_earlier_one(project: Project, labeler: User) -> None:
    prompts(project, 1)
    task = rank(project, labeler, (1, 2, 3, 4)).assignment
    rankings.amend(task, {"tiers": tiers_of(task, (4, 3, 2, 1))})
    withdrawals.withdraw(project, ["p0"])
    withdrawals.restore(project, ["p0"])
    assert list(Ranking.objects.filter(live=True).values_list("revision", flat=True)) == [2]


def test_a_ranking_that_its_labeler_took_back_stays_so(project: Project, labeler: User) -> None:
    prompts(project, 1)
    rankings.withdraw(rank(project, labeler).assignment)
    withdrawals.withdraw(project, ["p0"])
    assert withdrawals.restore(project, ["p0"]).rankings == 0
    assert not Ranking.objects.filter(live=True).exists()


def test_twice_is_harmless(project: Project, labeler: User) -> None:
    prompts(project, 1)
    rank(project, labeler)
    assert withdrawals.restore(project, ["p0"]).unchanged == 1
    at = [withdrawals.withdraw(project, ["p0"]), Prompt.objects.get().withdrawn_at]
    again = withdrawals.withdraw(project, ["p0", "p0"])
    assert (again.prompts, again.rankings, again.unchanged) == (0, 0, 1)
    assert Prompt.objects.get().withdrawn_at == at[1]


def test_another_projects_prompt_of_this_id_stays(project: Project) -> None:
    prompts(project, 1)
    elsewhere = make_project()
    make_prompt(elsewhere, external_id="p0")
    withdrawals.withdraw(project, ["p0"])
    assert not elsewhere.prompts.filter(withdrawn_at__isnull=False).exists()


def test_nobody_gets_a_withdrawn_prompt_and_everybody_one_that_is_put_back(project: Project, labeler: User) -> None:
    prompts(project, 1)
    withdrawals.withdraw(project, ["p0"])
    assert claims.claim(project, labeler) is None
    assert claims.queue_reason(project, labeler).reason == "no_prompts"
    withdrawals.restore(project, ["p0"])
    assert claimed(project, labeler).prompt.external_id == "p0"


def test_why_there_is_nothing_to_rank_is_right_with_withdrawn_and_held_ones(project: Project, labeler: User) -> None:
    prompts(project, 3)
    for _ in range(2):
        rank(project, labeler)
    withdrawals.withdraw(project, ["p0"])
    assert claims.claim(project, labeler) is not None  # p2
    rank(project, labeler)
    assert claims.claim(project, labeler) is None
    assert claims.queue_reason(project, labeler).reason == "all_ranked_by_you"


def test_one_that_cannot_be_ranked_is_so_still_when_it_is_put_back(project: Project, labeler: User) -> None:
    prompts(project, 2)
    claims.cannot_rank(claimed(project, labeler), "Nonsense")
    withdrawals.withdraw(project, ["p0", "p1"])
    claims.return_to_queue(Prompt.objects.get(external_id="p0"))  # by a reviewer who still sees it as held
    withdrawals.restore(project, ["p0", "p1"])
    held = Prompt.objects.filter(held_at__isnull=False)
    assert [(each.external_id, each.held_reason) for each in held] == [("p0", "Nonsense")]


@pytest.mark.parametrize("act", ["submit", "draft", "extend"])
def test_a_labeler_who_has_it_open_is_told_and_keeps_what_was_saved(project: Project, labeler: User, act: str) -> None:
    prompts(project, 2)
    task = claimed(project, labeler)
    claims.save_draft(task, {"comment": "An hour of thought."})
    assert withdrawals.withdraw(project, ["p0"]).tasks == 1
    acts = {
        "submit": lambda: rankings.submit(task, {"tiers": tiers_of(task)}),
        "draft": lambda: claims.save_draft(task, {"comment": "More."}),
        "extend": lambda: claims.extend(task),
    }
    with pytest.raises(Conflict) as refused:
        acts[act]()
    assert refused.value.code == "prompt_withdrawn"
    ended = Assignment.objects.get(pk=task.pk)
    assert (ended.state, ended.draft["comment"]) == ("released", "An hour of thought.")
    assert claimed(project, labeler).prompt.external_id == "p1"
    withdrawals.restore(project, ["p0"])
    assert acts[act]()  # from the page that is open still, the work goes on


@pytest.mark.parametrize("act", [rankings.withdraw, lambda task: rankings.amend(task, {"tiers": tiers_of(task)})])
def test_an_answer_to_it_can_neither_be_changed_nor_taken_back(project: Project, labeler: User, act) -> None:  # type: ignore[no-untyped-def]
    prompts(project, 1)
    task = rank(project, labeler, (4, 3, 2, 1)).assignment
    withdrawals.withdraw(project, ["p0"])
    with pytest.raises(Conflict, match="withdrawn"):
        act(task)


def test_its_id_is_not_imported_again(project: Project) -> None:
    def send(rankings: list[dict[str, object]]) -> object:
        return import_lines(project, [json.dumps(row("q1", rankings=rankings)).encode()])

    send([])
    withdrawals.withdraw(project, ["q1"])
    for rankings_ in ([], [{"labeler": "ann", "ranks": [1, 2]}]):
        report = send(rankings_)
        assert [(error.field, error.value) for error in report.errors] == [("id", '"q1"')]  # type: ignore[attr-defined]
        assert "withdrawn" in report.errors[0].detail  # type: ignore[attr-defined]
    assert not Ranking.objects.exists()


def test_versions_keep_what_they_have_and_later_ones_go_without(project: Project, labeler: User) -> None:
    prompts(project, 3)
    rank_next(project, labeler, 3)
    first = datasets.freeze(project)
    outcome = withdrawals.withdraw(project, ["p0", "p1"])
    assert outcome.holdings.versions == [holding.Holding(1, 2)]
    second = datasets.freeze(project)
    assert [group["id"] for group in datasets.read_groups(second)] == ["p2"]
    assert len(list(datasets.read_groups(first))) == 3
    withdrawals.restore(project, ["p0", "p1"])
    assert datasets.freeze(project).sha256 == first.sha256


def test_no_more_versions_are_looked_through_than_a_moment_allows(
    project: Project, labeler: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST_ROWS", 3)
    prompts(project, 3)
    for _ in range(3):
        rank(project, labeler)
        datasets.freeze(project)
    outcome = withdrawals.withdraw(project, ["p0"])
    assert ([each.version for each in outcome.holdings.versions], outcome.holdings.not_looked_at) == ([3], 2)


def test_people_agree_on_what_is_there(project: Project, labeler: User) -> None:
    prompts(project, 2)
    for person in (labeler, join(project)):
        rank_next(project, person, 2)
    assert agreement.project_agreement(project).n_prompts == 2
    withdrawals.withdraw(project, ["p0"])
    assert agreement.project_agreement(project).n_prompts == 1


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(id_begins="p1"), ["p1", "p10", "p11"]),
        (Choice(id_begins="%"), []),
        (Choice(state="ranked"), []),
        (Choice(state="unranked", id_begins="p2"), ["p2"]),
        (Choice(metadata_key="source"), ["p3", "p4"]),
        (Choice(metadata_key="source", metadata_value="web"), ["p3"]),
        (Choice(metadata_key="source", metadata_value="5"), ["p4"]),
        (Choice(split="test", id_begins="p5"), ["p5"]),
    ],
    ids=str,
)
def test_they_are_chosen_by_what_they_have_in_common(project: Project, choice: Choice, expected: list[str]) -> None:
    prompts(project, 12)
    Prompt.objects.filter(external_id="p3").update(metadata={"source": "web"})
    Prompt.objects.filter(external_id="p4").update(metadata={"source": 5})
    make_prompt(project, external_id="p50", split="train")
    Prompt.objects.filter(external_id="p5").delete()
    make_prompt(project, external_id="p5", split="test")
    withdrawals.withdraw(project, choice)
    gone = Prompt.objects.filter(withdrawn_at__isnull=False)
    assert sorted(gone.values_list("external_id", flat=True)) == sorted(expected)


def test_by_the_day_of_their_import(project: Project) -> None:
    prompt = make_prompt(project)
    day = prompt.created_at.date()
    assert withdrawals.withdraw(project, Choice(imported_to=day.replace(year=day.year - 1))).prompts == 0
    assert withdrawals.withdraw(project, Choice(imported_from=day.replace(year=day.year - 1))).prompts == 1


def test_nothing_is_chosen_by_saying_nothing(project: Project) -> None:
    prompts(project, 1)
    for choice in (Choice(), Choice(metadata_value="alone")):
        with pytest.raises(Invalid, match="Say which prompts"):
            withdrawals.withdraw(project, choice)
    assert not Prompt.objects.filter(withdrawn_at__isnull=False).exists()


def test_a_dry_run_says_the_same_and_does_nothing(project: Project, labeler: User) -> None:
    prompts(project, 3)
    rank(project, labeler)
    claimed(project, labeler)
    would = withdrawals.withdraw(project, ["p0", "p1", "nowhere"], dry_run=True)
    assert not Prompt.objects.filter(withdrawn_at__isnull=False).exists()
    assert withdrawals.withdraw(project, ["p0", "p1", "nowhere"]) == would
    would = withdrawals.restore(project, Choice(state="withdrawn"), dry_run=True)
    assert withdrawals.restore(project, Choice(state="withdrawn")) == would


def test_what_is_killed_half_way_is_done_by_the_same_again(project: Project, labeler: User) -> None:
    prompts(project, 3)
    rank(project, labeler)

    def cut_off() -> Iterator[str]:
        yield from (f"p{n % 2}" for n in range(1_000))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        withdrawals.withdraw(project, cut_off())
    assert Prompt.objects.filter(withdrawn_at__isnull=False).count() == 2
    outcome = withdrawals.withdraw(project, ["p0", "p1", "p2"])
    assert (outcome.prompts, outcome.unchanged) == (1, 2)


def test_it_stops_when_its_time_is_over_and_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.data.withdrawing.choices.AT_ONCE", 2)
    prompts(project, 5)
    choice = Choice(id_begins="p")
    assert not withdrawals.withdraw(project, choice, seconds=-1).finished
    assert withdrawals.withdraw(project, choice, seconds=60).finished
    assert counters.of(project).total.withdrawn == 5


def test_statements_do_not_grow_with_prompts(project: Project, labeler: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two for a thousand prompts, and one more for each thousand rankings: not for each prompt."""
    prompts(project, 30)
    rank_next(project, labeler, 10)

    def cost(names: list[str]) -> int:
        with CaptureQueriesContext(connection) as queries:
            withdrawals.withdraw(project, names)
        return len(queries)

    assert cost(["p0"]) == cost([f"p{n}" for n in range(1, 30)]) == 3  # and one for the versions
    withdrawals.restore(project, Choice(state="withdrawn"))
    monkeypatch.setattr(withdrawals, "RANKINGS_AT_ONCE", 5)
    assert cost([f"p{n}" for n in range(30)]) == 4


def test_a_withdrawn_prompt_is_held(project: Project) -> None:
    prompt = make_prompt(project)
    withdrawals.withdraw(project, [prompt.external_id])
    with pytest.raises(IntegrityError, match="prompt_withdrawn_is_held"):
        Prompt.objects.update(held_at=None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"p1", b" p2 ", b"", b"p3\r"], ["p1", "p2", "p3"]),
        ([b'\xef\xbb\xbf{"id": "p1", "prompt": "?"}', b'{"id": 7}', b'" p2"', b"08"], ["p1", "7", " p2", "08"]),
    ],
)
def test_a_file_has_an_id_a_line(lines: list[bytes], expected: list[str]) -> None:
    assert list(ids_of(lines)) == expected


@pytest.mark.parametrize(
    "line",
    [
        *(b'{"name": "p1"}', b'{"id": null}', b'{"id": true}', b'{"id": [1]}', b"{", b"\xff", b'"\\ud800"'),
        *(b"a\0", b"x" * 201, b'{"id": ' + b"[" * 100_000),
    ],
)
def test_a_line_that_names_no_prompt_is_said(line: bytes) -> None:
    with pytest.raises(Invalid, match="Line 2"):
        list(ids_of([b"p1", line]))


def test_a_version_frozen_meanwhile_does_not_hold_what_was_put_back(project: Project, labeler: User) -> None:
    first, _ = prompts(project, 2)
    rank(project, labeler, (2, 1, 2, 3))
    rank(project, labeler, (1, 2, 3, 4))
    before = datasets.freeze(project)
    withdrawals.withdraw(project, ["p0"])
    meanwhile = datasets.freeze(project)
    withdrawals.restore(project, ["p0"])
    after = datasets.freeze(project)
    assert [version.number for version in (before, meanwhile, after)] == [1, 2, 3]
    assert holding.versions_with(first, most=9) == [after, before]
    assert holding.versions_with(first, most=1) == [after]
