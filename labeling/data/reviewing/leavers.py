"""Who left a project: prompts that somebody skipped, and that nobody is left for now, become cases.

What was sent back to whoever leaves, is deactivated, or has their work withdrawn, returns to the reviewers in that very
transaction (migration 0052). The prompts may be very many, so the project is marked there, and a worker looks at them.
"""

from __future__ import annotations

import time

from django.db import transaction

from labeling.models import Project
from labeling.models.functions import call

AT_ONCE = 1_000  # prompts, in a transaction
BEGUN = -1  # a mark: the look has begun, so that who leaves now is told from who left before
SECONDS = 5.0  # of all projects together, a minute


def look(*, seconds: float = SECONDS) -> None:
    """Looks at the prompts of marked projects for so long. Twice is harmless; killed half-way it goes on.

    Somebody who leaves meanwhile marks the project with 0 again, which stays, and begins anew at the next look.
    """
    ends = time.monotonic() + seconds
    for project in Project.objects.filter(look_after__isnull=False, deleted_at=None).order_by("?").only("look_after"):
        after = project.look_after
        if after == 0:
            after = _moved(project, 0, BEGUN)
        while after is not None and time.monotonic() < ends:
            with transaction.atomic():
                last = call("podium_look_after", project=project.pk, after=after, most=AT_ONCE)["last"]
                after = _moved(project, after, last)


def _moved(project: Project, mark: int, to: int | None) -> int | None:
    """Moves the mark; None where it was moved by somebody else."""
    return to if Project.objects.filter(pk=project.pk, look_after=mark).update(look_after=to) else None
