"""What a Job, its pods and Kueue's workload say, as a state and a reason."""

from typing import Any

import pytest

from rewardtrain.training.executors.executor import State
from rewardtrain.training.executors.kubernetes.states import seen, waits_for_kueue

Object = dict[str, Any]


def condition(kind: str, reason: str = "", message: str = "", status: str = "True") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def job(*conditions: Object, **about: Any) -> Object:
    metadata = {"name": "podium-1", "namespace": "podium", **about.pop("metadata", {})}
    return {"metadata": metadata, "spec": about, "status": {"conditions": list(conditions)}}


def pod(phase: str = "Running", *conditions: Object, state: Object | None = None, **metadata: Any) -> Object:
    containers = [{"name": "other", "state": {}}, {"name": "podium", "state": state}] if state else None
    status = {"phase": phase, "conditions": list(conditions), "containerStatuses": containers}
    return {"metadata": {"creationTimestamp": "2026-11-30T10:00:00Z"} | metadata, "status": status}


FAILED = condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
TAINT = condition("DisruptionTarget", "DeletionByTaintManager", "Taint manager: deleting")
INDEX = "batch.kubernetes.io/job-completion-index"
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
NO_ROOM = condition("PodScheduled", "Unschedulable", "0/3 nodes are available", "False")


def of(index: int, phase: str = "Running", *conditions: Object, **about: Any) -> Object:
    return pod(phase, *conditions, annotations={INDEX: str(index)}, **about)


@pytest.mark.parametrize(
    ("pods", "state", "reason"),
    [
        ([], State.PENDING, "the Job has no pod yet"),
        ([of(1)], State.PENDING, "the Job has not all its pods yet"),
        ([of(0), of(1)], State.RUNNING, ""),
        ([of(0), of(1, "Pending", NO_ROOM)], State.PENDING, "Unschedulable: 0/3 nodes are available"),
        ([of(0), of(1), of(1, "Failed", TAINT)], State.RUNNING, ""),
        ([of(0), of(1, "Running", TAINT, deletionTimestamp="2026-01-01T00:00:00Z")], State.LOST, "DeletionByTaint"),
        ([of(0), of(1, "Succeeded")], State.RUNNING, ""),
    ],
)
def test_a_job_of_several_pods_works_when_all_of_them_do(pods: list[Object], state: State, reason: str) -> None:
    found = seen(job(completions=2), pods)
    assert found.state == state
    assert found.reason.startswith(reason)


def test_of_several_pods_the_one_that_made_way_says_why_a_job_has_failed() -> None:
    ended = {"terminated": {"exitCode": 75, "reason": "Error", "message": "error: stopped as asked"}}
    disrupted = condition("DisruptionTarget", "PreemptionByScheduler")
    found = seen(job(FAILED, completions=2), [of(0, "Failed", state=ended), of(1, "Failed", disrupted)])
    assert (found.state, found.reason) == (State.PREEMPTED, "PreemptionByScheduler")
    found = seen(job(FAILED, completions=2), [of(0, "Failed", state=ended), of(1, "Failed", state=ended)])
    assert (found.state, found.last_words[:22]) == (State.ENDED, "The job ended with exi")


