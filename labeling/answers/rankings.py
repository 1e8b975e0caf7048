"""What a labeler said: stored, taken back for a moment, changed in a new revision, found again.

The first three are functions of the database (sql/), which lock, look and write; here are their words.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from math import comb
from typing import Any

from django.db.models import Func, OuterRef, Q, QuerySet, TextField
from django.utils.translation import gettext as _

from jobs.notify import notify_soon
from labeling.answers.asks.asked import Asked
from labeling.answers.asks.stored import said_again
from labeling.answers.even_times import even_out
from labeling.answers.row_by_row import has_any
from labeling.answers.submissions import Submission, parse
from labeling.errors import Conflict
from labeling.models import Assignment, RankedCompletion, Ranking
from labeling.models.functions import Row, call, loaded
from labeling.queue import claims, shown_ids, skips
from labeling.queue.skips import UNDO_GRACE_SECONDS, UNDO_SECONDS

RANKED = "labeling.ranked"  # the task that is sent, with a project's id
MAX_WORDS = 20  # of a search: whoever pastes a whole text finds it by the first ones


class _WhatWasAsked(Func):
    """The turns of a dialogue as one text, without the names of its fields."""

    template = "(SELECT string_agg(turn ->> 'content', E'\\n') FROM jsonb_array_elements(%(expressions)s) turn)"
    output_field = TextField()


@dataclass(frozen=True)
class Submitted:
    ranking: Ranking
    created: bool
    pairs: int
    ties: int


def submit(assignment: Assignment, payload: object, *, as_far_as_said: bool = False) -> Submitted:
    """Stores the ranking, its ranked completions and pairs in one transaction.

    The same answer again changes nothing (created is False). A lease that ran out is honoured as long as nobody else
    took the prompt: what a person did is not thrown away for the clock's sake.
    as_far_as_said: takes an answer without what its project asks now, as one from before it was asked.
    Raises Invalid, Conflict('already_ranked'), Conflict('lease_expired'), Conflict('not_claimed').
    """
    return _answer(assignment, payload, change=False, as_far_as_said=as_far_as_said)


def amend(assignment: Assignment, payload: object) -> Submitted:
    """Stores a new revision of an answer; the old one stays as what was said then, and its pairs give way to the new
    ones.

    The same answer as the one that stands changes nothing (created is False).
    Raises Invalid, Conflict('not_ranked'), Conflict('imported').
    """
    return _answer(assignment, payload, change=True)


def withdraw(assignment: Assignment) -> Assignment:
    """Takes an answer back: for a moment after the answer, the task is open again, with the answer as its draft.

    Doing it twice is harmless. Raises Conflict('undo_too_late'), Conflict('not_ranked'), Conflict('imported').
    """
    while True:
        latest = Ranking.objects.filter(assignment=assignment).order_by("revision").last()
        draft = draft_of(latest, assignment) if latest else {}
        row = call(
            "podium_withdraw",
            assignment=assignment.pk,
            ranking=latest and latest.pk,
            draft=json.dumps(draft),
            lease=claims.lease_of(assignment.prompt.project),
            patience=timedelta(seconds=UNDO_SECONDS + UNDO_GRACE_SECONDS),
        )
        if row["outcome"] != "changed":  # by another tab, between the two statements
            break
    _refuse(assignment, row)
    assignment = claims.stands(assignment, row)
    if row["outcome"] == "withdrawn":
        assignment.draft = draft
    return assignment


def undo(assignment: Assignment) -> Assignment:
    """Takes back what a page just sent, a skip or an answer, and raises what each of them does. Twice is harmless."""
    is_open = assignment.state == Assignment.State.CLAIMED and not assignment.rankings.exists()
    if assignment.state == Assignment.State.SKIPPED or is_open:
        return skips.take_up(assignment)
    return withdraw(assignment)


def notify_ranked(project_id: int) -> None:
    """Tells whoever listens that something was ranked there, at once for all of a moment. Call it from the door."""
    notify_soon(RANKED, project_id)


def search(rankings: QuerySet[Ranking], query: str) -> QuerySet[Ranking]:
    """Finds those in which every word stands: in a turn of the prompt, a completion, a note on it, or the comment.

    Upper and lower case are the same, and part of a word is enough.
    """
    matching = rankings.alias(asked=_WhatWasAsked("prompt__messages"))
    for word in query.replace("\0", " ").split()[:MAX_WORDS]:
        places = RankedCompletion.objects.filter(ranking=OuterRef("pk"))
        in_a_place = places.filter(Q(completion__text__icontains=word) | Q(note__icontains=word))
        matching = matching.filter(Q(asked__icontains=word) | Q(comment__icontains=word) | Q(has_any(in_a_place)))
    return matching


def draft_of(ranking: Ranking, assignment: Assignment) -> dict[str, Any]:
    """Gives a stored ranking as the draft that would give it again."""
    ranked = [(shown_ids.of(assignment, place.completion_id), place) for place in ranking.ranked.all()]
    rest = ranking.rank_of_the_rest(place for _, place in ranked)
    return {
        "ranks": {name: place.rank for name, place in ranked if place.rank != rest},
        "flags": {name: place.flags for name, place in ranked if place.flags},
        "notes": {name: place.note for name, place in ranked if place.note},
        "comment": ranking.comment,
        "strength": ranking.strength,
        "active_seconds": ranking.active_seconds,
        **said_again(ranking, dict(ranked)),
    }


def _parsed(assignment: Assignment, payload: object, *, as_far_as_said: bool) -> Submission:
    """Gives the answer under the completions' keys, which is how it is stored. Before any lock: reading it needs
    none."""
    project, keys = assignment.prompt.project, shown_ids.all_of(assignment)
    asked = Asked.of(project, len(keys))
    submission = parse(
        payload,
        completion_ids=list(keys),
        former_ids=shown_ids.former(assignment),
        flag_names=[flag["name"] for flag in project.flags],
        ask_strength=project.ask_strength,
        ask_flags=project.judgement.asks_every_flag,
        asked=asked.as_far_as_said() if as_far_as_said else asked,
    )
    return submission.under({name: str(key) for name, key in keys.items()})


def _answer(assignment: Assignment, payload: object, *, change: bool, as_far_as_said: bool = False) -> Submitted:
    submission = _parsed(assignment, payload, as_far_as_said=as_far_as_said)
    ranks = submission.rank_of()
    shown = [str(key) for key in assignment.shown_order]
    row = call(
        "podium_answer",
        assignment=assignment.pk,
        change=change,
        digest=submission.digest(),
        comment=submission.comment,
        strength=submission.strength,
        active_seconds=submission.active_seconds,
        completions=assignment.shown_order,
        ranks=[ranks[key] for key in shown],
        flags=[json.dumps(submission.flags.get(key, {})) for key in shown],
        notes=[submission.notes.get(key, "") for key in shown],
        more=json.dumps(submission.more.stored(shown)),
        unranked=submission.unranked,
    )
    _refuse(assignment, row)
    created = row["outcome"] == "stored"
    if created:
        even_out(is_data=row["is_data"], worked=row["worked"])
    ranking = _stored(assignment, submission, row) if created else Ranking.objects.get(pk=row["ranking"])
    ranking.assignment, ranking.prompt = assignment, assignment.prompt
    assignment.state, assignment.draft = row["state"], None
    compared = comb(len(shown), 2) - comb(submission.unranked, 2)  # nothing is said of two of the rest
    return Submitted(ranking, created=created, pairs=row["pairs"], ties=compared - row["pairs"])


def _stored(assignment: Assignment, submission: Submission, row: Row) -> Ranking:
    values = {
        "id": row["ranking"],
        "assignment_id": assignment.pk,
        "prompt_id": assignment.prompt_id,
        "labeler_id": assignment.labeler_id,
        "revision": row["revision"],
        "live": True,
        "ended_at": None,
        "source": Ranking.Source.LABELED,
        "comment": submission.comment,
        "strength": submission.strength,
        "active_seconds": submission.active_seconds,
        "acceptable": submission.more.acceptable,
        "reasons": list(submission.more.reasons),
        "says_more": bool(submission.more.said()),
        "unranked": submission.unranked,
        "rewrite": submission.more.rewrite.text if submission.more.rewrite else "",
        "rewrite_of_id": int(submission.more.rewrite.of) if submission.more.rewrite else None,
        "payload_sha256": submission.digest(),
        "created_at": row["created_at"],
    }
    return loaded(Ranking, values)


def _refuse(assignment: Assignment, row: Row) -> None:
    """Raises the Conflict that an outcome stands for."""
    match row["outcome"]:
        case "stored" | "again" | "withdrawn":
            return
        case "not_ranked":
            raise Conflict("not_ranked", _("There is no answer of yours to this task; nothing was changed."))
        case "imported":
            raise Conflict("imported", _("This ranking was imported and stays as it was recorded."))
        case "superseded":
            message = _("A reviewer decided this prompt. Your answer stays as a record and can't be changed any more.")
            raise Conflict("superseded", message)
        case "decision":
            message = _(
                "This ranking decided a review and ended others, so it can't be undone. Change it in your history."
            )
            raise Conflict("decision", message)
        case "undo_too_late":
            message = _(
                "Undo is possible for %(seconds)d seconds, and they are over. Change your answer in the history."
            )
            raise Conflict("undo_too_late", message % {"seconds": UNDO_SECONDS})
        case "already_ranked":
            message = _(
                "You ranked this prompt already, and differently (ranking %(id)d). That answer stands; "
                "change it in your history."
            )
            raise Conflict("already_ranked", message % {"id": row["ranking"]})
        case refused:
            claims.refuse(assignment, {**row, "refused": refused})
