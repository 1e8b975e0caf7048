"""The sentence that says when a job was asked for, began and ended."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from jobs.models import Job
from rewardtrain.models import BestOfJob, TrainingRun
from rewardtrain.templatetags.job_times import job_times


def words(job: Job, **options: Any) -> str:
    return strip_tags(job_times(job, **options))


def run(state: str, *, attempts: int = 1, **minutes_ago: int | None) -> TrainingRun:
    """One whose moments are so many minutes ago; it was asked for five minutes ago."""
    now = timezone.now()
    ago = {"requested": 5, **minutes_ago}
    moments = {f"{name}_at": now - timedelta(minutes=n) for name, n in ago.items() if n is not None}
    return TrainingRun(state=state, attempts=attempts, **moments)


def test_what_waits_was_asked_for() -> None:
    assert words(run("queued", attempts=0), started=True) == "Asked for 5 min ago."


def test_what_works_shows_a_sign_of_life_and_from_the_second_on_which_attempt_it_is() -> None:
    first, again = (run("running", attempts=n, started=3, heartbeat=0) for n in (1, 2))
    assert words(first) == "Asked for 5 min ago, last sign of life just now."
    told = "Asked for 5 min ago, started 3 min ago, last sign of life just now, attempt 2."
    assert words(again, started=True) == told


@pytest.mark.parametrize(("started", "lasted"), [(3, "2\xa0minutes"), (None, "4\xa0minutes")])
def test_what_ended_says_how_long_it_took_or_of_what_never_began_how_long_it_waited(
    started: int | None, lasted: str
) -> None:
    ended = run("cancelled", started=started, finished=1)
    assert words(ended) == f"Asked for 5 min ago, ended 1 min ago after {lasted}."


def test_what_is_long_ago_has_its_day() -> None:
    job = BestOfJob(requested_at=datetime(2024, 2, 3, 12, tzinfo=UTC), state="queued")
    assert words(job) == "Asked for 3 February 2024."
