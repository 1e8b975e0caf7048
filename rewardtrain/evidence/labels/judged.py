"""People's answers to a model's flag beside its scores."""

from __future__ import annotations

import math
from collections.abc import Iterable

from labeling.models import Project, RankedCompletion
from rewardtrain.evidence.agreement import Judged, Share
from rewardtrain.models import PromptScore, RewardModel

SUREST = 1e-12  # a probability nearer to 0 or 1 is as good as that


def promised(model: RewardModel) -> Share | None:
    """Gives the model's accuracy on the test labels; None of one that was judged by no flag."""
    if (flags := model.flags) is None:
        return None
    right = flags["accuracy"]
    return Share(flags["n_votes"], right["value"], right["low"], right["high"], flags["n_prompts"])


def judged(project: Project, model: RewardModel, after: int = 0) -> Iterable[Judged]:
    """Yields people's answers, of rankings with a higher id than `after`, about texts that the model has scored.

    The margin is the log-odds of their answer by the model. What needs no model is the answer that was the commoner one
    of the test split. Nothing of a model that was judged by no flag.
    """
    flags = model.flags
    if flags is None:
        return
    name, positive = flags["flag"]["name"], flags["flag"]["positive"]
    common = positive == (flags["baseline"]["class"] == flags["classes"][1]["label"])  # the flag's value
    chances = _chances(project, model)
    answered = RankedCompletion.objects.filter(
        ranking__live=True, ranking__gt=after, flags__has_key=name, completion__in=list(chances)
    ).order_by("ranking", "completion")
    fields = ("prompt__content_sha256", "prompt__split", "completion", "flags", "ranking", "ranking__created_at")
    for content, split, completion, answers, ranking, at in answered.values_list(*fields):
        odds = _log_odds(chances[completion])
        margin = odds if answers[name] == positive else -odds
        yield Judged(content, split, margin, 1 if answers[name] == common else -1, ranking, at)


def _chances(project: Project, model: RewardModel) -> dict[int, float]:
    """Gives each completion that was scored its chance of the positive class."""
    scores = PromptScore.objects.filter(
        reward_model=model, prompt__project=project, prompt__ranked__gt=0, class_probabilities__isnull=False
    )
    chance_of: dict[int, float] = {}
    for completions, chances in scores.values_list("completions", "class_probabilities"):
        chance_of.update(zip(completions, chances or (), strict=True))
    return chance_of


def _log_odds(chance: float) -> float:
    near = min(max(chance, SUREST), 1 - SUREST)
    return math.log(near) - math.log1p(-near)
