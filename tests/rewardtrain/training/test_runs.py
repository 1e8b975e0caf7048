import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from jobs import lifecycle
from labeling.errors import Conflict, Invalid
from labeling.models import DatasetVersion, Project
from rewardtrain import tasks
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import policy, runs
from tests.factories import make_project
from tests.rewardtrain.conftest import make_run, rank_prompts

HEAD = policy.Depth.HEAD


@pytest.fixture
def ranked(project: Project) -> Project:
    rank_prompts(project)
    return project


def claimed(run: TrainingRun) -> TrainingRun:
    found = lifecycle.claim(TrainingRun, run.pk)
    assert found is not None
    return found


def silent(run: TrainingRun, seconds: float) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(seconds=seconds))


def side_by_side(*calls: Callable[[], object]) -> list[object]:
    """Calls them at once, each on a database connection of its own; answers or errors in their order."""
    barrier, answers = threading.Barrier(len(calls)), dict[int, object]()

    def target(place: int, call: Callable[[], object]) -> None:
        barrier.wait(10)
        try:
            answers[place] = call()
        except Exception as error:
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=target, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return [answers[place] for place in range(len(calls))]


def test_a_request_freezes_what_was_ranked_and_queues_a_run(ranked: Project) -> None:
    run = runs.request_run(ranked, training={"epochs": 3})
    assert (run.number, run.state, run.trigger) == (1, "queued", "manual")
    assert run.dataset_version.n_pairs == 216
    assert run.training["epochs"] == 3
    assert run.training["backbone"] == "minilm"
    assert run.folder == f"projects/{ranked.pk}/runs/1"


def test_the_requests_settings_go_over_the_policys(ranked: Project) -> None:
    policy.update_policy(ranked, training={"epochs": 2, "max_length": 64})
    run = runs.request_run(ranked, training={"epochs": 3})
    assert (run.training["epochs"], run.training["max_length"]) == (3, 64)


def test_a_second_active_run_is_refused(ranked: Project) -> None:
    runs.request_run(ranked)
    with pytest.raises(Conflict, match="Run 1 is queued"):
        runs.request_run(ranked)
    assert DatasetVersion.objects.count() == 1


def test_of_two_requests_at_once_one_wins(ranked: Project) -> None:
    answers = side_by_side(*[lambda: runs.request_run(ranked)] * 4)
    assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 3 + ["TrainingRun"]
    assert TrainingRun.objects.count() == 1


def test_the_database_itself_refuses_a_second_active_run(ranked: Project) -> None:
    make_run(ranked, state="running")
    with pytest.raises(IntegrityError, match="run_one_active_per_depth"), transaction.atomic():
        make_run(ranked, state="queued")


def test_a_head_does_not_wait_for_a_fine_tuning(ranked: Project) -> None:
    full = runs.request_run(ranked)
    head = runs.request_run(ranked, depth=HEAD)
    assert (full.depth, full.training["depth"], head.depth, head.training["depth"]) == ("full", "full", "head", "head")
    assert head.dataset_version == full.dataset_version
    with pytest.raises(Conflict, match="Run 2 is queued"):
        runs.request_run(ranked, depth=HEAD)


def test_too_few_pairs_are_refused_with_their_number(project: Project) -> None:
    rank_prompts(project, train=1, test=1, validation=0)
    with pytest.raises(Invalid, match="6 pairs in the train split; a run needs 10") as refused:
        runs.request_run(project)
    assert refused.value.code == "too_few_pairs"
    assert not TrainingRun.objects.exists()
    assert not DatasetVersion.objects.exists()


def test_an_empty_project_is_refused(project: Project) -> None:
    with pytest.raises(Invalid, match="0 pairs in the train split"):
        runs.request_run(project)


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"epoch": 1}, "unknown setting 'epoch'"),
        ({"learning_rate": -1}, "learning_rate is -1"),
        ({"depth": "head"}, "depth is not a training setting here"),
        ({"backbone": "/no/such/folder"}, "backbone is '/no/such/folder'; choose one of minilm"),
    ],
)
def test_a_bad_setting_is_refused_by_name(ranked: Project, training: dict[str, object], words: str) -> None:
    with pytest.raises(Invalid, match=words):
        runs.request_run(ranked, training=training)


def test_of_many_claims_at_once_one_wins(ranked: Project) -> None:
    run = runs.request_run(ranked)
    answers = side_by_side(*[lambda: lifecycle.claim(TrainingRun, run.pk)] * 6)
    assert [answer for answer in answers if answer is not None] == [run]
    run.refresh_from_db()
    assert (run.state, run.attempts) == ("running", 1)


