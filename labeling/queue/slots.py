"""Which prompt is next for whom, in which order it is shown, and which of its slots is free.

See docs/decisions/0001-slots-hold-the-overlap.md, and sql/claim.sql for how the next prompt is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from labeling.models import Prompt

IN_TURN, LAST = 0, -1  # priorities


def serve(prompts: Collection[int], *, priority: int) -> None:
    """Serves them in turn or last; those who have one of them already keep it. What a manager gave another priority
    keeps that.

    Call it with the rows locked.
    """
    ours = Prompt.objects.filter(pk__in=prompts, priority__in=(IN_TURN, LAST))
    ours.exclude(priority=priority).update(priority=priority)


def shuffled(completions: Iterable[int], seed: int) -> list[int]:
    """Gives an order for a seed: that of a ranking recorded elsewhere, which nobody was shown here."""
    return sorted(completions, key=lambda completion: hash((seed, completion)))  # a generator is slow to begin
