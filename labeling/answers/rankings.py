"""What a labeler said: stored, taken back for a moment, changed in a new revision, found again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import comb
from typing import Any

from django.db import transaction
from django.db.models import Exists, Func, Max, OuterRef, Q, QuerySet, TextField
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs.notify import notify
from labeling.answers import pairs
from labeling.answers.submissions import Submission, parse
from labeling.errors import Conflict
from labeling.models import Assignment, PreferencePair, RankedCompletion, Ranking
from labeling.queue import leases, shown_ids

RANKED = "labeling.ranked"  # the task that is sent, with a project's id
UNDO_SECONDS = 30
UNDO_GRACE_SECONDS = 10  # what a slow network may take of them
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


def submit(assignment: Assignment, payload: object) -> Submitted:
    """Stores the ranking, its ranked completions and pairs in one transaction.

    The same answer again changes nothing (created is False). A lease that ran out is honoured as long as nobody else
    took the prompt: what a person did is not thrown away for the clock's sake.
    Raises Invalid, Conflict('already_ranked'), Conflict('lease_expired'), Conflict('not_claimed').
    """
    submission = _parsed(assignment, payload)
    with transaction.atomic():
        assignment = leases.lock(assignment)
        if assignment.state == Assignment.State.RANKED:
            return _again(assignment, submission)
        leases.take_back(assignment)
        return _store(assignment, submission)


def withdraw(assignment: Assignment) -> Assignment:
    """Takes an answer back: for a moment after the answer, the task is open again, with the answer as its draft.

    Doing it twice is harmless. Raises Conflict('undo_too_late'), Conflict('not_ranked'), Conflict('imported').
    """
    with transaction.atomic():
        assignment = leases.lock(assignment)
        latest = Ranking.objects.filter(assignment=assignment).order_by("revision").last()
        if latest is not None and not latest.live and assignment.state == Assignment.State.CLAIMED:
            return leases.renew(assignment)
        ranking = _own(assignment, latest)
        if timezone.now() - ranking.created_at > timedelta(seconds=UNDO_SECONDS + UNDO_GRACE_SECONDS):
            message = _(
                "Undo is possible for %(seconds)d seconds, and they are over. Change your answer in the history."
            )
            raise Conflict("undo_too_late", message % {"seconds": UNDO_SECONDS})
        _end(ranking)
        assignment.state = Assignment.State.CLAIMED
        assignment.finished_at = None
        assignment.draft = draft_of(ranking, assignment)
        assignment.draft_revision += 1
        assignment.save(update_fields=["draft", "draft_revision"])
        return leases.renew(assignment)


def amend(assignment: Assignment, payload: object) -> Submitted:
    """Stores a new revision of an answer; the old one stays as what was said then, and its pairs give way to the new
    ones.

    The same answer as the one that stands changes nothing (created is False).
    Raises Invalid, Conflict('not_ranked'), Conflict('imported').
    """
    submission = _parsed(assignment, payload)
    with transaction.atomic():
        assignment = leases.lock(assignment)
        standing = _own(assignment, Ranking.objects.filter(assignment=assignment, live=True).first())
        if standing.payload_sha256 == submission.digest():
            return _submitted(assignment, standing, created=False)
        _end(standing)
        return _store(assignment, submission)


def notify_ranked(project_id: int) -> None:
    """Tells whoever listens that something was ranked there. Call it from the door."""
    notify(RANKED, project_id)


def search(rankings: QuerySet[Ranking], query: str) -> QuerySet[Ranking]:
    """Finds those in which every word stands: in a turn of the prompt, a completion, a note on it, or the comment.

    Upper and lower case are the same, and part of a word is enough.
    """
    matching = rankings.alias(asked=_WhatWasAsked("prompt__messages"))
    for word in query.replace("\0", " ").split()[:MAX_WORDS]:
        places = RankedCompletion.objects.filter(ranking=OuterRef("pk"))
        in_a_place = places.filter(Q(completion__text__icontains=word) | Q(note__icontains=word))
        matching = matching.filter(Q(asked__icontains=word) | Q(comment__icontains=word) | Exists(in_a_place))
    return matching


def draft_of(ranking: Ranking, assignment: Assignment) -> dict[str, Any]:
    """Gives a stored ranking as the draft that would give it again."""
    ranked = [(shown_ids.of(assignment, place.completion_id), place) for place in ranking.ranked.all()]
    return {
        "ranks": {name: place.rank for name, place in ranked},
        "flags": {name: place.flags for name, place in ranked if place.flags},
        "notes": {name: place.note for name, place in ranked if place.note},
        "comment": ranking.comment,
        "strength": ranking.strength,
        "active_seconds": ranking.active_seconds,
    }


def _parsed(assignment: Assignment, payload: object) -> Submission:
    """Gives the answer under the completions' keys, which is how it is stored. Before any lock: reading it needs
    none."""
    project, keys = assignment.prompt.project, shown_ids.all_of(assignment)
    submission = parse(
        payload,
        completion_ids=list(keys),
        former_ids=shown_ids.former(assignment),
        flag_names=[flag["name"] for flag in project.flags],
        ask_strength=project.ask_strength,
        ask_flags=project.judgement.asks_every_flag,
    )
    return submission.under({name: str(key) for name, key in keys.items()})


def _own(assignment: Assignment, ranking: Ranking | None) -> Ranking:
    """Gives the live ranking of a locked assignment, if it is one that its labeler gave here."""
    if ranking is None or not ranking.live:
        raise Conflict("not_ranked", _("There is no answer of yours to this task; nothing was changed."))
    if ranking.source == Ranking.Source.IMPORTED:
        raise Conflict("imported", _("This ranking was imported and stays as it was recorded."))
    return ranking


def _again(assignment: Assignment, submission: Submission) -> Submitted:
    ranking = Ranking.objects.get(assignment=assignment, live=True)
    if ranking.payload_sha256 != submission.digest():
        message = _(
            "You ranked this prompt already, and differently (ranking %(id)d). That answer stands; "
            "change it in your history."
        )
        raise Conflict("already_ranked", message % {"id": ranking.pk})
    return _submitted(assignment, ranking, created=False)


def _end(ranking: Ranking) -> None:
    """Keeps it as a record that has no say any more. The database holds that only live rankings have pairs."""
    PreferencePair.objects.filter(ranking=ranking).delete()
    ranking.live = False
    ranking.ended_at = timezone.now()
    ranking.save(update_fields=["live", "ended_at"])


def _store(assignment: Assignment, submission: Submission) -> Submitted:
    last = Ranking.objects.filter(assignment=assignment).aggregate(last=Max("revision"))["last"]
    ranking = Ranking.objects.create(
        assignment=assignment,
        prompt_id=assignment.prompt_id,
        labeler_id=assignment.labeler_id,
        revision=(last or 0) + 1,
        comment=submission.comment,
        strength=submission.strength,
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
            note=submission.notes.get(str(completion), ""),
        )
        for position, completion in enumerate(assignment.shown_order)
    )
    pairs.expand([ranking])
    assignment.state = Assignment.State.RANKED
    assignment.finished_at = timezone.now()
    assignment.draft = None
    assignment.save(update_fields=["state", "slot", "overlap", "finished_at", "draft"])
    return _submitted(assignment, ranking, created=True)


def _submitted(assignment: Assignment, ranking: Ranking, *, created: bool) -> Submitted:
    n_pairs = PreferencePair.objects.filter(ranking=ranking).count()
    return Submitted(ranking, created=created, pairs=n_pairs, ties=comb(len(assignment.shown_order), 2) - n_pairs)
