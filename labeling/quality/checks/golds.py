"""Gold: prompts of which the answer is known, made and taken back. A prompt with gold is in no queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Invalid
from labeling.models import CheckResult, GoldAnswer, Project, Prompt, Purpose, Ranking, User
from labeling.models.functions import call
from labeling.models.quality.checks import LONGEST_EXPLANATION

MOST_TO_PRACTISE = 200  # prompts of a project


@dataclass(frozen=True)
class Known:
    """What is known of completions, by their keys. ranks: of all of them, 1 is best, or of none. flags: yes or no.

    top_k: how many stand above the rest, which has the last rank: nothing is known of any two of it. None: all are
    ranked.
    """

    ranks: Mapping[int, int] = field(default_factory=dict)
    flags: Mapping[int, Mapping[str, bool]] = field(default_factory=dict)
    top_k: int | None = None


def known_of(ranking: Ranking) -> Known:
    """Reads what a ranking says. One that orders nothing, as answers to questions, says its flags alone."""
    places = list(ranking.ranked.all())
    ranks = {place.completion_id: place.rank for place in places}
    flags = {place.completion_id: dict(place.flags) for place in places if place.flags}
    top_k = len(places) - ranking.unranked if ranking.unranked else None
    return Known(ranks if len(set(ranks.values())) > 1 else {}, flags, top_k)


def make(
    project: Project,
    prompt: Prompt,
    known: Known,
    *,
    source: str,
    by: User | None,
    explanation: str = "",
    practice: bool = False,
) -> GoldAnswer:
    """Makes the prompt gold, or changes what is known of it. Its rankings stay data; its slots are not served any more.

    practice: to practise on, and no check. What people practised on, and so know the answer of, stays so until the gold
    is taken back.

    Raises Invalid('bad_gold'), Invalid('bad_explanation'), Conflict('prompt_withdrawn'), Conflict('too_many_items').
    """
    explanation = _checked_explanation(explanation)
    with transaction.atomic():
        prompt = Prompt.objects.select_for_update().get(pk=prompt.pk, project=project)
        if prompt.withdrawn_at is not None:
            message = _("Prompt %(id)s is withdrawn, so it can't have gold. Put it back first.")
            raise Conflict("prompt_withdrawn", message % {"id": prompt.external_id})
        _check(project, prompt, known)
        if practice:
            _check_room_for(project, prompt)
        gold, _made = GoldAnswer.objects.update_or_create(
            prompt=prompt,
            defaults={
                "project": project,
                "ranks": {str(key): rank for key, rank in known.ranks.items()},
                "unranked": _unranked(known),
                "flags": {str(key): dict(said) for key, said in known.flags.items()},
                "explanation": explanation,
                "source": source,
                "created_by": by,
                **({"practice": True} if practice else {}),
            },
        )
        CheckResult.objects.filter(prompt=prompt, purpose=Purpose.GOLD).update(scored_at=None)  # by what is known now
        Prompt.objects.filter(pk=prompt.pk, gold_at=None).update(gold_at=Now(), held_at=Coalesce("held_at", Now()))
    return gold


def make_from(
    project: Project, ranking: Ranking, *, by: User | None, explanation: str = "", practice: bool = False
) -> GoldAnswer:
    """Makes a prompt gold by what one ranking of it says. Raises as make does, and Conflict('ranking_ended')."""
    standing = Ranking.objects.filter(pk=ranking.pk, project=project, live=True).select_related("prompt").first()
    if standing is None:
        message = _("Ranking %(id)s was changed or withdrawn, so it can't be gold. Choose one that stands.")
        raise Conflict("ranking_ended", message % {"id": ranking.pk})
    decided = standing.prompt.decided_at is not None
    source = GoldAnswer.Source.REVIEW if decided else GoldAnswer.Source.RANKING
    known = known_of(standing)
    return make(project, standing.prompt, known, source=source, by=by, explanation=explanation, practice=practice)


def use_for_practice(project: Project, prompt: Prompt) -> bool:
    """Has labelers practise on a prompt with gold, which is no check any more. Tells whether it did anything: twice is
    harmless, and so is one that has no gold. Raises Conflict('too_many_items')."""
    with transaction.atomic():
        prompt = Prompt.objects.select_for_update().get(pk=prompt.pk, project=project)
        _check_room_for(project, prompt)
        return bool(GoldAnswer.objects.filter(prompt=prompt, practice=False).update(practice=True))


def take_back(project: Project, prompt: Prompt) -> bool:
    """Ends it: the prompt is in the queue again. Tells whether it was gold; twice is harmless."""
    with transaction.atomic():
        prompt = Prompt.objects.select_for_update().get(pk=prompt.pk, project=project)
        return bool(call("podium_take_gold_back", prompts=[prompt.pk])["changed"])


def _check_room_for(project: Project, prompt: Prompt) -> None:
    others = GoldAnswer.objects.filter(project=project, practice=True).exclude(prompt=prompt)
    if others.order_by().count() >= MOST_TO_PRACTISE:
        message = _("A project has at most %(most)d prompts to practise on. Take one of them back first.")
        raise Conflict("too_many_items", message % {"most": MOST_TO_PRACTISE})


def _check(project: Project, prompt: Prompt, known: Known) -> None:
    keys = set(prompt.completions.values_list("pk", flat=True))
    if known.ranks and known.ranks.keys() != keys:
        raise Invalid("bad_gold", _("Gold ranks every completion of the prompt, or none."), attr="ranks")
    if any(rank < 1 for rank in known.ranks.values()):
        raise Invalid("bad_gold", _("A rank is a whole number from 1, the best."), attr="ranks")
    asked = {flag["name"] for flag in project.flags}
    said = {name for each in known.flags.values() for name in each}
    if not known.flags.keys() <= keys or not said <= asked:
        other = ", ".join(sorted(said - asked))
        message = _(
            "Gold answers the project's questions about the prompt's own completions; it has none named %(name)r."
        )
        raise Invalid("bad_gold", message % {"name": other[:80]}, attr="flags")
    if len(set(known.ranks.values())) < 2 and not said:
        message = _("Gold needs something to tell answers by: two ranks, or the answer to a question.")
        raise Invalid("bad_gold", message, attr="ranks")


def _unranked(known: Known) -> int:
    """Counts the rest. One alone has its place like any other, and is none. Raises Invalid where the ranks belie it."""
    above = len(known.ranks) - list(known.ranks.values()).count(max(known.ranks.values(), default=0))
    if known.top_k is None:
        return 0
    if known.top_k != above or not above:
        message = _("top_k must be how many completions stand above the last tier, here %(above)s and at least 1.")
        raise Invalid("bad_gold", message % {"above": above}, attr="top_k")
    left = len(known.ranks) - above
    return left if left > 1 else 0


def _checked_explanation(words: str) -> str:
    words = words.replace("\0", "").strip()
    if len(words) > LONGEST_EXPLANATION:
        message = _("An explanation has at most %(most)d letters; this one has %(n)d.")
        raise Invalid("bad_explanation", message % {"most": LONGEST_EXPLANATION, "n": len(words)}, attr="explanation")
    return words
