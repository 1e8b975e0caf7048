"""What a service's answers become at its client and in a job of many texts. The service says what it is told here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone

from jobs import lifecycle
from labeling.errors import Conflict, Invalid
from labeling.models import Project
from rewardtrain.automatic import best_of
from rewardtrain.core.serving.protocols import MOST_COMPLETIONS
from rewardtrain.models import BestOfJob, RewardModel
from rewardtrain.registry import champions
from rewardtrain.registry.model_files import model_folder
from rewardtrain.scoring import chunked_job, service_client
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts
from tests.rewardtrain.scoring.peer import Said, answer, answering, problem, scores


@pytest.fixture
def champion(project: Project) -> RewardModel:
    rank_prompts(project, train=1, test=1, validation=0)
    return champions.promote(make_model(project, make_report()), by=None, reason="the first")


def rows(*texts: list[str]) -> list[dict[str, Any]]:
    return [{"prompt": "Which?", "completions": each} for each in texts]


# --- The client -------------------------------------------------------------------------------------------------------


def test_the_champion_is_asked_for_by_that_name_and_a_version_by_its_number(
    project: Project, champion: RewardModel
) -> None:
    with answering(lambda path, body: (200, {**answer(body["completions"]), "model": 1})) as asked:
        service_client.score(project, "Why?", ["a", "bb"], raw=True)
        service_client.score(project, "Why?", ["a", "bb"], version=1, pairwise=True)
    assert asked == [
        ("/helpful/score", {"prompt": "Why?", "completions": ["a", "bb"], "raw": True, "pairwise": False}),
        ("/helpful/score", {"prompt": "Why?", "completions": ["a", "bb"], "raw": False, "pairwise": True, "model": 1}),
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Invalid),
        (413, Invalid),
        (409, Conflict),
        (401, service_client.Unavailable),
        (429, service_client.Unavailable),
        (500, service_client.Unavailable),
    ],
)
def test_what_the_service_refuses_is_said_in_its_words(
    project: Project, champion: RewardModel, status: int, kind: type[Exception]
) -> None:
    with answering(lambda path, body: problem(status, "some_code", "What is wrong.")), pytest.raises(kind) as told:
        service_client.score(project, "Why?", ["a"])
    assert (told.value.code, told.value.detail) == ("some_code", "What is wrong.")  # type: ignore[attr-defined]
    assert type(told.value) is kind


def test_a_model_whose_files_are_gone_is_told_apart_from_a_busy_service(
    project: Project, champion: RewardModel
) -> None:
    with answering(lambda path, body: problem(503, "busy", "Too much at once.")):
        with pytest.raises(service_client.Unavailable, match=r"Model 1 is not in .*; restore it from a backup"):
            service_client.score(project, "Why?", ["a"])
        folder = model_folder(champion)
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
        with pytest.raises(service_client.Unavailable, match="Too much at once") as told:
            service_client.score(project, "Why?", ["a"])
    assert told.value.code == "busy"


@pytest.mark.parametrize(("threshold", "positive"), [(None, None), (0.4, [True, True, False])])
def test_a_classifier_with_a_threshold_says_which_texts_are_positive(
    project: Project, champion: RewardModel, threshold: float | None, positive: list[bool] | None
) -> None:
    """A chance of just the threshold is positive."""
    chosen = {"threshold": threshold, "threshold_at": None if threshold is None else timezone.now()}
    RewardModel.objects.filter(pk=champion.pk).update(**chosen)
    said = {**answer(["a", "b", "c"]), "model": 1, "class_probabilities": [0.9, 0.4, 0.39]}
    with answering(lambda path, body: (200, said)):
        told = service_client.score(project, "Why?", ["a", "b", "c"])
        assert told.get("positive") == positive
        assert told.get("threshold") == threshold
    without = {key: value for key, value in said.items() if key != "class_probabilities"}
    with answering(lambda path, body: (200, without)):
        assert "positive" not in service_client.score(project, "Why?", ["a", "b", "c"])


def test_rows_go_together_up_to_as_many_completions_as_the_service_takes(champion: RewardModel) -> None:
    half = ["x"] * (MOST_COMPLETIONS // 2)
    asked_for = rows(half, half, ["a"], half, [*half, "y"])
    with answering(lambda path, body: scores(body)) as asked:
        told = service_client.score_many(champion, asked_for)
    assert [len(body["rows"]) for _, body in asked] == [2, 2, 1]
    assert [len(each["rewards"]) for each in told] == [len(row["completions"]) for row in asked_for]
    assert {body["model"] for _, body in asked} == {1}


def test_rows_at_fault_are_found_by_halves_and_the_others_are_scored_in_their_order(champion: RewardModel) -> None:
    some = rows(*(["a" * place, "unreadable"] if place in (3, 6) else ["a" * place] for place in range(1, 9)))
    with answering(lambda path, body: scores(body)) as asked:
        told = service_client.score_many(champion, some)
    assert [each.get("error", each.get("rewards")) for each in told] == [
        [1.0], [2.0], "this can't be read", [4.0], [5.0], "this can't be read", [7.0], [8.0],
    ]  # fmt: skip
    assert len(asked) <= 11


def test_a_service_that_is_down_in_the_middle_gives_no_half_of_an_answer(champion: RewardModel) -> None:
    full = ["x"] * MOST_COMPLETIONS
    answers = iter([200, 500])

    def say(path: str, body: dict[str, Any]) -> Said:
        return scores(body) if next(answers) == 200 else problem(500, "failed", "Out of memory.")

    with answering(say), pytest.raises(service_client.Unavailable, match="Out of memory"):
        service_client.score_many(champion, rows(full, full))


# --- A job of many texts ----------------------------------------------------------------------------------------------


def uploaded(project: Project, n: int, *, unreadable: tuple[int, ...] = ()) -> BestOfJob:
    lines = [
        json.dumps(
            {
                "id": f"q{place}",
                "prompt": "Which?",
                "completions": [
                    {"id": "a", "text": "unreadable" if place in unreadable else "a"},
                    {"id": "b", "text": "b" * (2 + place % 3)},
                ],
            }
        ).encode()
        for place in range(n)
    ]
    job = lifecycle.claim(BestOfJob, best_of.request(project, lines).pk)
    assert job is not None
    return job


def carry_out(job: BestOfJob) -> BestOfJob:
    chunked_job.carry_out(
        job,
        job.reward_model,
        lambda size: best_of.next_chunk(job, size),
        at_end=lambda: {"report": best_of.report(job)},
    )
    return BestOfJob.objects.get(pk=job.pk)


def test_a_job_is_done_in_chunks_that_grow_and_tells_what_could_not_be_read(
    project: Project, champion: RewardModel
) -> None:
    """The first chunk has 16 rows, the next at most four times as many."""
    job = uploaded(project, 90, unreadable=(2, 40))
    with answering(lambda path, body: scores(body)) as asked:
        done = carry_out(job)
    assert (done.state, done.done, done.total, done.unread) == ("succeeded", 90, 90, 2)
    assert done.unread_rows == [{"row": f"q{place}", "error": "this can't be read"} for place in (2, 40)]
    sizes = [len(body["rows"]) for _, body in asked]
    assert sizes[0] == chunked_job.FIRST_SIZE
    assert max(sizes) <= chunked_job.FIRST_SIZE * chunked_job.GROWTH
    assert done.report is not None
    assert done.report["gains"][1]["n_prompts"] == 88
    lines = [json.loads(line) for line in best_of.result(done)]
    assert [line["id"] for line in lines] == [f"q{place}" for place in range(90)]
    assert [each["id"] for each in lines[0]["completions"]] == ["b", "a"], "the longer one has the higher reward"
    assert [each["rank"] for each in lines[0]["completions"]] == [1, 2]
    assert (lines[2]["error"], [each["id"] for each in lines[2]["completions"]]) == ("this can't be read", ["a", "b"])


def test_a_job_of_which_nothing_could_be_read_fails_with_the_first_reason(
    project: Project, champion: RewardModel
) -> None:
    with answering(lambda path, body: scores(body)):
        done = carry_out(uploaded(project, 3, unreadable=(0, 1, 2)))
    assert (done.state, done.done, done.report) == ("failed", 3, None)
    assert done.error == "None of the 3 texts could be read. First q0: this can't be read"


def test_what_was_done_before_a_failure_stays_and_the_job_is_tried_again_from_there(
    project: Project, champion: RewardModel
) -> None:
    """The service fails at the second chunk, in a way that does not pass by itself."""
    job = uploaded(project, 20)
    failing = [True]

    def say(path: str, body: dict[str, Any]) -> Said:
        if failing[0] and len(body["rows"]) < chunked_job.FIRST_SIZE:
            return problem(500, "failed", "Out of memory.")
        return scores(body)

    with answering(say):
        again = carry_out(job)
        assert (again.state, again.done, again.last_place, again.error) == ("queued", 16, 16, "Out of memory.")
        failing[0] = False
        claimed = lifecycle.claim(BestOfJob, job.pk)
        assert claimed is not None
        done = carry_out(claimed)
    assert (done.state, done.done, done.unread) == ("succeeded", 20, 0)
    assert len(list(best_of.result(done))) == 20


def test_a_refusal_that_no_waiting_mends_ends_the_job(project: Project, champion: RewardModel) -> None:
    with answering(lambda path, body: problem(409, "no_model", "There is no such model.")):
        done = carry_out(uploaded(project, 2))
    assert (done.state, done.error, done.done) == ("failed", "There is no such model.", 0)


def test_a_job_that_is_cancelled_while_the_service_is_away_ends_as_cancelled(
    project: Project, champion: RewardModel
) -> None:
    """It waits for the service, and hears it within a second."""
    job = uploaded(project, 2)
    folder = model_folder(champion)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")

    def say(path: str, body: dict[str, Any]) -> Said:
        best_of.cancel(BestOfJob.objects.get(pk=job.pk))
        return problem(503, "busy", "Too much at once.")

    with answering(say) as asked:
        done = carry_out(job)
    assert (done.state, done.done, len(asked)) == ("cancelled", 0, 1)


def test_who_lost_a_job_to_another_worker_writes_nothing(project: Project, champion: RewardModel) -> None:
    job = uploaded(project, 2)
    BestOfJob.objects.filter(pk=job.pk).update(worker="another")
    with answering(lambda path, body: scores(body)):
        left = carry_out(job)
    assert (left.state, left.worker, left.done) == ("running", "another", 0)
    assert not left.rows.exclude(answer=None).exists()


def test_a_chunk_holds_no_more_text_than_the_service_bears_and_one_row_at_least() -> None:
    most = chunked_job.CHARACTERS
    assert chunked_job.within([most, 1], int) == [most]
    assert chunked_job.within([most - 1, 1, 1], int) == [most - 1, 1]
    assert chunked_job.within([most + 1, 1], int) == [most + 1]
    assert chunked_job.within([], int) == []


def test_only_the_first_unreadable_rows_are_named_and_all_are_counted(project: Project, champion: RewardModel) -> None:
    n = chunked_job.MOST_NAMED + 3
    job = uploaded(project, n + 1, unreadable=tuple(range(1, n + 1)))
    with answering(lambda path, body: scores(body)):
        done = carry_out(job)
    assert (done.state, done.unread) == ("succeeded", n)
    assert [each["row"] for each in done.unread_rows] == [f"q{place}" for place in range(1, chunked_job.MOST_NAMED + 1)]
