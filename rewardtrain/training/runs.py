"""Training runs: asking for one, cancelling it, and its curves. Its life is that of every job: jobs/lifecycle.py."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.utils.translation import gettext as _

from jobs import lifecycle
from labeling.data.versions import datasets
from labeling.errors import Conflict, Invalid
from labeling.models import Project, User
from labeling.models.project_lock import lock_project
from rewardtrain.evidence import evidence_of
from rewardtrain.models import RunPoint, TrainingRun
from rewardtrain.training import policy, run_settings
from rewardtrain.training.executors import offered

State = TrainingRun.State


# --- Asking for a run -------------------------------------------------------------------------------------------------


def request_run(
    project: Project,
    *,
    by: User | None = None,
    depth: policy.Depth = policy.Depth.FULL,
    trigger: str = TrainingRun.Trigger.MANUAL,
    training: Mapping[str, object] | None = None,
    executor: str = "",
) -> TrainingRun:
    """Freezes today's rankings and queues a run on them.

    `training` goes over the policy's settings, `executor` over where it has runs go. Raises Conflict('run_active')
    while another run of this depth is queued or running, and Invalid: 'too_few_pairs', 'bad_setting', 'no_backbone'.
    """
    of_project = policy.get_policy(project)
    standing = run_settings.standing(of_project.training, depth)
    config = run_settings.checked(project, {**standing, **(training or {})}, depth)
    where = offered.of_run(of_project, depth, processes=config.processes, wanted=executor)
    if lacking := evidence_of(project).lacking(project, config):
        raise Invalid("too_few_pairs", lacking)
    with transaction.atomic():
        # Two requests at once: the second waits here and then sees the first one's run.
        lock_project(project)
        refuse_active(project, depth)
        version = datasets.freeze(project, by=by)
        number = lifecycle.next_number(project.runs.all())
        return TrainingRun.objects.create(
            project=project,
            number=number,
            dataset_version=version,
            depth=depth,
            trigger=trigger,
            requested_by=by,
            training=config.to_dict(),
            folder=f"projects/{project.pk}/runs/{number}",
            **where,
        )


def refuse_active(project: Project, depth: policy.Depth) -> None:
    active = TrainingRun.objects.filter(project=project, depth=depth, state__in=policy.ACTIVE).first()
    if active:
        values = {
            State.QUEUED: _("Run %(number)s is queued; wait for its end, or cancel it."),
            State.RUNNING: _("Run %(number)s is running; wait for its end, or cancel it."),
        }
        raise Conflict("run_active", values[State(active.state)] % {"number": active.number})


def cancel(run: TrainingRun) -> TrainingRun:
    """A queued run ends at once; a running one when its worker sees the request, in a second or two.

    Raises Conflict('run_ended') where there is nothing left to cancel.
    """
    if not lifecycle.cancel(run):
        message = _("Run %(number)s has ended already; there is nothing to cancel.")
        raise Conflict("run_ended", message % {"number": run.number})
    return run


# --- Its curves -------------------------------------------------------------------------------------------------------


def add_points(run: TrainingRun, points: list[RunPoint], *fields: str) -> None:
    """Writes these fields of the run's curves; a step that is there already is overwritten, as after a resume."""
    RunPoint.objects.bulk_create(
        points, update_conflicts=True, unique_fields=("run", "step"), update_fields=fields, batch_size=500
    )


def curve(run: TrainingRun) -> list[RunPoint]:
    return list(RunPoint.objects.filter(run=run).order_by("step"))
