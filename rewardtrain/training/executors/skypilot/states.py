"""What SkyPilot's queue says of managed jobs, as the state of a run's job. Pure: it is given the API's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardtrain.training.executors.executor import Seen, State

Row = dict[str, Any]

LONGEST = 300  # characters of a reason

# What isn't here is taken for running. One that is being cancelled can't go on: its machine is being taken away.
STATES = {
    **dict.fromkeys(("PENDING", "SUBMITTED", "STARTING", "RECOVERING"), State.PENDING),
    **dict.fromkeys(("SUCCEEDED", "FAILED", "FAILED_SETUP", "FAILED_PRECHECKS", "FAILED_NO_RESOURCE"), State.ENDED),
    **dict.fromkeys(("CANCELLING", "CANCELLED"), State.CANCELLED),
    "FAILED_CONTROLLER": State.LOST,
}


def seen(rows: Sequence[Row]) -> Seen:
    """Says how the job of one name is. Of two, which come of a kill in between, the later counts; both can be ended."""
    alive = [row for row in rows if state_of(row) in (State.PENDING, State.RUNNING)]
    row = max(alive or rows, key=lambda row: int(row["job_id"]))
    state, status = state_of(row), str(row.get("status"))
    said = " ".join(str(row.get("failure_reason") or row.get("details") or "").split())
    words = f"{status}: {said}"[:LONGEST] if said else status
    last_words = f"SkyPilot says: {words}" if state is State.ENDED and status != "SUCCEEDED" else ""
    reason = words if state in (State.PENDING, State.LOST) else ""
    numbers = sorted({int(each["job_id"]) for each in alive or [row]})
    return Seen(",".join(map(str, numbers)), state, reason, last_words)


def state_of(row: Row) -> State:
    """Gives the state of one job of the queue."""
    return STATES.get(str(row.get("status")), State.RUNNING)
