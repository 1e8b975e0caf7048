"""The automatic labeler: which prompts, what is kept of them, and that a job goes on wherever it was interrupted."""

import math
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from jobs import lifecycle
from labeling.errors import Conflict, Invalid
from labeling.models import PreferencePair, Project, Prompt
from labeling.queue import claims, slots
from rewardtrain import tasks
from rewardtrain.automatic import auto_labels
from rewardtrain.automatic.model_preferences import is_held_out
from rewardtrain.models import AutoLabelJob, ModelPreference, PromptScore, RewardModel
from rewardtrain.registry import champions
from rewardtrain.scoring import chunked_job
from rewardtrain.training import runs, worker
from tests.config.helpers import free_port
from tests.core.tiny.backbones import BAD, GOOD
from tests.factories import claimed, join, make_project, make_prompt, rank
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts
from tests.rewardtrain.service import running
from tests.rewardtrain.training.test_worker import in_the_background, until

SURE, UNSURE = [9.0, 6.0, 3.0, 0.0], [0.3, 0.2, 0.1, 0.0]  # rewards of four completions at temperature 1
PARTLY = [9.0, 0.2, 0.1, 0.0]


@pytest.fixture
def champion(project: Project) -> RewardModel:
    """There are no files behind it; 8 prompts are ranked, of which it has seen all."""
    rank_prompts(project, train=4, test=3, validation=1)
    return champions.promote(make_model(project, make_report()), by=None, reason="the first")


def answer(rewards: Sequence[float]) -> dict[str, Any]:
    """As the scorer would."""
    weights = [math.exp(reward) for reward in rewards]
    return {"rewards": list(rewards), "probabilities": [weight / sum(weights) for weight in weights]}


def open_prompts(project: Project, n: int, *, split: str = "train", held_out: bool = False) -> list[Prompt]:
    """Unranked ones which the labeler's holdout takes, or doesn't."""
    found: list[Prompt] = []
    for number in range(1000):
        if len(found) == n:
            break
        prompt = make_prompt(project, split=split, question=f"{split} {held_out} {number}?")
        if is_held_out(prompt.content_sha256) is held_out:
            found.append(prompt)
        else:
            prompt.completions.all().delete()
            prompt.delete()
    return found


def do(job: AutoLabelJob, rewards: dict[int, Sequence[float]], *, size: int = 100) -> None:
    """One chunk, with these rewards by prompt; UNSURE where none are given."""
    chunk = auto_labels.next_chunk(job, size)
    assert chunk is not None
    prompts = auto_labels.to_score(job.project, job.reward_model).filter(pk__gt=job.last_prompt).order_by("pk")[:size]
    answers = [answer(rewards.get(prompt.pk, UNSURE)) for prompt in prompts]
    chunked_job.note(job, chunk, answers)


def taken(project: Project, threshold: float = 0.9) -> AutoLabelJob:
    job = lifecycle.claim(AutoLabelJob, auto_labels.request(project, threshold=threshold).pk)
    assert job is not None
    return job


def test_what_it_is_sure_of_is_kept_with_probability_and_model(project: Project, champion: RewardModel) -> None:
    sure, unsure, partly = open_prompts(project, 3)
    pairs_before = PreferencePair.objects.count()
    job = taken(project)
    assert job.total == 3 + 8  # the ranked ones are compared with
    do(job, {sure.pk: SURE, partly.pk: PARTLY})
    job.refresh_from_db()
    assert (job.decided, job.partly, job.left, job.kept, job.below, job.compared) == (1, 1, 1, 9, 9, 8)
    assert (job.done, job.attempts) == (11, 1)
    best = ModelPreference.objects.filter(prompt=sure).order_by("-probability").first()
    assert best is not None
    assert (best.chosen.position, best.rejected.position, best.reward_model) == (0, 3, champion)
    assert best.probability == pytest.approx(1 / (1 + math.exp(-9)))
    assert not ModelPreference.objects.filter(prompt=unsure).exists()
    assert PreferencePair.objects.count() == pairs_before
    assert PromptScore.objects.count() == 11


def test_people_get_what_it_is_unsure_of_first(project: Project, champion: RewardModel) -> None:
    sure, unsure = open_prompts(project, 2)
    [held_out] = open_prompts(project, 1, held_out=True)
    [test] = open_prompts(project, 1, split="test")
    do(taken(project), {prompt.pk: SURE for prompt in (sure, held_out, test)})
    labeler = join(project)
    order = [rank(project, labeler).prompt_id for _ in range(4)]
    assert order == [unsure.pk, held_out.pk, test.pk, sure.pk]


def test_a_later_model_that_is_less_sure_brings_a_prompt_back(project: Project, champion: RewardModel) -> None:
    first, second = open_prompts(project, 2)
    job = taken(project)
    do(job, {first.pk: SURE})
    assert Prompt.objects.get(pk=first.pk).priority == -1
    lifecycle.end(job, lifecycle.State.SUCCEEDED)
    do(taken(project, threshold=0.99999), {first.pk: SURE, second.pk: UNSURE})
    assert Prompt.objects.get(pk=first.pk).priority == 0
    assert ModelPreference.objects.count() == 0, "its last word on a prompt is the only one"


