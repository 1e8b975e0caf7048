"""The executor of SkyPilot: launches managed jobs, reads their queue, cancels. SkyPilot replaces lost machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from artifacts import store
from rewardtrain.training.executors.executor import NOTHING, Job, Limits, SchedulerAway, Seen, State
from rewardtrain.training.executors.skypilot import connection, states, task

REQUEST = "request "  # begins the number of a job that SkyPilot is still taking in
OURS = "podium-"  # begins the names of all jobs
MOST = 1000  # jobs in one answer, the newest first
FIELDS = ["job_id", "job_name", "status", "details", "failure_reason"]
ASLEEP = "ClusterNotUpError"  # of the controller, which ends some minutes after its last job has


class SkyPilot:
    """Managed jobs of one API server, by their names, which nobody else has."""

    title = "SkyPilot"

    def submit(self, job: Job) -> str:
        body = task.task_of(job)
        if known := self.look([job.name]).get(job.name):
            return known.id
        return REQUEST + connection.begin("/jobs/launch", task=body, name=job.name)

    def look(self, names: Sequence[str], ids: Mapping[str, str] = NOTHING) -> Mapping[str, Seen]:
        if not names:
            return {}
        waiting = {name: ids[name].removeprefix(REQUEST) for name in names if ids.get(name, "").startswith(REQUEST)}
        taken_in = _taken_in(waiting)  # asked first: what has been taken in by then is in the queue
        rows: dict[str, list[states.Row]] = {}
        for row in _queue(names[0] if len(names) == 1 else OURS):
            rows.setdefault(str(row.get("job_name")), []).append(row)
        return taken_in | {name: states.seen(rows[name]) for name in names if name in rows}

    def cancel(self, job: Seen) -> None:
        if job.id.startswith(REQUEST):
            connection.begin("/api/cancel", request_ids=[job.id.removeprefix(REQUEST)])
        else:
            connection.ask("/jobs/cancel", job_ids=[int(number) for number in job.id.split(",")])

    def missing(self) -> list[str]:
        words = [] if settings.SKYPILOT_URL else ["PODIUM_SKYPILOT_URL is empty; name SkyPilot's API server."]
        if store.bucket() is None:
            words.append("PODIUM_STORAGE is no bucket; SkyPilot's machines share no folder with this one.")
        if settings.SKYPILOT_GPUS and not settings.SKYPILOT_ACCELERATORS:
            words.append("PODIUM_SKYPILOT_ACCELERATORS is empty; name kinds of GPU, or set PODIUM_SKYPILOT_GPUS to 0.")
        try:
            task.read()
        except (OSError, ValueError) as error:
            words.append(f"PODIUM_SKYPILOT_TEMPLATE is {settings.SKYPILOT_TEMPLATE!r}, but {error}")
        return words

    def limits(self) -> Limits:
        kinds, nodes = settings.SKYPILOT_ACCELERATORS, settings.SKYPILOT_NODES
        return Limits(kinds, settings.SKYPILOT_GPUS, settings.SKYPILOT_HOURS, nodes, kinds[0] if kinds else "")

    def model_dir(self) -> str:
        return str(store.root())  # which no machine there has: a bucket keeps the files


def _queue(name: str) -> list[states.Row]:
    """Lists the jobs whose names have this in them; none while the controller sleeps."""
    try:
        said: Any = connection.ask(
            "/jobs/queue/v2", refresh=False, all_users=True, name_match=name, page=1, limit=MOST, fields=FIELDS
        )
    except connection.Refused as refused:
        if refused.kind != ASLEEP:
            raise
        return []
    rows = said.get("jobs") if isinstance(said, dict) else said
    if not isinstance(rows, list) or not all(isinstance(row, dict) and "job_id" in row for row in rows):
        raise SchedulerAway("What answers at PODIUM_SKYPILOT_URL is no SkyPilot.")
    return rows


def _taken_in(numbers: Mapping[str, str]) -> dict[str, Seen]:
    """Says how the jobs are that the queue may not have yet, by the requests that are to put them there."""
    how, found = connection.states(list(numbers.values())), {}
    for name, number in numbers.items():
        if how.get(number) in ("PENDING", "RUNNING", "WAITING"):
            found[name] = Seen(REQUEST + number, State.PENDING, "SkyPilot is taking the job in")
        elif how.get(number) == "FAILED":
            found[name] = Seen(REQUEST + number, State.ENDED, last_words=_why(number))
    return found


def _why(number: str) -> str:
    try:
        connection.result(number)
    except connection.Refused as refused:
        return str(refused)
    return ""
