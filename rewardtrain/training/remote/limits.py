"""What a job of a cluster may not go on with for ever: silence, and starts that get it nowhere."""

from __future__ import annotations

from rewardtrain.models import TrainingRun
from rewardtrain.training.remote.seen_job import SeenJob

SILENT_SECONDS = 15 * 60.0  # as of a training process here
MOST_PREEMPTIONS = 100  # of a run


def why_end(run: TrainingRun, job: SeenJob) -> str:
    """Says why the run is to end though its job may go on, or "". A person's wish is not asked for here."""
    if job.silent_for() > SILENT_SECONDS:
        return f"The job hung: it said nothing for {SILENT_SECONDS / 60:.0f} minutes."
    if run.preemptions > MOST_PREEMPTIONS:
        return f"The job was begun again {run.preemptions} times and didn't come to its end."
    return ""
