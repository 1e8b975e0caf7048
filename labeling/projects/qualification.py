"""What a project asks of people before they rank here: whether it can, and whom it would stop."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import ngettext

from labeling.errors import Invalid
from labeling.models import GoldAnswer, Membership, Project, Role


@dataclass(frozen=True)
class Stopped:
    """Labelers who would have to qualify before their next task, of all who can log in."""

    n: int = 0
    of: int = 0


def check(project: Project) -> None:
    """Raises Invalid('too_few_items') where an attempt would have more practice items than there are."""
    if not project.qualify_items:
        return
    rows = GoldAnswer.objects.filter(project=project, practice=True) if project.pk else GoldAnswer.objects.none()
    n = rows.order_by().count()
    if n < project.qualify_items:
        message = ngettext(
            "qualify_items is %(asked)d, and the project has %(n)d practice item: mark more, or ask for fewer.",
            "qualify_items is %(asked)d, and the project has %(n)d practice items: mark more, or ask for fewer.",
            n,
        )
        raise Invalid("too_few_items", message % {"asked": project.qualify_items, "n": n}, attr="qualify_items")


def stopped_by(before: Project, after: Project) -> Stopped:
    """Counts whom a change stops: nobody, where the project asked before, or doesn't after."""
    if before.qualify_items or not after.qualify_items:
        return Stopped()
    labelers = _labelers(after)
    return Stopped(labelers.filter(qualified_at=None).count(), labelers.count())


def spare(project: Project) -> None:
    """Lets those who are there go on without: it is asked of new people only. Call it in the change's transaction."""
    before = {"qualified": Membership.Qualified.BEFORE, "qualified_at": timezone.now()}
    Membership.objects.filter(project=project, qualified_at=None).update(**before)


def _labelers(project: Project) -> QuerySet[Membership]:
    return Membership.objects.filter(project=project, role=Role.LABELER, user__is_active=True).order_by()