def test_doing_a_chunk_twice_changes_nothing(project: Project, champion: RewardModel) -> None:
    [prompt] = open_prompts(project, 1)
    job = taken(project)
    do(job, {prompt.pk: SURE})
    rows = list(ModelPreference.objects.values_list("chosen", "rejected", "probability"))
    AutoLabelJob.objects.filter(pk=job.pk).update(last_prompt=0)
    job.last_prompt = 0
    do(job, {prompt.pk: SURE})
    assert list(ModelPreference.objects.values_list("chosen", "rejected", "probability")) == rows


def test_a_prompt_that_somebody_ranks_meanwhile_is_theirs(project: Project, champion: RewardModel) -> None:
    open_prompts(project, 1)
    job = taken(project)
    chunk = auto_labels.next_chunk(job, 100)
    assert chunk is not None
    rank(project, join(project))
    chunked_job.note(job, chunk, [answer(SURE)] * len(chunk.rows))
    assert not ModelPreference.objects.exists()
    assert (job.decided, job.compared) == (0, 9)


def test_who_holds_a_prompt_that_goes_to_the_end_keeps_it(project: Project, champion: RewardModel) -> None:
    [prompt] = open_prompts(project, 1)
    labeler = join(project)
    held = claimed(project, labeler)
    do(taken(project), {prompt.pk: SURE})
    assert claims.claim(project, labeler) == held


def test_a_held_prompt_is_left_alone(project: Project, champion: RewardModel) -> None:
    first, _second = open_prompts(project, 2)
    Prompt.objects.filter(pk=first.pk).update(held_at=timezone.now())
    assert auto_labels.waiting(project, champion).unranked == 1
    assert not auto_labels.to_score(project, champion).filter(pk=first.pk).exists()


