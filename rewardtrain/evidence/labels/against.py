"""Answers of people of which a model says the other one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labeling.data.reviewing.evidence import OtherAnswer
from labeling.models import RankedCompletion, Ranking
from rewardtrain.models import PromptScore, RewardModel


def against(model: RewardModel, scores: Mapping[int, PromptScore], after: int) -> Iterator[tuple[int, OtherAnswer]]:
    """Says of each answer about these prompts' texts how sure the model is of the other one, with the prompt.

    Of the question that it was trained on: nothing of a model that was judged by no flag. scores: by the prompt's key.
    Of rankings made here with a higher id than `after`.
    """
    if (flags := model.flags) is None:
        return
    name, positive = flags["flag"]["name"], flags["flag"]["positive"]
    answered = RankedCompletion.objects.filter(
        prompt__in=scores,
        ranking__live=True,
        ranking__source=Ranking.Source.LABELED,
        ranking__gt=after,
        flags__has_key=name,
    ).order_by("ranking", "completion")
    for prompt, ranking, completion, said in answered.values_list("prompt", "ranking", "completion", "flags"):
        score = scores[prompt]
        chances = dict(zip(score.completions, score.class_probabilities or (), strict=False))
        if (chance := chances.get(completion)) is None:  # added since, or scored before it classified
            continue
        other = 1 - chance if said[name] == positive else chance
        yield prompt, OtherAnswer(model.version, ranking, completion, name, said[name], other)
