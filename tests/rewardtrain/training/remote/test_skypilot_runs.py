"""Whole runs on SkyPilot, where it differs from the others: test_bucket_jobs.py has what is the same, for both."""

import pytest
from django.test import override_settings

from labeling.models import Project
from rewardtrain.training import runs, worker
from rewardtrain.training.remote.handing_over import job_of
from tests.rewardtrain.training.remote.ended import losses, require_whole
from tests.rewardtrain.training.remote.test_bucket_jobs import Site, Training, site

__all__ = ["site"]  # the fixture

pytestmark = pytest.mark.parametrize("site", ["skypilot"], indirect=True)


def test_what_loses_its_spot_machine_while_the_bucket_is_away_goes_on_from_its_checkpoint(
    project: Project, tiny_training: Training, site: Site
) -> None:
    """SkyPilot finds another machine itself, so that is no failed attempt. Without its bucket no job can end."""
    run = site.handed_over(project, {**tiny_training, "checkpoint_every": 50}, epochs=80)
    site.until(run, lambda: any("checkpoints" in name for name in run.job_files))
    site.s3.cut()
    site.cluster.hold()
    site.cluster.lose_node()
    site.s3.mend()
    site.until(run, lambda: "RECOVERING" in run.job_seen["reason"])
    assert run.job_seen["reason"] == "RECOVERING: The spot machine was preempted"
    assert run.phase == "waiting"
    site.cluster.hold(False)
    site.until(run, lambda: run.job_seen["starts"] == 2)
    site.cluster.down()
    site.until_over(run)  # the job itself says that it has ended
    with site.elsewhere():
        require_whole(run)
    assert (run.attempts, run.preemptions, len(losses(run))) == (1, 1, 160)  # every third step has a point
    site.cluster.down(False)
    assert [job["starts"] for job in site.cluster.jobs()] == [2]


def test_cancelling_ends_a_job_that_works_one_that_waits_and_one_that_is_being_taken_in(
    project: Project, tiny_training: Training, site: Site
) -> None:
    run = site.handed_over(project, tiny_training, epochs=1000)
    [token] = job_of(run).secrets.values()
    site.until(run, lambda: run.job_seen["starts"])
    task = site.cluster.job()["task"]
    assert task["secrets"] == {"PODIUM_JOB_TOKEN": token}
    assert token not in str({name: value for name, value in task.items() if name != "secrets"})
    for prepare in (None, "hold/yes", "slow/yes"):
        if prepare:
            site.cluster.ask("POST", prepare)
            run = runs.request_run(project, training=tiny_training)
            with site.elsewhere():
                worker.work(run.pk)
            site.until(run, lambda: run.job_seen.get("reason"))  # noqa: B023
        runs.cancel(run)
        site.until(run, lambda: run.state == "cancelled")  # noqa: B023
    assert [job["status"] for job in site.cluster.jobs()] == ["CANCELLED", "CANCELLED"]


def test_what_skypilot_refuses_stands_on_the_page_of_the_run(
    project: Project, tiny_training: Training, site: Site
) -> None:
    site.cluster.ask("POST", "broken/No cloud is enabled")
    with override_settings(SKYPILOT_TOKEN_FILE="/nowhere"):
        run = site.handed_over(project, tiny_training)
        site.look(run)
    assert (run.state, run.job_seen["id"]) == ("running", "")
    assert "PODIUM_SKYPILOT_TOKEN_FILE can't be read" in run.job_seen["reason"]
    site.until_over(run)
    assert run.state == "failed"
    assert "SkyPilot says: No cloud is enabled" in run.error
    assert not site.cluster.jobs()
