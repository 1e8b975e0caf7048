"""Which prompt is next for whom, in which order it is shown, and which of its slots is free.

See docs/decisions/0001-slots-hold-the-overlap.md.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import connection
from django.db.models import QuerySet

from labeling.models import Assignment, Project, Prompt, User

State = Assignment.State
IN_TURN, LAST = 0, -1  # priorities

# One prompt that this labeler never had, with a slot that is free or whose lease ran out. The lock on the prompt's row
# is what keeps two claims apart; SKIP LOCKED lets the second one take the next prompt rather than wait. Within a
# priority in the order of import, so that the overlap of a prompt fills up before many prompts are begun.
_NEXT_PROMPT = """
SELECT prompt.id FROM labeling_prompt prompt
WHERE prompt.project_id = %(project)s AND prompt.held_at IS NULL AND prompt.ranked < prompt.overlap
  AND prompt.id IS DISTINCT FROM %(besides)s
  AND NOT EXISTS (
    SELECT 1 FROM labeling_assignment mine
    WHERE mine.prompt_id = prompt.id AND mine.labeler_id = %(labeler)s
      AND mine.state IN ('claimed', 'ranked', 'skipped'))
  AND prompt.overlap > (
    SELECT count(*) FROM labeling_assignment taken
    WHERE taken.prompt_id = prompt.id
      AND (taken.state = 'ranked' OR taken.state = 'claimed' AND taken.expires_at > %(now)s))
ORDER BY prompt.priority DESC, prompt.id
LIMIT 1
FOR UPDATE OF prompt
"""


def next_prompt(project: Project, labeler: User, now: datetime, *, besides: int | None = None) -> Prompt | None:
    """Finds the next prompt for this labeler and locks its row; None when there is none. Never the prompt `besides`."""
    # Where every prompt left is just being claimed by others, one of them may have a second slot: wait and look.
    parameters = {"project": project.pk, "labeler": labeler.pk, "besides": besides, "now": now}
    found = _first("SKIP LOCKED", parameters) or _first("", parameters)
    if found is None:
        return None
    prompt = Prompt.objects.get(pk=found)
    prompt.project = project
    return prompt


def serve(prompts: Collection[int], *, priority: int) -> None:
    """Serves them before or after the others; those who have one of them already keep it.

    Call it with the rows locked.
    """
    Prompt.objects.filter(pk__in=prompts).exclude(priority=priority).update(priority=priority)


def free_slot(prompt: Prompt, now: datetime) -> int | None:
    """Finds the lowest free slot of a locked prompt, after leases that ran out were closed."""
    taken = live(prompt)
    taken.filter(state=State.CLAIMED, expires_at__lte=now).update(state=State.EXPIRED, finished_at=now)
    slots = set(taken.values_list("slot", flat=True))
    return next((slot for slot in range(1, prompt.overlap + 1) if slot not in slots), None)


def live(prompt: Prompt) -> QuerySet[Assignment]:
    return Assignment.objects.filter(prompt=prompt, state__in=Assignment.LIVE)


def shuffled(completions: Iterable[int], seed: int) -> list[int]:
    """Gives the order a labeler sees, from the assignment's seed: the same on every reload and every machine."""
    order = sorted(completions)
    random.Random(seed).shuffle(order)
    return order


def _first(locked: str, parameters: Mapping[str, int | datetime | None]) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_PROMPT + locked, parameters)
        row = cursor.fetchone()
    return None if row is None else int(row[0])