def test_an_unknown_or_ended_run_cannot_be_claimed(ranked: Project) -> None:
    assert lifecycle.claim(TrainingRun, make_run(ranked).pk) is None
    assert lifecycle.claim(TrainingRun, 999_999) is None


def test_a_heartbeat_of_a_lost_claim_fails(ranked: Project) -> None:
    mine = claimed(runs.request_run(ranked))
    assert lifecycle.heartbeat(mine, phase="training") is False
    silent(mine, 3600)
    lifecycle.requeue_stale(TrainingRun)
    other = claimed(mine)
    for write in (lifecycle.heartbeat, lifecycle.put_back):
        with pytest.raises(lifecycle.ClaimLost):
            write(mine)
    for state in ("succeeded", "cancelled", "failed"):
        with pytest.raises(lifecycle.ClaimLost):
            lifecycle.end(mine, state, error="too late")
    with pytest.raises(lifecycle.ClaimLost):
        lifecycle.try_again(mine, "too late")
    assert TrainingRun.objects.get(pk=mine.pk).worker == other.worker


def test_a_silent_run_is_queued_again_and_fails_after_the_third_attempt(ranked: Project) -> None:
    run = runs.request_run(ranked)
    for attempt in (1, 2):
        silent(claimed(run), 3600)
        assert lifecycle.requeue_stale(TrainingRun) == lifecycle.Requeued(queued=1, failed=0, cancelled=0)
        run.refresh_from_db()
        assert (run.state, run.attempts, run.worker) == ("queued", attempt, "")
    silent(claimed(run), 3600)
    assert lifecycle.requeue_stale(TrainingRun) == lifecycle.Requeued(queued=0, failed=1, cancelled=0)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "Gave up after 3 attempts. The worker said nothing for" in run.error
    assert run.finished_at


def test_a_run_that_beats_is_left_alone(ranked: Project) -> None:
    run = claimed(runs.request_run(ranked))
    silent(run, 5)
    assert lifecycle.requeue_stale(TrainingRun) == lifecycle.Requeued(queued=0, failed=0, cancelled=0)


def test_a_queued_run_is_cancelled_at_once(ranked: Project) -> None:
    run = runs.cancel(runs.request_run(ranked))
    assert run.state == "cancelled"
    assert lifecycle.claim(TrainingRun, run.pk) is None
    with pytest.raises(Conflict, match="Run 1 has ended already"):
        runs.cancel(run)


def test_a_running_run_learns_of_its_cancellation_by_its_heartbeat(ranked: Project) -> None:
    run = claimed(runs.request_run(ranked))
    assert runs.cancel(run).state == "running"
    assert lifecycle.heartbeat(run) is True


def test_a_cancelled_run_whose_worker_died_is_not_started_again(ranked: Project) -> None:
    run = claimed(runs.request_run(ranked))
    runs.cancel(run)
    silent(run, 3600)
    assert lifecycle.requeue_stale(TrainingRun) == lifecycle.Requeued(queued=0, failed=0, cancelled=1)


def test_cancel_and_claim_at_once_never_lose_the_cancellation(ranked: Project) -> None:
    run = runs.request_run(ranked)
    side_by_side(lambda: runs.cancel(run), lambda: lifecycle.claim(TrainingRun, run.pk))
    run.refresh_from_db()
    assert run.state == "cancelled" or (run.state == "running" and run.cancel_requested)


def test_points_of_a_resumed_run_overwrite_the_earlier_ones(ranked: Project) -> None:
    run = make_run(ranked, state="running")
    runs.add_points(run, [RunPoint(run=run, step=step, loss=1.0) for step in (1, 2)], "loss")
    validation = RunPoint(run=run, step=2, validation_log_loss=0.6, validation_accuracy=0.7)
    runs.add_points(run, [validation], "validation_log_loss", "validation_accuracy")
    runs.add_points(run, [RunPoint(run=run, step=2, loss=0.5)], "loss")
    assert [(point.step, point.loss, point.validation_log_loss) for point in runs.curve(run)] == [
        (1, 1.0, None),
        (2, 0.5, 0.6),
    ]


def test_the_sweep_starts_what_is_due_and_one_projects_trouble_is_not_the_others(ranked: Project) -> None:
    broken = make_project(slug="broken")
    rank_prompts(broken)
    policy.update_policy(broken, first_minimum=10)
    broken.retrain_policy.training = {"backbone": "/gone"}
    broken.retrain_policy.save()
    policy.update_policy(ranked, first_minimum=10)
    tasks.start_due_runs()
    tasks.start_due_runs()
    started = TrainingRun.objects.order_by("number")
    assert [(run.project, run.depth, run.trigger, run.requested_by) for run in started] == [
        (ranked, "head", "policy", None),
        (ranked, "full", "policy", None),
    ]
