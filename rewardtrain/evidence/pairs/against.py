"""Pairs of people of which a model says the other order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labeling.data.reviewing.evidence import OtherOrder
from labeling.models import PreferencePair, Ranking
from rewardtrain.models import PromptScore, RewardModel


def against(model: RewardModel, scores: Mapping[int, PromptScore], after: int) -> Iterator[tuple[int, OtherOrder]]:
    """Says of each pair of these prompts how sure the model is of the other order, with the prompt.

    scores: by the prompt's key. Of rankings made here with a higher id than `after`.
    """
    pairs = PreferencePair.objects.filter(
        prompt__in=scores, ranking__source=Ranking.Source.LABELED, ranking__gt=after
    ).order_by("pk")
    for prompt, ranking, chosen, rejected in pairs.values_list("prompt_id", "ranking_id", "chosen_id", "rejected_id"):
        if said := of_pair(scores[prompt], model.version, ranking, chosen, rejected):
            yield prompt, said


def of_pair(score: PromptScore, model: int, ranking: int, chosen: int, rejected: int) -> OtherOrder | None:
    """Says how sure the model is of the other order; None where it has not scored both, or knows nothing of either."""
    place = {key: place for place, key in enumerate(score.completions)}
    if chosen not in place or rejected not in place:
        return None
    mine, theirs = (score.probabilities[place[key]] for key in (rejected, chosen))
    gap = score.rewards[place[rejected]] - score.rewards[place[chosen]]
    return OtherOrder(model, ranking, chosen, rejected, mine / (mine + theirs), gap) if mine + theirs else None
