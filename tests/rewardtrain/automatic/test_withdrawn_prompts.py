"""What the automatic labeler makes of prompts that were withdrawn: nothing, until they are put back."""

from __future__ import annotations

import pytest

from jobs import lifecycle
from labeling.data.exporting import exports
from labeling.data.withdrawing import withdrawals
from labeling.models import Project
from rewardtrain.automatic import auto_labels
from rewardtrain.models import RewardModel
from rewardtrain.registry import champions
from tests.rewardtrain.automatic.test_auto_labels import SURE, do, open_prompts, taken
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts

pytestmark = pytest.mark.django_db


@pytest.fixture
def champion(project: Project) -> RewardModel:
    rank_prompts(project, train=4, test=3, validation=1)
    return champions.promote(make_model(project, make_report()), by=None, reason="the first")


def lines(project: Project) -> int:
    pieces = exports.stream_pairs(project, file_format="jsonl", layout="standard", split="all", source="model")
    return len(b"".join(pieces).splitlines())


def test_they_are_neither_scored_nor_counted_nor_exported(project: Project, champion: RewardModel) -> None:
    prompts = open_prompts(project, 3)
    before = auto_labels.waiting(project, champion)
    withdrawals.withdraw(project, [prompts[0].external_id])
    assert prompts[0] not in auto_labels.to_score(project, champion)
    assert auto_labels.waiting(project, champion).unranked == before.unranked - 1
    withdrawals.restore(project, [prompts[0].external_id])
    job = taken(project)
    do(job, {prompt.pk: SURE for prompt in prompts})
    lifecycle.end(job, lifecycle.State.SUCCEEDED)
    assert lines(project) == 18
    withdrawals.withdraw(project, [prompts[0].external_id])
    assert lines(project) == 12
    withdrawals.restore(project, [prompts[0].external_id])
    assert lines(project) == 18


def test_one_that_is_withdrawn_while_the_model_reads_it_gets_no_preference(
    project: Project, champion: RewardModel
) -> None:
    prompts = open_prompts(project, 2)
    job = taken(project)
    withdrawals.withdraw(project, [prompts[0].external_id])
    do(job, {prompt.pk: SURE for prompt in prompts})
    lifecycle.end(job, lifecycle.State.SUCCEEDED)
    withdrawals.restore(project, [prompts[0].external_id])
    assert lines(project) == 6
