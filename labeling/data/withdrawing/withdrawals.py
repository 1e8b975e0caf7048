"""Prompts are withdrawn: out of the queue, of counts, exports and later versions, with their rankings; and put back.

Nothing is deleted. A batch is one short transaction (sql/withdraw_prompts.sql), so that what is killed half-way has
done whole batches, and the same again does the rest. See docs/decisions/0149-withdrawn-prompts.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from labeling.data.versions.holding import Holdings, holdings
from labeling.data.withdrawing import choices
from labeling.data.withdrawing.choices import Choice, Found
from labeling.models import Assignment, Project, Prompt, Purpose, Ranking
from labeling.models.functions import call

RANKINGS_AT_ONCE = 1_000  # that a transaction ends or puts back: it bounds how long a prompt's labeler waits
UNKNOWN_SHOWN = 100

Act = Callable[[Project, list[int]], tuple[int, int, int]]  # prompts, rankings and open tasks that it changed


@dataclass
class Outcome:
    """What was done, or would be done, to how many."""

    prompts: int = 0
    unchanged: int = 0  # were so already
    rankings: int = 0
    tasks: int = 0  # that labelers had open
    unknown: int = 0
    unknown_ids: list[str] = field(default_factory=list)  # the first ones
    finished: bool = True  # false where the time was over before all were done: the same again goes on
    holdings: Holdings = Holdings()  # noqa: RUF009 - frozen


def withdraw(
    project: Project, chosen: Choice | Iterable[str], *, seconds: float | None = None, dry_run: bool = False
) -> Outcome:
    """Withdraws prompts by what they have in common or by external ids, and finds the versions that keep them.

    `seconds`: stops after the batch in which they are over. Twice is harmless. Raises Invalid.
    """
    act = _would_withdraw if dry_run else _withdraw
    return _each(project, _batches(project, chosen, withdrawn=False), act, withdrawn=False, seconds=seconds)


def restore(
    project: Project, chosen: Choice | Iterable[str], *, seconds: float | None = None, dry_run: bool = False
) -> Outcome:
    """Puts withdrawn prompts back, with the rankings that stood; as withdraw does."""
    act = _would_restore if dry_run else _restore
    return _each(project, _batches(project, chosen, withdrawn=True), act, withdrawn=True, seconds=seconds)


def _batches(
    project: Project, chosen: Choice | Iterable[str], *, withdrawn: bool
) -> Iterator[tuple[list[Found], list[str]]]:
    if isinstance(chosen, Choice):
        return ((found, []) for found in choices.by_choice(project, chosen, withdrawn=withdrawn))
    return choices.by_ids(project, chosen)


def _each(
    project: Project,
    batches: Iterable[tuple[list[Found], list[str]]],
    act: Act,
    *,
    withdrawn: bool,
    seconds: float | None,
) -> Outcome:
    outcome, names = Outcome(), []
    ends = None if seconds is None else time.monotonic() + seconds
    for found, unknown in batches:
        if ends is not None and time.monotonic() > ends:
            outcome.finished = False
            break
        outcome.unknown += len(unknown)
        outcome.unknown_ids += unknown[: UNKNOWN_SHOWN - len(outcome.unknown_ids)]
        due = [each for each in found if each.is_withdrawn == withdrawn]
        for part in _parts(due):
            prompts, rankings, tasks = act(project, [each.key for each in part])
            outcome.prompts += prompts
            outcome.rankings += rankings
            outcome.tasks += tasks
        outcome.unchanged += len(found) - len(due)
        names.append(pa.array([each.name for each in found], pa.string()))
    outcome.holdings = holdings(project, names)
    return outcome


def _parts(found: list[Found]) -> Iterator[list[Found]]:
    """Divides them so that a transaction has RANKINGS_AT_ONCE, or one prompt that has more."""
    part: list[Found] = []
    rankings = 0
    for each in found:
        if part and rankings + each.ranked > RANKINGS_AT_ONCE:
            yield part
            part, rankings = [], 0
        part.append(each)
        rankings += each.ranked
    if part:
        yield part


def _withdraw(project: Project, keys: list[int]) -> tuple[int, int, int]:
    row = call("podium_withdraw_prompts", project=project.pk, prompts=keys)
    return row["changed"], row["rankings"], row["tasks"]


def _restore(project: Project, keys: list[int]) -> tuple[int, int, int]:
    row = call("podium_restore_prompts", project=project.pk, prompts=keys)
    return row["changed"], row["rankings"], row["tasks"]


def _would_withdraw(_project: Project, keys: list[int]) -> tuple[int, int, int]:
    rankings = Ranking.objects.filter(prompt__in=keys, live=True).count()
    tasks = Assignment.objects.filter(prompt__in=keys, state=Assignment.State.CLAIMED).count()
    return len(keys), rankings, tasks


def _would_restore(_project: Project, keys: list[int]) -> tuple[int, int, int]:
    there = Prompt.objects.filter(pk__in=keys, erasure=None)
    ranked = Assignment.objects.filter(prompt__in=there, state=Assignment.State.RANKED, purpose=Purpose.LABEL)
    return there.count(), ranked.count(), 0