def test_the_page_counts_what_a_job_would_read(
    project: Project, champion: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three that nobody has ranked, one of them held; eight ranked ones, two to be ranked again, one of those held."""
    held, *_ = open_prompts(project, 3)
    again = list(project.prompts.filter(ranked=1).values_list("pk", flat=True)[:2])
    Prompt.objects.filter(pk__in=again).update(overlap=2)
    Prompt.objects.filter(pk__in=[held.pk, again[0]]).update(held_at=timezone.now())
    assert auto_labels.waiting(project, None) == auto_labels.Waiting(2, 0)
    assert auto_labels.waiting(project, champion) == auto_labels.Waiting(2, 7)
    assert auto_labels.request(project).total == 9
    monkeypatch.setattr(auto_labels, "MOST_COUNTED", 7)  # pairs of the two prompts ranked last
    assert auto_labels.waiting(project, champion) == auto_labels.Waiting(2, 2, or_more=True)


def test_a_prompt_that_can_not_be_read_is_left_to_people_and_the_others_are_labeled(
    project: Project, champion: RewardModel
) -> None:
    sure, broken = open_prompts(project, 2)
    job = taken(project)
    do(job, {sure.pk: SURE, broken.pk: SURE})
    again = taken_again(job)
    chunk = auto_labels.next_chunk(again, 100)
    assert chunk is not None
    answers = [{"error": "too long"} if name == broken.external_id else answer(SURE) for name in chunk.names]
    chunked_job.note(again, chunk, answers)
    chunked_job.finish(again, dict)
    assert (again.decided, again.left, again.unread) == (1, 0, 1)
    assert again.unread_rows == [{"row": broken.external_id, "error": "too long"}]
    assert not broken.model_preferences.exists()
    assert not PromptScore.objects.filter(prompt=broken).exists()
    broken.refresh_from_db()
    assert broken.priority == slots.IN_TURN


def taken_again(job: AutoLabelJob) -> AutoLabelJob:
    lifecycle.end(job, "succeeded")
    return taken(job.project)


def test_a_job_goes_on_after_the_last_whole_chunk(project: Project, champion: RewardModel) -> None:
    prompts = open_prompts(project, 5)
    job = taken(project)
    do(job, {}, size=10)
    AutoLabelJob.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert lifecycle.requeue_stale(AutoLabelJob).queued == 1
    with pytest.raises(lifecycle.ClaimLost):  # the late worker's next chunk is refused whole
        do(job, {prompts[2].pk: SURE}, size=10)
    assert not ModelPreference.objects.exists()
    again = lifecycle.claim(AutoLabelJob, job.pk)
    assert again is not None
    do(again, {prompts[2].pk: SURE}, size=10)
    assert auto_labels.next_chunk(again, 10) is None
    assert (again.done, again.total, again.decided) == (13, 13, 1)


def test_of_two_requests_at_once_one_wins(project: Project, champion: RewardModel) -> None:
    open_prompts(project, 1)
    answers = list[object]()

    def ask() -> None:
        try:
            answers.append(auto_labels.request(project))
        except Conflict as error:
            answers.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(map(str, answers)) == ["automatic labels 1", "job_active", "job_active"]


@pytest.mark.parametrize("threshold", [0.5, 1.0, 0.0, -1.0, float("nan")])
def test_a_threshold_that_decides_nothing_is_refused(project: Project, champion: RewardModel, threshold: float) -> None:
    with pytest.raises(Invalid, match=r"above 0.5 and below 1"):
        auto_labels.request(project, threshold=threshold)


def test_without_a_champion_there_is_nothing_to_ask(project: Project) -> None:
    make_prompt(project)
    with pytest.raises(Conflict, match="no champion yet"):
        auto_labels.request(project)


@pytest.mark.django_db
def test_a_project_that_classifies_has_no_pairs_to_label() -> None:
    project = make_project(kind=Project.Kind.CLASSIFICATION, flags=[{"name": "hateful", "label": "Hateful"}])
    with pytest.raises(Conflict, match="asks yes or no of each text"):
        auto_labels.request(project)


def test_where_all_is_ranked_and_compared_there_is_nothing_to_do(project: Project, champion: RewardModel) -> None:
    job = taken(project)
    do(job, {})
    lifecycle.end(job, lifecycle.State.SUCCEEDED)
    with pytest.raises(Conflict, match="people have ranked every prompt"):
        auto_labels.request(project)


def test_a_job_is_cancelled_at_once_while_it_waits_and_only_once(project: Project, champion: RewardModel) -> None:
    open_prompts(project, 1)
    job = auto_labels.cancel(auto_labels.request(project))
    assert job.state == "cancelled"
    with pytest.raises(Conflict, match="nothing to cancel"):
        auto_labels.cancel(job)


def test_a_model_whose_files_are_gone_is_tried_three_times(
    project: Project, champion: RewardModel, look_up: Callable[[], None]
) -> None:
    open_prompts(project, 1)
    job = auto_labels.request(project)
    for _ in range(3):
        auto_labels.work(job.pk)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "Model 1 is not in" in job.error
    assert "Gave up after 3 attempts" in job.error


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("model_preference_sides_differ", {"rejected": "chosen"}),
        ("model_preference_chosen_of_its_prompt", {"prompt": "other"}),
        ("model_preference_probability_decides", {"probability": 0.5}),
        ("model_preference_once_per_model", {}),
        ("model_preference_model_of_its_job", {"reward_model": "other"}),
    ],
)
def test_the_database_refuses_what_must_never_be(
    project: Project, champion: RewardModel, name: str, changes: dict[str, object]
) -> None:
    prompt, other = open_prompts(project, 2)
    do(taken(project), {prompt.pk: SURE})
    row = ModelPreference.objects.first()
    assert row is not None
    # The other way round: neither is it said of the same two.
    values: dict[str, object] = {"chosen": row.rejected, "rejected": row.chosen, "prompt": prompt, "probability": 0.9}
    values |= {"reward_model": champion, "job": row.job}
    if name != "model_preference_once_per_model":
        ModelPreference.objects.all().delete()
    stands_for = {"chosen": values["chosen"], "other": other if "prompt" in changes else make_model(project)}
    values |= {key: stands_for.get(str(value), value) for key, value in changes.items()}

    def at_commit() -> None:
        with transaction.atomic():
            ModelPreference.objects.create(**values)
            connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError) as caught:
        at_commit()
    assert caught.value.__cause__.diag.constraint_name == name  # type: ignore[union-attr]


def test_the_real_model_labels_what_it_is_sure_of(project: Project, tiny_training: dict[str, object]) -> None:
    """It is begun while the scoring service is away, and waits for it."""
    rank_prompts(project)
    worker.work(runs.request_run(project, training={**tiny_training, "epochs": 6}).pk)
    clear = make_prompt(project, split="train", texts=[f"{BAD} {BAD} {BAD}", f"{GOOD} {GOOD} {GOOD}"])
    same = make_prompt(project, split="train", texts=[f"{GOOD} ba", f"{GOOD} ba"])
    job = auto_labels.request(project, threshold=0.6)
    port = free_port()
    with override_settings(REWARDS_URL=f"http://127.0.0.1:{port}"), in_the_background(lambda: tasks.label(job.pk)):
        until(lambda: AutoLabelJob.objects.get().state == "running")
        with running(port=port):
            until(lambda: AutoLabelJob.objects.get().state != "running")
    job.refresh_from_db()
    assert (job.state, job.error, job.done, job.decided, job.left) == ("succeeded", "", job.total, 1, 1)
    [preference] = ModelPreference.objects.all()
    assert (preference.prompt, preference.chosen.position) == (clear, 1)
    assert not same.model_preferences.exists()
    tasks.label(job.pk)  # a second delivery of the message
    assert ModelPreference.objects.count() == 1
