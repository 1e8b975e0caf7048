"""Recorded rankings of imported prompts as assignments, rankings, ranked completions and pairs: set-wise."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from formats.rankings import RankingRow
from formats.said_more import NOTHING
from labeling.answers import pairs
from labeling.data.importing import bulk_rows
from labeling.models import Assignment, Project, Purpose, RankedCompletion, Ranking, User
from labeling.queue.slots import shuffled


@dataclass(frozen=True)
class Recorded:
    """Rankings of a prompt that are new to it. Its overlap has room for them."""

    prompt: int  # its key
    overlap: int
    completions: Sequence[int]  # their keys, in the order of each ranking's ranks
    rankings: tuple[RankingRow, ...]
    is_new: bool  # so that none of its slots is taken


_Item = tuple[Recorded, RankingRow]


def store(project: Project, recorded: Sequence[Recorded], *, imported_by: int | None, now: str) -> list[int]:
    """Stores them with a handful of statements however many they are. Returns their keys.

    now: as ISO 8601; of new prompts it is last_ranked_at, too.
    """
    items = [(one, ranking) for one in recorded for ranking in one.rankings]
    if not items:
        return []
    labelers = _labelers(project, {ranking.labeler for _, ranking in items})
    assignments = bulk_rows.next_keys(Assignment, len(items))
    rankings = bulk_rows.next_keys(Ranking, len(items))
    _copy_assignments(items, assignments, labelers, now)
    _copy_rankings(items, assignments, rankings, labelers, imported_by, now)
    bulk_rows.copy_in(
        RankedCompletion,
        ("ranking_id", "completion_id", "prompt_id", "rank", "flags", "attributes"),
        (
            (stored, completion, one.prompt, rank, _json(flags), _json(attributes))
            for stored, (one, ranking) in zip(rankings, items, strict=True)
            for completion, rank, flags, attributes in zip(
                one.completions,
                ranking.ranks,
                ranking.flags,
                ranking.more.attributes or ({},) * len(ranking.ranks),
                strict=True,
            )
        ),
    )
    pairs.expand(rankings)
    return rankings


def _rewrite(rewrite: tuple[int, str], one: Recorded) -> tuple[str, int]:
    place, text = rewrite
    return text, one.completions[place]


def _json(named: dict[str, Any]) -> str:
    return json.dumps(named) if named else "{}"


def _labelers(project: Project, names: set[str]) -> dict[str, int]:
    """Gives each labeler's account of recorded rankings: never one that a person logs in with."""
    users: dict[str, int] = {}
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


def _find(project: Project, names: set[str], users: dict[str, int]) -> None:
    owners = {username: name for name in names for username in usernames_of(project, name)}
    for key, username in User.objects.filter(username__in=owners, is_imported=True).values_list("pk", "username"):
        users[owners[username]] = key


def _copy_assignments(items: Sequence[_Item], keys: Sequence[int], labelers: dict[str, int], now: str) -> None:
    free = _free_slots(items)

    def rows() -> Iterator[tuple[Any, ...]]:
        for key, (one, ranking) in zip(keys, items, strict=True):
            seed = secrets.randbelow(2**63)
            order = json.dumps(shuffled(one.completions, seed))
            labeler, slot = labelers[ranking.labeler], next(free[one.prompt])
            yield key, one.prompt, labeler, "ranked", slot, one.overlap, seed, order, "", now, now, now

    columns = (
        *("id", "prompt_id", "labeler_id", "state", "slot", "overlap", "seed", "shown_order", "skip_reason"),
        *("claimed_at", "expires_at", "finished_at"),
    )
    bulk_rows.copy_in(Assignment, columns, rows())


def _copy_rankings(
    items: Sequence[_Item],
    assignments: Sequence[int],
    keys: Sequence[int],
    labelers: dict[str, int],
    imported_by: int | None,
    now: str,
) -> None:
    columns = (
        *("id", "assignment_id", "prompt_id", "labeler_id", "revision", "live", "source", "comment", "strength"),
        *("payload_sha256", "created_at", "imported_by_id", "acceptable", "reasons", "says_more"),
        *("rewrite", "rewrite_of_id", "unranked"),
    )
    rows = (
        (
            *(key, assignment, one.prompt, labelers[ranking.labeler], 1, True, Ranking.Source.IMPORTED.value, ""),
            *(ranking.strength, _digest(ranking.ranks, ranking.top_k), now, imported_by, ranking.more.acceptable),
            *(list(ranking.more.reasons), ranking.more != NOTHING),
            *(("", None) if ranking.more.rewrite is None else _rewrite(ranking.more.rewrite, one)),
            ranking.unranked,
        )
        for key, assignment, (one, ranking) in zip(keys, assignments, items, strict=True)
    )
    bulk_rows.copy_in(Ranking, columns, rows)


@lru_cache(maxsize=4096)  # four have 75 orders, ties among them
def _digest(ranks: tuple[int, ...], top_k: int | None) -> str:
    said = ranks if top_k is None else (ranks, top_k)
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _free_slots(items: Sequence[_Item]) -> dict[int, Iterator[int]]:
    """Gives each prompt's free slots from the lowest on, each looked at once."""
    prompts = {one.prompt: one for one, _ in items}
    taken: dict[int, set[int]] = {key: set() for key in prompts}
    if known := [key for key, one in prompts.items() if not one.is_new]:
        live = Assignment.objects.filter(prompt__in=known, state__in=Assignment.LIVE, purpose=Purpose.LABEL)
        for key, slot in live.values_list("prompt_id", "slot"):
            taken[key].add(slot)

    def free(key: int) -> Iterator[int]:
        return (slot for slot in range(1, prompts[key].overlap + 1) if slot not in taken[key])

    return {key: free(key) for key in prompts}


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
