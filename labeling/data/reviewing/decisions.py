"""A reviewer decides: their ranking takes the place of all others, which stay as a record.

The reviewer ranks as anybody does, on a task of their own with an order of its own. Whoever ranked the prompt may not
decide it: nobody judges their own answer. See docs/decisions/0163-a-decision-supersedes.md.
"""

from __future__ import annotations

import secrets
from itertools import groupby

from django.utils.translation import gettext as _

from labeling.answers import rankings
from labeling.answers.asks.asked import Asked
from labeling.answers.asks.stored import said_again, still_asked
from labeling.answers.rankings import Submitted
from labeling.data.reviewing.acts import checked_words, close, held, note, task_of_reviewer
from labeling.errors import Conflict
from labeling.models import Assignment, Prompt, Ranking, ReviewAct, ReviewCase, User
from labeling.models.functions import call
from labeling.models.tasks import read_task
from labeling.queue import claims, shown_ids

OUTCOME, ACT = ReviewCase.Outcome.DECIDED, ReviewAct.Act.DECIDED


def task_for(case: ReviewCase, by: User) -> Assignment:
    """Gives the task on which the reviewer ranks the case's prompt: the same one again until they decide.

    Raises Conflict('case_closed'), Conflict('case_reserved'), Conflict('own_ranking').
    """
    with held(case, by=by):
        _check_no_party(case, by)
        row = call("podium_review_task", prompt=case.prompt_id, reviewer=by.pk, seed=secrets.randbelow(2**63))
    return read_task(row["assignment"], by.pk, texts=True)


def decide(
    case: ReviewCase,
    assignment: Assignment,
    payload: object,
    *,
    by: User,
    words: str = "",
    as_far_as_said: bool = False,
) -> Submitted:
    """Stores the reviewer's ranking, ends all others with their pairs, and closes the case, in one transaction.

    as_far_as_said: what the project asks beyond an order may be missing.
    Raises Invalid, Conflict('case_closed'), Conflict('case_reserved'), Conflict('own_ranking').
    """
    words = checked_words(words)
    with held(case, by=by):
        task_of_reviewer(assignment, case, by)
        _check_no_party(case, by)
        lease = claims.lease_of(assignment.prompt.project)
        ended = call("podium_supersede", prompt=case.prompt_id, assignment=assignment.pk, lease=lease)["ended"]
        submitted = rankings.submit(assignment, payload, as_far_as_said=as_far_as_said)
        Ranking.objects.filter(pk__in=ended).update(superseded_by=submitted.ranking)
        close(case, OUTCOME)
        note(case, ACT, by, words, assignment=assignment.pk, ranking=submitted.ranking.pk)
        Prompt.objects.filter(pk=case.prompt_id, gold_at=None).update(held_at=None, held_reason="")
    return submitted


def decide_as(case: ReviewCase, ranking: Ranking, *, by: User, words: str = "") -> Submitted:
    """Decides as one person ranked it: with all that they said but their words, under the reviewer's name.

    Raises as decide does, and Conflict('ranking_ended').
    """
    assignment = task_for(case, by)
    with held(case, by=by):
        standing = Ranking.objects.filter(pk=ranking.pk, prompt=case.prompt_id, live=True).first()
        if standing is None:
            message = _("This answer was changed or withdrawn meanwhile; look at the case again.")
            raise Conflict("ranking_ended", message)
        return decide(case, assignment, _payload_of(standing, assignment), by=by, words=words, as_far_as_said=True)


def _payload_of(ranking: Ranking, assignment: Assignment) -> dict[str, object]:
    places = list(ranking.ranked.order_by("rank", "pk"))
    name = {place.completion_id: shown_ids.of(assignment, place.completion_id) for place in places}
    rest = ranking.rank_of_the_rest(places)
    ranked = [place for place in places if place.rank != rest]
    tiers = [[name[place.completion_id] for place in tier] for _, tier in groupby(ranked, key=lambda each: each.rank)]
    flags = {name[place.completion_id]: place.flags for place in places if place.flags}
    payload: dict[str, object] = {"tiers": tiers, "flags": flags}
    if ranking.strength is not None:
        payload["strength"] = ranking.strength
    asked = Asked.of(assignment.prompt.project, len(places))
    return payload | still_asked(said_again(ranking, {name[each.completion_id]: each for each in places}), asked)


def _check_no_party(case: ReviewCase, by: User) -> None:
    if Ranking.objects.filter(prompt=case.prompt_id, labeler=by, live=True).exists():
        message = _(
            "You ranked this prompt yourself, and nobody decides about their own answer. Another reviewer can, or you "
            "send it back to one of the others."
        )
        raise Conflict("own_ranking", message)
