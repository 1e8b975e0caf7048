from datetime import timedelta

import pytest
from django.utils import timezone

from labeling.answers import rankings
from labeling.errors import Invalid
from labeling.models import Import, PreferencePair, Project, Ranking
from labeling.queue import claims
from rewardtrain.models import TrainingRun
from rewardtrain.training import due, policy
from tests.factories import make_project
from tests.rewardtrain.conftest import make_run, rank_prompts

pytestmark = pytest.mark.django_db
HEAD, FULL = policy.Depth.HEAD, policy.Depth.FULL


@pytest.fixture
def project(db: None) -> Project:
    """36 prompts of 6 pairs: 144 in train, 48 in test, 24 in validation."""
    project = make_project(slug="helpful")
    rank_prompts(project)
    return project


def end(run: TrainingRun, *, minutes_ago: float) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(
        state="succeeded", finished_at=timezone.now() - timedelta(minutes=minutes_ago)
    )


def is_due(project: Project, depth: policy.Depth) -> bool:
    """By the statement that the sweep sends for all projects, which has to say what the page says of one."""
    wanted = due.Due(project, depth)
    assert (wanted in due.due()) == (wanted in due.due(project)) == coming(project, depth).due
    return wanted in due.due()


def coming(project: Project, depth: policy.Depth = FULL) -> policy.NextRetraining:
    return next(each for each in policy.next_retrainings(project) if each.depth == depth)


def test_the_first_run_waits_for_the_first_minimum(project: Project) -> None:
    policy.update_policy(project, first_minimum=217)
    found = coming(project)
    assert (found.new_pairs, found.needed, found.missing, found.due) == (216, 217, 1, False)
    assert not is_due(project, FULL)
    policy.update_policy(project, first_minimum=216)
    assert coming(project).due
    assert is_due(project, FULL)


def test_later_runs_wait_for_new_pairs_since_the_last_runs_version(project: Project) -> None:
    policy.update_policy(project, every_pairs=12, cooldown_minutes=0)
    end(make_run(project), minutes_ago=1)
    assert coming(project).missing == 12
    rank_prompts(project, train=1, test=0, validation=0)
    assert coming(project).missing == 6
    assert not is_due(project, FULL)
    rank_prompts(project, train=1, test=0, validation=0)
    assert is_due(project, FULL)


def test_withdrawn_rankings_do_not_hide_new_ones(project: Project) -> None:
    policy.update_policy(project, every_pairs=12, cooldown_minutes=0)
    end(make_run(project), minutes_ago=1)
    for ranking in Ranking.objects.order_by("pk")[:5]:
        claims.skip(rankings.withdraw(ranking.assignment), "after all, I can't tell")
    rank_prompts(project, train=2, test=0, validation=0)
    found = coming(project)
    assert found.new_pairs == 12
    assert found.due


def test_a_withdrawn_new_ranking_no_longer_counts(project: Project) -> None:
    end(make_run(project), minutes_ago=60)
    (ranking,) = rank_prompts(project, train=1, test=0, validation=0)
    rankings.withdraw(ranking.assignment)
    assert coming(project).new_pairs == 0


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_run_that_came_to_nothing_is_not_repeated_on_the_same_pairs(project: Project, state: str) -> None:
    policy.update_policy(project, every_pairs=6, cooldown_minutes=0)
    run = make_run(project, state=state)
    TrainingRun.objects.filter(pk=run.pk).update(finished_at=timezone.now() - timedelta(minutes=1))
    assert not is_due(project, FULL)
    rank_prompts(project, train=1, test=0, validation=0)
    assert is_due(project, FULL)


def test_it_rests_after_a_run(project: Project) -> None:
    policy.update_policy(project, every_pairs=6, cooldown_minutes=10)
    run = make_run(project)
    rank_prompts(project, train=1, test=0, validation=0)
    end(run, minutes_ago=9)
    assert coming(project).cooling_until
    assert not is_due(project, FULL)
    end(run, minutes_ago=11)
    assert coming(project).cooling_until is None
    assert is_due(project, FULL)


