"""What tests begin with is what people would have left."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.answers.rankings import submit
from labeling.models import Assignment, PreferencePair, Prompt, RankedCompletion, Ranking, User
from tests.factories import join, make_project, make_prompt, rank, rank_next, tiers_of

pytestmark = pytest.mark.django_db

# What differs each time: keys, moments, and what follows from the order that a labeler sees.
OWN = {"id", "prompt_id", "assignment_id", "ranking_id", "completion_id", "chosen_id", "rejected_id", "project_id"}
OWN |= {"labeler_id", "seed", "shown_order", "shown_position", "chosen_position", "rejected_position"}
OWN |= {"claimed_at", "expires_at", "finished_at", "created_at", "last_ranked_at", "payload_sha256"}
OWN |= {"external_id", "messages", "content_sha256", "split"}


def rows_of(labeler: User) -> list[list[dict[str, Any]]]:
    rankings = Ranking.objects.filter(labeler=labeler)
    ranked = RankedCompletion.objects.filter(ranking__in=rankings).order_by("ranking", "rank")
    tables = [
        Assignment.objects.filter(labeler=labeler).order_by("pk"),
        rankings.order_by("pk"),
        ranked,
        PreferencePair.objects.filter(ranking__in=rankings).order_by("pk"),
        Prompt.objects.filter(rankings__in=rankings).order_by("pk"),
    ]
    return [
        [{name: value for name, value in row.items() if name not in OWN} for row in table.values()] for table in tables
    ]


def test_prompts_ranked_together_are_stored_as_those_ranked_one_by_one() -> None:
    projects = [make_project(overlap=2) for _ in range(2)]
    for project in projects:
        for k in (2, 4, 3):
            make_prompt(project, k=k)
        rank(project, join(project))
    alone, together = (join(project) for project in projects)
    one_by_one = [rank(projects[0], alone) for _ in range(3)]
    at_once = rank_next(projects[1], together, 3)
    assert [ranking.prompt.ranked for ranking in at_once] == [ranking.prompt.ranked for ranking in one_by_one]
    assert rows_of(together) == rows_of(alone)


def test_the_same_answer_again_is_known() -> None:
    project = make_project()
    make_prompt(project)
    [ranking] = rank_next(project, join(project), 1)
    assignment = ranking.assignment
    assert submit(assignment, {"tiers": tiers_of(assignment)}).created is False
