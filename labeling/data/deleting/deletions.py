"""Deleting a project: asked for by a manager, done by a worker. From the first moment on nobody finds it any more."""

from __future__ import annotations

import logging
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import notify
from jobs.models import Job
from labeling.data.deleting.contents import contents_of
from labeling.errors import Conflict, Invalid
from labeling.models import Invitation, Membership, Project, ProjectDeletion, User, VersionLink
from labeling.people import access

DELETE = "labeling.delete_project"  # the task that is told of one: rewardtrain/tasks.py

State = Job.State
logger = logging.getLogger(__name__)


def check_confirmed(typed: str, wanted: str) -> None:
    """Raises Invalid('not_confirmed') where what was typed is not the project's name, or its slug."""
    if typed.strip() != wanted.strip():
        message = _("To delete the project, write “%(wanted)s”; this was “%(typed)s”.")
        raise Invalid("not_confirmed", message % {"wanted": wanted, "typed": typed[:200]}, attr="confirm")


def request_deletion(project: Project, *, by: User | None) -> ProjectDeletion:
    """Hides the project, ends what works on it, and queues the rest. Raises Conflict the second time.

    Its address is free at once, its links and invitations give nothing any more, and its members are out.
    """
    with transaction.atomic():
        counts = {each.kind.name: each.n for each in contents_of(project)}
        # One that no form and no address can have, so that another project may take the slug.
        mine = Project.objects.filter(pk=project.pk, deleted_at=None)
        if not mine.update(deleted_at=timezone.now(), slug=f"~{project.pk}"):
            raise Conflict("project_deleted", _("The project %(name)s is being deleted.") % {"name": project.name})
        deletion = ProjectDeletion.objects.create(
            project_id=project.pk, project_key=project.pk, slug=project.slug, name=project.name, counts=counts,
            requested_by=by, total=counts["prompts"],
        )  # fmt: skip
        Membership.objects.filter(project=project.pk).delete()
        Invitation.objects.filter(project=project.pk).delete()
        VersionLink.objects.filter(version__project=project.pk).delete()
        end_work(project.pk)
        notify.notify(DELETE, deletion.pk)
    logger.info("project %s (%s): its deletion was asked for by %s", project.slug, project.pk, by and by.pk)
    return deletion


def end_work(project_key: int) -> bool:
    """Asks every job of the project to end; True where none is at work any more."""
    at_work = False
    for kind in _jobs():
        mine: QuerySet[Any] = kind._default_manager.filter(**{"project": project_key})
        mine.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())
        at_work = bool(mine.filter(state=State.RUNNING).update(cancel_requested=True)) or at_work
    return not at_work


def _jobs() -> list[type[Job]]:
    kinds = (relation.related_model for relation in Project._meta.related_objects)
    return [kind for kind in kinds if issubclass(kind, Job) and kind is not ProjectDeletion]


def visible_deletions(user: User) -> QuerySet[ProjectDeletion]:
    """Gives those that the person asked for; an administrator's are all."""
    rows = ProjectDeletion.objects.select_related("requested_by")
    return rows if access.is_administrator(user) else rows.filter(requested_by=user.pk)


def unfinished(slug: str) -> ProjectDeletion | None:
    """Finds the last one of a project of this slug that isn't over."""
    return ProjectDeletion.objects.filter(slug=slug).exclude(state=State.SUCCEEDED).first()


def resume(deletion: ProjectDeletion) -> None:
    """Queues one that failed once more; any other stays as it is."""
    mine = ProjectDeletion.objects.filter(pk=deletion.pk, state=State.FAILED)
    if mine.update(state=State.QUEUED, attempts=0, finished_at=None, error=""):
        notify.notify(DELETE, deletion.pk)
