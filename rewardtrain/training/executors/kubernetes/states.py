"""What a Job and its pods say, as the state of a run's job. Pure: it is given the API's JSON.

https://kubernetes.io/docs/concepts/workloads/controllers/job/ and .../workloads/pods/disruptions/
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from rewardtrain.training.executors.executor import Seen, State
from rewardtrain.training.executors.kubernetes.pod_template import CONTAINER

Object = dict[str, Any]

INDEX = "batch.kubernetes.io/job-completion-index"
LONGEST = 300  # characters of a reason
STUCK = timedelta(seconds=60)  # after a pod was to be gone: the node that has to say so is away
LOST = ("DeletionByTaintManager", "DeletionByPodGC")  # why a pod is disrupted when its node is away, or is no more
STARTING = ("ContainerCreating", "PodInitializing")


def seen(job: Object, pods: Sequence[Object], *, suspended_for: str = "") -> Seen:
    """Says how a Job is. suspended_for: why Kueue holds it back."""
    about = job["metadata"]
    state, reason, last_words = _state(job, _newest(pods), suspended_for)
    return Seen(f"{about['namespace']}/{about['name']}", state, _short(reason), _short(last_words))


def _newest(pods: Sequence[Object]) -> list[Object]:
    """Gives the newest pod of each index, of the first before all others."""
    found: dict[int, Object] = {}
    for pod in sorted(pods, key=_latest):
        found[int(pod["metadata"].get("annotations", {}).get(INDEX, 0))] = pod
    return [found[index] for index in sorted(found)]


def _latest(pod: Object) -> tuple[str, bool]:
    """Orders pods by their beginning, which has seconds alone: one that works follows one that has ended."""
    ended = pod.get("status", {}).get("phase") in ("Failed", "Succeeded")
    return str(pod["metadata"].get("creationTimestamp", "")), not ended


def _state(job: Object, pods: list[Object], suspended_for: str) -> tuple[State, str, str]:
    """Gives the state, the reason and a job's last words. It works when all its pods do."""
    if job["metadata"].get("deletionTimestamp"):
        return State.LOST, "its Job was deleted", ""
    if _condition(job, "Complete"):
        return State.ENDED, "", ""
    if failed := _condition(job, "Failed"):
        return _failure(failed, pods)
    if job["spec"].get("suspend"):
        return State.PENDING, suspended_for or "Suspended", ""
    if len(pods) < job["spec"].get("completions", 1):
        return State.PENDING, "the Job has no pod yet" if not pods else "the Job has not all its pods yet", ""
    for pod in pods:
        if _is_stuck(pod):
            return State.LOST, _words(_condition(pod, "DisruptionTarget") or {}), ""
    for pod in pods:
        if pod.get("status", {}).get("phase", "Pending") == "Pending":
            return State.PENDING, _why_pending(pod), ""
    return State.RUNNING, "", ""  # and one that has ended, until its Job says how


def _failure(failed: Object, pods: list[Object]) -> tuple[State, str, str]:
    """Reads why a Job was given up. Disruptions don't fail ours; an older cluster may have them do so, and of several
    pods the others fail where one makes way."""
    if failed.get("reason") == "DeadlineExceeded":
        return State.TIMED_OUT, _words(failed), ""
    for pod in pods:
        if disrupted := _condition(pod, "DisruptionTarget"):
            return State.LOST if disrupted.get("reason") in LOST else State.PREEMPTED, _words(disrupted), ""
        if pod.get("status", {}).get("reason") in ("NodeLost", "NodeShutdown", "Shutdown"):
            return State.LOST, str(pod["status"]["reason"]), ""
    return State.ENDED, _words(failed), next(filter(None, map(_last_words, pods)), "")


def _last_words(pod: Object) -> str:
    """Gives what a container said last, or what ended it."""
    status = pod.get("status", {})
    for container in status.get("containerStatuses") or ():
        ended = container.get("state", {}).get("terminated")
        if container.get("name") != CONTAINER or not ended:
            continue
        lines = [line.strip() for line in str(ended.get("message") or "").splitlines() if line.strip()]
        if ended.get("reason") == "OOMKilled":
            return "Its container's memory ran out (OOMKilled); let the pod template give it more."
        how = f"The job ended with exit code {ended.get('exitCode')}."
        return f"{how} Its last words: {lines[-1]}" if lines else how
    return str(status.get("message") or "")


def _why_pending(pod: Object) -> str:
    """Says what a pod waits for: an image that can't be pulled, a node with room."""
    status = pod.get("status", {})
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") and waiting["reason"] not in STARTING:
            return _words(waiting)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _words(condition)
    return STARTING[0]


def _is_stuck(pod: Object) -> bool:
    """Tells whether a pod was to be gone long ago. Its node's word is waited for, which a lost one never gives."""
    until = pod["metadata"].get("deletionTimestamp")
    return bool(until) and datetime.now(UTC) - datetime.fromisoformat(until) > STUCK


def waits_for_kueue(workloads: Sequence[Object]) -> str:
    """Says why Kueue doesn't let a Job begin. What holds its quota back is written anew by each try."""
    said = {
        (condition.get("type"), condition.get("status")): condition
        for workload in workloads
        for condition in workload.get("status", {}).get("conditions") or ()
    }
    order = (("QuotaReserved", "False"), ("Admitted", "False"), ("Evicted", "True"))
    return next((_words(said[key]) for key in order if key in said), "")


def _condition(thing: Object, kind: str) -> Object | None:
    conditions = thing.get("status", {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind and one.get("status") == "True"), None)


def _words(about: Object) -> str:
    return ": ".join(str(about[key]) for key in ("reason", "message") if about.get(key))


def _short(words: str) -> str:
    return " ".join(words.split())[:LONGEST]