@pytest.mark.parametrize(
    ("job_", "pods", "state", "reason"),
    [
        (job(), [], State.PENDING, "the Job has no pod yet"),
        (job(suspend=True), [], State.PENDING, "Suspended"),
        (job(suspend=True), [pod()], State.PENDING, "Suspended"),
        (
            job(),
            [pod("Pending", state={"waiting": {"reason": "ContainerCreating"}})],
            State.PENDING,
            "ContainerCreating",
        ),
        (job(), [pod("Pending", state=PULL)], State.PENDING, "ImagePullBackOff: Back-off pulling image"),
        (job(), [pod("Pending", NO_ROOM)], State.PENDING, "Unschedulable: 0/3 nodes are available"),
        (job(), [pod()], State.RUNNING, ""),
        (job(), [pod("Failed")], State.RUNNING, ""),
        (job(), [{"metadata": {}}], State.PENDING, "ContainerCreating"),
        (job(condition("Complete")), [pod("Succeeded")], State.ENDED, ""),
        (job(condition("Complete", status="False")), [pod()], State.RUNNING, ""),
        (job(condition("Failed", "DeadlineExceeded")), [pod("Failed")], State.TIMED_OUT, "DeadlineExceeded"),
        (job(FAILED), [], State.ENDED, "BackoffLimitExceeded: Job has reached the specified backoff limit"),
        (job(FAILED), [pod("Failed", TAINT)], State.LOST, "DeletionByTaintManager: Taint manager: deleting"),
        (
            job(FAILED),
            [pod("Failed", condition("DisruptionTarget", "PreemptionByScheduler"))],
            State.PREEMPTED,
            "PreemptionByScheduler",
        ),
        (job(FAILED), [{"metadata": {}, "status": {"phase": "Failed", "reason": "NodeLost"}}], State.LOST, "NodeLost"),
        (
            job(),
            [pod("Running", TAINT, deletionTimestamp="2026-01-01T00:00:00Z")],
            State.LOST,
            "DeletionByTaintManager",
        ),
        (job(), [pod("Running", TAINT, deletionTimestamp="2999-01-01T00:00:00Z")], State.RUNNING, ""),
        (job(metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), [pod()], State.LOST, "its Job was deleted"),
        (job(), [pod("Pending", condition("X", "y" * 10_000, status="False"), state=PULL)], State.PENDING, "ImagePull"),
    ],
)
def test_a_job_is_read_by_its_conditions_and_its_latest_pod(
    job_: Object, pods: list[Object], state: State, reason: str
) -> None:
    found = seen(job_, pods)
    assert (found.id, found.state) == ("podium/podium-1", state)
    assert found.reason.startswith(reason)
    assert bool(found.reason) == bool(reason)


def test_of_two_pods_the_later_counts_and_of_two_of_a_second_the_one_that_works() -> None:
    first, later = pod("Failed", TAINT), pod("Pending", NO_ROOM, creationTimestamp="2026-11-30T10:00:01Z")
    assert seen(job(), [later, first]).state is State.PENDING
    assert seen(job(), [pod("Running"), first]).state is State.RUNNING
    assert seen(job(), [first, pod("Running")]).state is State.RUNNING


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (
            {"exitCode": 1, "message": "a\nModuleNotFoundError: b\n"},
            "exit code 1. Its last words: ModuleNotFoundError: b",
        ),
        ({"exitCode": 1, "message": ""}, "The job ended with exit code 1."),
        ({"exitCode": 137, "reason": "OOMKilled"}, "memory ran out (OOMKilled)"),
        ({"exitCode": 1, "message": "x" * 5000}, "Its last words: xxx"),
    ],
)
def test_what_a_container_said_last_is_told(ended: Object, words: str) -> None:
    found = seen(job(FAILED), [pod("Failed", state={"terminated": ended})])
    assert words in found.last_words
    assert len(found.last_words) <= 300


def test_kueue_says_why_a_job_waits() -> None:
    def workload(*conditions: Object) -> list[Object]:
        return [{"status": {"conditions": list(conditions)}}]

    waits = condition("QuotaReserved", "Pending", "couldn't assign flavors", "False")
    evicted = condition("Evicted", "Preempted", "Preempted to accommodate a workload")
    assert waits_for_kueue([]) == waits_for_kueue([{}]) == ""
    assert waits_for_kueue(workload(evicted, waits)) == "Pending: couldn't assign flavors"
    assert waits_for_kueue(workload(evicted)) == "Preempted: Preempted to accommodate a workload"
    checks = condition("Admitted", "NoChecks", "a node is being provisioned", "False")
    assert waits_for_kueue(workload(condition("QuotaReserved"), checks)) == "NoChecks: a node is being provisioned"
    assert seen(job(suspend=True), [], suspended_for="Pending: x").reason == "Pending: x"
