"""A line of the result, by hand: no job is done here."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rewardtrain.automatic import best_of
from rewardtrain.models import BestOfJob, CandidateRow, RewardModel

TEXTS = [{"id": "a", "text": "Eins."}, {"id": "b", "text": "Zwei – drei."}, {"id": "c", "text": "Vier."}]
ANSWER = {"rewards": [0.5, 2.0, -1.0], "probabilities": [0.2, 0.7, 0.1], "truncated": [False, True, False]}


def line(answer: dict[str, Any] | None, *, limit: float | None = None) -> dict[str, Any]:
    report = {"gains": [], "doubts": None if limit is None else {"limit": limit, "uncertain": [], "within": []}}
    job = BestOfJob(reward_model=RewardModel(version=3), report=report)
    row = CandidateRow(job=job, place=1, external_id="q", prompt="Was?", completions=TEXTS, answer=answer)
    written = best_of.result_line(job, row)
    assert written.endswith(b"\n")
    found: dict[str, Any] = json.loads(written)
    return found


def test_candidates_stand_by_their_reward_each_with_its_own_figures() -> None:
    found = line({**ANSWER, "uncertainty": [0.1, 0.2, 0.3]}, limit=0.5)
    assert (found["id"], found["prompt"], found["model"], found["uncertain_top"]) == ("q", "Was?", 3, False)
    assert [
        (each["rank"], each["id"], each["text"], each["reward"], each["probability"], each["uncertainty"])
        for each in found["completions"]
    ] == [
        (1, "b", "Zwei – drei.", 2.0, 0.7, 0.2),
        (2, "a", "Eins.", 0.5, 0.2, 0.1),
        (3, "c", "Vier.", -1.0, 0.1, 0.3),
    ]
    assert [each["truncated"] for each in found["completions"]] == [True, False, False]


def test_candidates_of_equal_reward_stay_in_the_uploads_order() -> None:
    found = line({**ANSWER, "rewards": [1.0, 2.0, 1.0]})
    assert [each["id"] for each in found["completions"]] == ["b", "a", "c"]
    assert {each["uncertainty"] for each in found["completions"]} == {None}


@pytest.mark.parametrize(("spread", "unsure"), [(0.2, False), (0.21, True)])
def test_a_top_is_unsure_above_the_limit_alone_whatever_the_others_are(spread: float, unsure: bool) -> None:
    answer = {**ANSWER, "uncertainty": [0.9, spread, 0.9]}
    assert line(answer, limit=0.2)["uncertain_top"] is unsure
    assert line(answer)["uncertain_top"] is False


def test_a_prompt_that_could_not_be_read_is_as_it_came_with_the_reason() -> None:
    found = line({"error": "prompt: too long"}, limit=0.2)
    assert (found["error"], found["completions"], found["uncertain_top"]) == ("prompt: too long", TEXTS, False)


def test_letters_are_written_as_they_are() -> None:
    job = BestOfJob(reward_model=RewardModel(version=3))
    row = CandidateRow(job=job, place=1, external_id="q", prompt="Größe?", completions=TEXTS, answer=ANSWER)
    assert "Größe?" in best_of.result_line(job, row).decode()
