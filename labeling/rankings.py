"""Submitting a ranking: what a labeler may say, and how it is kept."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from django.db import transaction
from django.utils import timezone

from labeling import assignments, pairs
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, PreferencePair, RankedCompletion, Ranking

MAX_COMMENT = 5_000
MAX_NOTE = 1_000


@dataclass(frozen=True)
class Submission:
    """A complete answer. `tiers` best first; completions of one tier are a tie."""

    tiers: tuple[tuple[str, ...], ...]
    flags: Mapping[str, Mapping[str, bool]]
    comment: str
    active_seconds: float | None

    def rank_of(self) -> dict[str, int]:
        """Dense ranks, 1 is best."""
        return {completion: rank for rank, tier in enumerate(self.tiers, start=1) for completion in tier}

    def digest(self) -> str:
        """What makes two submissions the same answer. Time spent does not: a retry may have waited."""
        flags = {key: sorted(name for name, value in named.items() if value) for key, named in self.flags.items()}
        said = [
            [sorted(tier) for tier in self.tiers],
            {key: names for key, names in flags.items() if names},
            self.comment,
        ]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Submitted:
    ranking: Ranking
    created: bool
    pairs: int
    ties: int


def parse(payload: object, *, completion_ids: Sequence[str], flag_names: Sequence[str]) -> Submission:
    """Checks an answer against its task. Raises Invalid naming the field, the value and what is expected."""
    if not isinstance(payload, Mapping):
        raise Invalid("not_an_object", f'expected {{"tiers": [...]}}, got {_shown(payload)}')
    return Submission(
        tiers=_parse_tiers(payload.get("tiers"), completion_ids),
        flags=_parse_flags(payload.get("flags"), completion_ids, flag_names),
        comment=_parse_comment(payload.get("comment")),
        active_seconds=_parse_seconds(payload.get("active_seconds")),
    )


def submit(assignment: Assignment, payload: object) -> Submitted:
    """Stores the ranking, its ranked completions and pairs in one transaction.

    The same answer again changes nothing (created is False). A lease that ran out is honoured as long as nobody else
    took the prompt: what a person did is not thrown away for the clock's sake.
    Raises Invalid, Conflict('already_ranked'), Conflict('lease_expired'), Conflict('not_claimed').
    """
    with transaction.atomic():
        assignment = assignments.lock(assignment)
        completions = assignments.shown_completions(assignment)
        submission = parse(
            payload,
            completion_ids=[str(completion.pk) for completion in completions],
            flag_names=[flag["name"] for flag in assignment.prompt.project.flags],
        )
        if assignment.state == Assignment.State.RANKED:
            return _again(assignment, submission)
        assignments.take_back(assignment)
        ranking = _store(assignment, submission)
        n_pairs = pairs.expand([ranking])
        return Submitted(ranking, created=True, pairs=n_pairs, ties=comb(len(completions), 2) - n_pairs)


def draft_of(ranking: Ranking) -> dict[str, Any]:
    """A stored ranking as the draft that would give it again."""
    ranked = list(ranking.ranked.all())
    return {
        "ranks": {str(place.completion_id): place.rank for place in ranked},
        "flags": {str(place.completion_id): place.flags for place in ranked if any(place.flags.values())},
        "notes": {str(place.completion_id): place.note for place in ranked if place.note},
        "comment": ranking.comment,
        "strength": ranking.strength,
        "active_seconds": ranking.active_seconds,
    }


def _again(assignment: Assignment, submission: Submission) -> Submitted:
    ranking = Ranking.objects.get(assignment=assignment, live=True)
    if ranking.payload_sha256 != submission.digest():
        raise Conflict(
            "already_ranked",
            f"You ranked this prompt already (ranking {ranking.pk}), and differently. The first answer stands.",
        )
    n_pairs = PreferencePair.objects.filter(ranking=ranking).count()
    n_completions = len(assignment.shown_order)
    return Submitted(ranking, created=False, pairs=n_pairs, ties=comb(n_completions, 2) - n_pairs)


def _store(assignment: Assignment, submission: Submission) -> Ranking:
    ranking = Ranking.objects.create(
        assignment=assignment,
        prompt_id=assignment.prompt_id,
        labeler_id=assignment.labeler_id,
        comment=submission.comment,
        active_seconds=submission.active_seconds,
        payload_sha256=submission.digest(),
    )
    ranks = submission.rank_of()
    RankedCompletion.objects.bulk_create(
        RankedCompletion(
            ranking=ranking,
            completion_id=completion,
            prompt_id=assignment.prompt_id,
            rank=ranks[str(completion)],
            shown_position=position,
            flags=dict(submission.flags.get(str(completion), {})),
        )
        for position, completion in enumerate(assignment.shown_order)
    )
    assignment.state = Assignment.State.RANKED
    assignment.finished_at = timezone.now()
    assignment.draft = None
    assignment.save(update_fields=["state", "slot", "overlap", "finished_at", "draft"])
    return ranking


def _parse_tiers(value: object, completion_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    if not isinstance(value, list) or not all(isinstance(tier, list) for tier in value):
        raise Invalid("tiers_not_lists", f'expected [["best"], ["next", "tied"]], got {_shown(value)}', attr="tiers")
    placed = [str(completion) for tier in value for completion in tier]
    if not placed:
        raise Invalid(
            "nothing_ranked", "Nothing is ranked yet: place every completion before submitting.", attr="tiers"
        )
    for completion in placed:
        if completion not in completion_ids:
            raise Invalid(
                "unknown_completion",
                f"{completion!r} is not a completion of this task; its completions are {', '.join(completion_ids)}.",
                attr="tiers",
            )
    twice = sorted({completion for completion in placed if placed.count(completion) > 1})
    if twice:
        raise Invalid("ranked_twice", f"Ranked more than once: {', '.join(twice)}. Place each once.", attr="tiers")
    missing = [completion for completion in completion_ids if completion not in placed]
    if missing:
        raise Invalid(
            "not_all_ranked",
            f"{len(missing)} of {len(completion_ids)} completions are not ranked yet ({', '.join(missing)}).",
            attr="tiers",
        )
    return tuple(tuple(str(completion) for completion in tier) for tier in value if tier)


def _parse_flags(value: object, completion_ids: Sequence[str], flag_names: Sequence[str]) -> dict[str, dict[str, bool]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Invalid("flags_not_an_object", f'expected {{"id": {{"flag": true}}}}, got {_shown(value)}', attr="flags")
    flags: dict[str, dict[str, bool]] = {}
    for completion, named in value.items():
        if completion not in completion_ids:
            raise Invalid("unknown_completion", f"{completion!r} is not a completion of this task.", attr="flags")
        if not isinstance(named, Mapping):
            raise Invalid("flags_not_an_object", f"expected an object, got {_shown(named)}", attr=f"flags.{completion}")
        for name, answer in named.items():
            if name not in flag_names:
                known = ", ".join(flag_names) or "none"
                raise Invalid("unknown_flag", f"no flag {name!r} in this project; it has: {known}.", attr="flags")
            if not isinstance(answer, bool):
                raise Invalid("flag_not_boolean", f"{name} must be true or false, got {_shown(answer)}", attr="flags")
        flags[completion] = dict(named)
    return flags


def _parse_comment(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_COMMENT or "\x00" in value:
        raise Invalid("comment_invalid", f"a comment is text of at most {MAX_COMMENT} characters", attr="comment")
    return value.strip()


def _parse_seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise Invalid("seconds_invalid", f"expected seconds, 0 or more, got {_shown(value)}", attr="active_seconds")
    return float(value)


def _shown(value: object) -> str:
    """A value in an error message: enough of it to be recognised."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
