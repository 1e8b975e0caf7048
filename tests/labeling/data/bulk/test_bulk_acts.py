"""Acts on all prompts that a list finds: each act, what it leaves alone, and what twice or half of it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs import lifecycle, shutdown
from labeling.answers.finding_prompts import PromptConditions, conditions_of
from labeling.data.bulk import acts, bulk_jobs, bulk_worker
from labeling.data.bulk.bulk_jobs import Foreseen
from labeling.data.revising import tags
from labeling.errors import Conflict, Invalid
from labeling.models import BulkAct, Project, Prompt, ReviewCase
from labeling.projects import counters
from labeling.queue import claims, slots
from tests import factories

LATER = Foreseen(10**6, is_all=True)  # so many that a worker does it


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", manager=factories.make_user("mara"), overlap=2)
    for n in range(6):
        factories.make_prompt(project, external_id=f"row-{n}", split="train" if n % 2 else "test")
    return project


def do(project: Project, act: str, value: str = "", **filters: str) -> BulkAct:
    foreseen = bulk_jobs.foresee(project, act, value, conditions_of(project, filters))
    return bulk_jobs.request(project, act, value, filters, by=project.created_by, foreseen=foreseen)


def queue(project: Project, act: str, value: str = "", **filters: str) -> BulkAct:
    return bulk_jobs.request(project, act, value, filters, by=project.created_by, foreseen=LATER)


def column(project: Project, name: str) -> list[Any]:
    return list(project.prompts.order_by("pk").values_list(name, flat=True))


def ids(project: Project, **having: object) -> list[str]:
    return list(project.prompts.filter(**having).order_by("pk").values_list("external_id", flat=True))


def test_what_is_few_is_done_at_once_and_twice_changes_nothing(project: Project) -> None:
    first, again = do(project, "tag", "odd", split="train"), do(project, "tag", "odd", split="train")
    assert (first.state, first.done, first.changed, first.total) == ("succeeded", 3, 3, 3)
    assert (again.state, again.done, again.changed, again.number) == ("succeeded", 0, 0, 2)
    assert column(project, "tags") == [[], ["odd"]] * 3
    assert do(project, "untag", "odd").changed == 3
    assert column(project, "tags") == [[]] * 6


def test_tags_stay_sorted_as_python_sorts_and_no_prompt_has_more_than_there_may_be(project: Project) -> None:
    full, other, *_ = project.prompts.order_by("pk")
    Prompt.objects.filter(pk=full.pk).update(tags=sorted(f"{n:02}" for n in range(20)))
    tags.change(project, [other.pk], add="b")
    done = do(project, "tag", "É")
    assert (done.done, done.changed) == (6, 5)
    assert column(project, "tags")[1:3] == [sorted(["b", "É"]), ["É"]]
    assert do(project, "tag", "B").changed == 5
    assert column(project, "tags")[1] == sorted(["b", "É", "B"])


def test_the_queue_follows_a_priority(project: Project) -> None:
    do(project, "priority", "5", split="train")
    assert ids(project, priority=5) == ["row-1", "row-3", "row-5"]
    labeler = factories.join(project)
    assert factories.claimed(project, labeler).prompt.external_id == "row-1"


def test_an_automatic_labeler_leaves_alone_what_a_manager_set(project: Project) -> None:
    do(project, "priority", "5", split="train")
    slots.serve(column(project, "pk"), priority=slots.LAST)
    assert column(project, "priority") == [-1, 5] * 3
    slots.serve(column(project, "pk"), priority=slots.IN_TURN)
    assert column(project, "priority") == [0, 5] * 3


def test_what_is_held_waits_for_a_manager_and_not_for_a_reviewer(project: Project) -> None:
    labeler = factories.join(project)
    task = factories.claimed(project, labeler)
    held = do(project, "hold", "the licence is not clear", split="train")
    assert held.changed == 3
    assert ids(project, held_reason="the licence is not clear") == ["row-1", "row-3", "row-5"]
    assert all(prompt.is_on_hold for prompt in project.prompts.filter(split="train"))
    assert not ReviewCase.objects.exists()
    assert counters.of(project).total.held == 3
    assert {factories.claimed(project, factories.join(project)).prompt.split for _ in range(3)} == {"test"}
    claims.cannot_rank(task, "no question")
    assert [case.prompt_id for case in ReviewCase.objects.filter(reason="cannot_rank")] == [task.prompt_id]
    assert do(project, "put_back").changed == 4
    assert column(project, "held_at") == [None] * 6
    assert not counters.differences(project)


def test_a_hold_survives_a_withdrawal_and_is_over_for_whoever_sets_it_aside_later(project: Project) -> None:
    do(project, "hold", "wait")
    do(project, "withdraw")
    assert do(project, "hold", "again").changed == 0
    do(project, "restore")
    assert all(prompt.is_on_hold for prompt in project.prompts.all())
    assert not ReviewCase.objects.exists()
    claims.return_to_queue(project.prompts.earliest("pk"))
    task = factories.claimed(project, factories.join(project))
    claims.cannot_rank(task, "no question")
    assert not Prompt.objects.get(pk=task.prompt_id).is_on_hold
    assert ReviewCase.objects.get().prompt_id == task.prompt_id


def test_prompts_are_withdrawn_with_their_rankings_and_put_back(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(acts, "RANKINGS_AT_ONCE", 1)  # so that each is a batch of its own
    for _ in range(2):
        factories.rank_next(project, factories.join(project), 3)
    assert do(project, "withdraw", state="ranked").changed == 3
    numbers = counters.of(project).total
    assert (numbers.withdrawn, numbers.rankings) == (3, 0)
    assert do(project, "restore", state="withdrawn").changed == 3
    assert counters.of(project).total.rankings == 6
    assert not counters.differences(project)


def test_what_is_imported_after_it_was_asked_for_is_not_meant(project: Project) -> None:
    job = queue(project, "tag", "x")
    factories.make_prompt(project, external_id="later")
    bulk_worker.work_all()
    job.refresh_from_db()
    assert (job.state, job.changed, job.percent) == ("succeeded", 6, 100)
    assert ids(project, tags=[]) == ["later"]


def test_other_projects_stay_as_they_are(project: Project) -> None:
    other = factories.make_project(slug="other")
    factories.make_prompt(other)
    do(project, "tag", "x")
    do(project, "withdraw")
    assert (column(other, "tags"), column(other, "withdrawn_at")) == ([[]], [None])


def test_the_same_again_while_it_waits_is_the_same_one(project: Project) -> None:
    first = queue(project, "tag", "x", split="train")
    assert queue(project, "tag", "x", split="train") == first
    assert queue(project, "tag", "x") != first
    bulk_jobs.cancel(first)
    assert queue(project, "tag", "x", split="train") != first


def test_so_many_wait_in_a_project_and_no_more(project: Project) -> None:
    for n in range(bulk_jobs.MOST_WAITING):
        queue(project, "tag", f"{n}")
    with pytest.raises(Conflict, match="20 acts on many prompts wait"):
        queue(project, "tag", "one more")
    queue(factories.make_project(), "tag", "of another project")


def test_one_is_cancelled_while_it_waits_and_not_after_its_end(project: Project) -> None:
    job = bulk_jobs.cancel(queue(project, "tag", "x"))
    bulk_worker.work(job.pk)
    assert (job.state, column(project, "tags")) == ("cancelled", [[]] * 6)
    with pytest.raises(Conflict, match="has ended already"):
        bulk_jobs.cancel(job)


def test_one_that_is_at_work_stops_after_its_batch(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk_worker, "BATCH", 2)
    job = queue(project, "tag", "x")
    running = lifecycle.claim(BulkAct, job.pk)
    assert running is not None
    bulk_worker._do_some(running, PromptConditions())
    bulk_jobs.cancel(job)
    lifecycle.requeue_stale(BulkAct)  # not silent: nothing
    assert bulk_worker._is_to_stop(running)
    job.refresh_from_db()
    assert (job.state, job.changed, len(ids(project, tags=["x"]))) == ("cancelled", 2, 2)


def test_a_worker_that_is_told_to_end_puts_it_back(project: Project, monkeypatch: Any) -> None:
    job = queue(project, "tag", "x")
    shutdown.requested.set()
    try:
        bulk_worker.work(job.pk)
    finally:
        shutdown.requested.clear()
    job.refresh_from_db()
    assert (job.state, job.attempts, job.changed) == ("queued", 0, 0)
    bulk_worker.work_all()
    assert len(ids(project, tags=["x"])) == 6


def test_whoever_lost_the_claim_changes_nothing_more(project: Project) -> None:
    job = queue(project, "tag", "x")
    slept = lifecycle.claim(BulkAct, job.pk)
    assert slept is not None
    BulkAct.objects.filter(pk=job.pk).update(state="queued", worker="")
    assert lifecycle.claim(BulkAct, job.pk) is not None
    with pytest.raises(lifecycle.ClaimLost):
        bulk_worker._do_some(slept, PromptConditions())
    assert column(project, "tags") == [[]] * 6


def test_words_that_can_not_be_looked_for_any_more_end_it_with_a_sentence(project: Project) -> None:
    job = queue(project, "tag", "x", q="-nothing")
    bulk_worker.work_all()
    job.refresh_from_db()
    assert (job.state, column(project, "tags")) == ("failed", [[]] * 6)
    assert "Name at least one word" in job.error


@pytest.mark.parametrize(
    ("act", "value", "code"),
    [
        ("tag", " ", "bad_tag"), ("untag", "x" * 51, "bad_tag"), ("priority", "10", "bad_priority"),
        ("priority", "one", "bad_priority"), ("priority", "", "bad_priority"), ("hold", " ", "reason_required"),
        ("hold", "x" * 301, "reason_too_long"),
    ],
)  # fmt: skip
def test_a_value_that_says_nothing_is_refused(act: str, value: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        acts.checked(act, value)
    assert refused.value.code == code


def statements(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as asked:
        work()
    return len(asked)


@pytest.mark.parametrize("act", ["tag", "untag", "priority", "hold", "put_back", "withdraw", "restore"])
def test_a_batch_costs_the_same_number_of_statements_however_many_it_changes(project: Project, act: str) -> None:
    value = {"tag": "x", "untag": "y", "priority": "1", "hold": "why"}.get(act, "")
    costs = []
    for n in (2, 30):
        for place in range(n):
            prompt = factories.make_prompt(project)
            tags.change(project, [prompt.pk], add=f"own {place}")
            tags.change(project, [prompt.pk], add="y")
        if act == "put_back":
            do(project, "hold", "why")
        if act == "restore":
            do(project, "withdraw")
        job = lifecycle.claim(BulkAct, queue(project, act, value).pk)
        assert job is not None
        costs.append(statements(lambda job=job: bulk_worker._do_some(job, PromptConditions())))  # type: ignore[misc]
        assert job.changed >= n
        lifecycle.end(job, "succeeded")
    assert costs[0] == costs[1] <= 9, costs


def test_a_look_for_few_among_many_has_an_end(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr("labeling.answers.finding_prompts.LOOKED_THROUGH", 2)
    factories.rank(project, factories.join(project, username="otto"))
    job = do(project, "tag", "x", labeler="otto")
    assert (job.state, job.changed, job.total) == ("succeeded", 1, 1)


def test_what_can_not_be_counted_in_time_is_a_workers(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr("labeling.answers.finding_prompts.LOOKED_THROUGH", 2)
    monkeypatch.setattr(bulk_jobs, "LOOK_SECONDS", -1.0)
    foreseen = bulk_jobs.foresee(project, "tag", "x", PromptConditions())
    assert (foreseen.n, foreseen.is_all, foreseen.is_small) == (3, False, False)
    assert do(project, "tag", "x").state == "queued"
    bulk_worker.work_all()
    assert len(ids(project, tags=["x"])) == 6
