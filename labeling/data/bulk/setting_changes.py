"""Changes a project's settings with what follows from it: another overlap for the prompts that there are.

They get it as by any act on many prompts: at once where they are few, else by a worker, batch by batch, which may be
killed anywhere. Each batch reads the shares as they are then, so of two changes the last one stands for all prompts.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction

from labeling.answers.finding_prompts import conditions_of
from labeling.data.bulk import bulk_jobs
from labeling.models import BulkAct, Project, User
from labeling.models.project_lock import lock_imports, lock_project
from labeling.models.projects import SHARES
from labeling.projects import projects, qualification

Act = BulkAct.Act


def update(
    project: Project,
    changes: Mapping[str, object],
    *,
    by: User | None,
    only_new: bool = False,
    only_new_people: bool = False,
) -> BulkAct | None:
    """Sets the changes, and gives what brings them to prompts: None where none would be another.

    only_new: prompts that are there keep their overlap. only_new_people: a qualification asked for now is not of
    those who are there. Raises what projects.update_project and bulk_jobs.ask raise.
    """
    with transaction.atomic():
        before = _shares_as_they_are(project) if changes.keys() & {*SHARES} else None
        _qualify(project, changes, only_new_people=only_new_people)
        projects.update_project(project, **changes)
        if before is None or before == [getattr(project, name) for name in SHARES]:
            return None
        # What still brings another overlap than this one would go on with this one, half-way.
        bulk_jobs.cancel_all(project.bulk_acts.filter(act=Act.OVERLAP, state__in=BulkAct.ACTIVE))
        if only_new:
            return None
        foreseen = bulk_jobs.foresee(project, Act.OVERLAP, "", conditions_of(project, {}))
        if not foreseen.n and foreseen.is_all:
            return None
        job = bulk_jobs.ask(project, Act.OVERLAP, "", {}, by=by, foreseen=foreseen)
    return bulk_jobs.do_if_small(job, foreseen)


def _qualify(project: Project, changes: Mapping[str, object], *, only_new_people: bool) -> None:
    """Spares those who are there where the project begins to ask. Two who change it at once do it one after another."""
    if not changes.get("qualify_items") or not only_new_people:
        return
    if not lock_project(project).qualify_items:
        qualification.spare(project)


def _shares_as_they_are(project: Project) -> list[int]:
    """Reads them anew: nobody else changes them until the end of the transaction."""
    lock_imports(project)
    [shares] = Project.objects.filter(pk=project.pk).values_list(*SHARES)
    return list(shares)
