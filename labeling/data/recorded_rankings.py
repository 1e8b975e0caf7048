"""Recorded rankings of imported prompts as assignments, rankings, ranked completions and pairs: set-wise."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils import timezone

from formats.rankings import RankingRow
from formats.rows import Row
from labeling.answers import pairs
from labeling.models import Assignment, Completion, Project, Prompt, RankedCompletion, Ranking, User
from labeling.queue.slots import shuffled


@dataclass(frozen=True)
class Recorded:
    """Rankings of a prompt that are new to it, and the row they came in. The prompt's overlap has room for them."""

    prompt: Prompt
    row: Row
    rankings: tuple[RankingRow, ...]


def store(project: Project, recorded: Sequence[Recorded]) -> int:
    """Stores them with a handful of statements however many they are. Returns how many."""
    items = [(one.prompt, one.row, ranking) for one in recorded for ranking in one.rankings]
    if not items:
        return 0
    prompts = [one.prompt for one in recorded]
    completions: dict[int, dict[str, int]] = {prompt.pk: {} for prompt in prompts}
    for completion in Completion.objects.filter(prompt__in=prompts):
        completions[completion.prompt_id][completion.external_id] = completion.pk
    labelers = _labelers(project, {ranking.labeler for _, _, ranking in items})
    assignments = Assignment.objects.bulk_create(
        _assignments(items, labelers, {pk: list(ids.values()) for pk, ids in completions.items()})
    )
    rankings = Ranking.objects.bulk_create(
        Ranking(
            assignment=assignment,
            prompt=prompt,
            labeler_id=assignment.labeler_id,
            source=Ranking.Source.IMPORTED,
            strength=ranking.strength,
            payload_sha256=hashlib.sha256(json.dumps(ranking.ranks).encode()).hexdigest(),
        )
        for assignment, (prompt, _, ranking) in zip(assignments, items, strict=True)
    )
    RankedCompletion.objects.bulk_create(
        RankedCompletion(
            ranking=stored,
            completion_id=completions[prompt.pk][completion.id],
            prompt=prompt,
            rank=rank,
            flags=flags,
        )
        for stored, (prompt, row, ranking) in zip(rankings, items, strict=True)
        for completion, rank, flags in zip(row.completions, ranking.ranks, ranking.flags, strict=True)
    )
    pairs.expand(rankings)
    return len(rankings)


def _labelers(project: Project, names: set[str]) -> dict[str, User]:
    """Gives each labeler's account of recorded rankings: never one that a person logs in with."""
    users: dict[str, User] = {}
    _find(project, names, users)
    for make in (username_of, username_apart):
        if missing := names - users.keys():
            usernames = sorted({make(project, name) for name in missing})
            User.objects.bulk_create(
                (User(username=username, is_imported=True, is_active=False, password="!") for username in usernames),
                ignore_conflicts=True,  # a person took the name first, or another import made the same labeler
            )
            _find(project, missing, users)
    return users


def _find(project: Project, names: set[str], users: dict[str, User]) -> None:
    owners = {username: name for name in names for username in usernames_of(project, name)}
    for user in User.objects.filter(username__in=owners, is_imported=True):
        users[owners[user.username]] = user


def _assignments(
    items: Sequence[tuple[Prompt, Row, RankingRow]],
    labelers: dict[str, User],
    completions: dict[int, list[int]],
) -> Iterator[Assignment]:
    now = timezone.now()
    free = _free_slots({prompt.pk: prompt.overlap for prompt, _, _ in items})
    for prompt, _row, ranking in items:
        seed = secrets.randbelow(2**63)
        yield Assignment(
            prompt=prompt,
            labeler=labelers[ranking.labeler],
            state=Assignment.State.RANKED,
            slot=next(free[prompt.pk]),
            overlap=prompt.overlap,
            seed=seed,
            shown_order=shuffled(completions[prompt.pk], seed),
            expires_at=now,
            finished_at=now,
        )


def _free_slots(overlaps: dict[int, int]) -> dict[int, Iterator[int]]:
    """Gives each prompt's free slots from the lowest on, each looked at once."""
    taken: dict[int, set[int]] = {pk: set() for pk in overlaps}
    live = Assignment.objects.filter(prompt__in=list(overlaps), state__in=Assignment.LIVE)
    for prompt_id, slot in live.values_list("prompt_id", "slot"):
        taken[prompt_id].add(slot)

    def free(pk: int) -> Iterator[int]:
        return (slot for slot in range(1, overlaps[pk] + 1) if slot not in taken[pk])

    return {pk: free(pk) for pk in overlaps}


def usernames_of(project: Project, labeler: str) -> tuple[str, str]:
    return username_of(project, labeler), username_apart(project, labeler)


def username_of(project: Project, labeler: str) -> str:
    """Imported labelers are one project's: the same name in two files of two projects need not be one person.

    Django's user names take no spaces, so the name is made safe; a hash keeps two names that look alike then apart.
    """
    safe = "".join(character if character.isalnum() or character in "@.+-_" else "-" for character in labeler)
    if safe != labeler or len(safe) > 80:
        safe = f"{safe[:80]}.{hashlib.sha256(labeler.encode()).hexdigest()[:8]}"
    return f"{safe}@{project.slug[:60]}"


def username_apart(project: Project, labeler: str) -> str:
    """Names a labeler whose name a person has: no account may hold a #."""
    name, _, place = username_of(project, labeler).rpartition("@")
    return f"{name}#{place}"