def test_it_waits_until_an_import_has_been_over_for_a_minute(project: Project) -> None:
    """Rather than train on half of its rows. Of one that is paused nothing comes."""
    policy.update_policy(project, every_pairs=6)
    end(make_run(project), minutes_ago=60)
    rank_prompts(project, train=1, test=0, validation=0)
    assert is_due(project, FULL)
    job = Import.objects.create(project=project, number=1, size=1, sha256="")
    for state, seconds_ago, waits in (
        ("draft", None, False), ("queued", None, True), ("running", None, True), ("succeeded", 50, True),
        ("succeeded", 70, False), ("paused", 70, False), ("cancelled", 50, True),
    ):  # fmt: skip
        job.state = state
        job.finished_at = timezone.now() - timedelta(seconds=seconds_ago) if seconds_ago else None
        job.save()
        assert coming(project).importing == (job if waits else None), state
        assert is_due(project, FULL) != waits, state


@pytest.mark.parametrize("state", ["queued", "running"])
def test_it_waits_while_a_run_is_active(project: Project, state: str) -> None:
    policy.update_policy(project, every_pairs=6)
    run = make_run(project, state=state)
    rank_prompts(project, train=1, test=0, validation=0)
    assert coming(project).active_run == run
    assert not is_due(project, FULL)


def test_switched_off_it_never_starts_one(project: Project) -> None:
    policy.update_policy(project, enabled=False)
    assert not coming(project).due
    assert not is_due(project, FULL)


def test_a_head_has_a_smaller_number_of_pairs_and_no_rest(project: Project) -> None:
    found = coming(project, HEAD)
    assert (found.new_pairs, found.needed, found.due) == (216, 50, True)
    make_run(project, depth="head")
    rank_prompts(project, train=8, test=0, validation=0)
    assert coming(project, HEAD).missing == 2
    rank_prompts(project, train=1, test=0, validation=0)
    assert is_due(project, HEAD)


def test_the_depths_count_apart(project: Project) -> None:
    policy.update_policy(project, every_pairs=12, cooldown_minutes=0)
    end(make_run(project), minutes_ago=1)
    rank_prompts(project, train=2, test=0, validation=0)
    make_run(project, depth="head", state="running")
    assert is_due(project, FULL)
    assert not is_due(project, HEAD)
    assert coming(project, HEAD).new_pairs == 0


def test_each_depth_is_switched_off_alone(project: Project) -> None:
    policy.update_policy(project, first_minimum=10, enabled=False)
    assert not is_due(project, FULL)
    assert is_due(project, HEAD)
    policy.update_policy(project, enabled=True, head_enabled=False)
    assert is_due(project, FULL)
    assert not is_due(project, HEAD)


def test_it_does_not_start_a_run_that_could_not_be_evaluated(project: Project) -> None:
    PreferencePair.objects.filter(prompt__split="test").delete()
    policy.update_policy(project, first_minimum=10)
    assert "No pairs in the test split" in coming(project).lacking
    assert not is_due(project, FULL)


def test_a_backbone_that_has_gone_since_is_told_instead_of_tried_for_ever(project: Project) -> None:
    policy.update_policy(project, first_minimum=10)
    project.retrain_policy.training = {"backbone": "/gone"}
    project.retrain_policy.save()
    assert "backbone is '/gone'; choose one of minilm" in coming(project).lacking
    assert not is_due(project, FULL)


def test_a_project_has_the_default_policy_until_someone_changes_it(project: Project) -> None:
    assert policy.get_policy(project).pk is None
    policy.update_policy(project, every_pairs=50)
    assert policy.get_policy(project).pk
    assert policy.get_policy(project).every_pairs == 50


@pytest.mark.parametrize(
    ("changes", "attr", "words"),
    [
        ({"every_pairs": 0}, None, "retrain_policy_counts_positive"),
        ({"every_pairs": -1}, "every_pairs", "-1"),
        ({"cooldown_minutes": "soon"}, "cooldown_minutes", "'soon'"),
        ({"head_every_pairs": 0}, None, "retrain_policy_counts_positive"),
        ({"training": {"epoch": 2}}, "training", "'epoch'"),
        ({"training": {"depth": "head"}}, "training", "depth is not a training setting here"),
        ({"training": {"epochs": "two"}}, "training", "'two'"),
        ({"training": ["epochs"]}, "training", "['epochs']"),
        ({"training": {"backbone": "/no/such/model"}}, "training", "'/no/such/model'"),
        ({"training": {"backbone": "no-such-model"}}, "training", "'no-such-model'"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(
    project: Project, changes: dict[str, object], attr: str | None, words: str
) -> None:
    with pytest.raises(Invalid) as refused:
        policy.update_policy(project, **changes)
    assert words in refused.value.detail
    assert refused.value.attr == attr
