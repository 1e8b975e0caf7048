"""People's answers to a model's flag beside its scores."""

from __future__ import annotations

import math

from django.db import connection

from labeling.models import Project, RankedCompletion
from labeling.quality.agreement import STRETCHES
from rewardtrain.evidence.agreement import Judged, Judgements, Share
from rewardtrain.models import PromptScore, RewardModel

LATEST = 10_000  # prompts that are looked at: a page waits for it
SUREST = 1e-12  # a probability nearer to 0 or 1 is as good as that


def promised(model: RewardModel) -> Share | None:
    """Gives the model's accuracy on the test labels; None of one that was judged by no flag."""
    if (flags := model.flags) is None:
        return None
    right = flags["accuracy"]
    return Share(flags["n_votes"], right["value"], right["low"], right["high"], flags["n_prompts"])


def judged(project: Project, model: RewardModel, after: int = 0) -> Judgements:
    """Finds people's answers, of rankings with a higher id than `after`, about texts that the model has scored.

    The margin is the log-odds of their answer by the model. What needs no model is the answer that was the commoner one
    of the test split. Nothing of a model that was judged by no flag.
    """
    flags = model.flags
    if flags is None:
        return Judgements([])
    name, positive = flags["flag"]["name"], flags["flag"]["positive"]
    common = positive == (flags["baseline"]["class"] == flags["classes"][1]["label"])  # the flag's value
    chances, are_all = _chances(model)
    answered = RankedCompletion.objects.filter(
        ranking__live=True, ranking__gt=after, flags__has_key=name, completion__in=list(chances)
    ).order_by("ranking", "completion")
    fields = ("prompt__content_sha256", "prompt__split", "completion", "flags", "ranking", "ranking__created_at")
    rows = []
    for content, split, completion, answers, ranking, at, prompt in answered.values_list(*fields, "prompt"):
        odds = _log_odds(chances[completion])
        margin = odds if answers[name] == positive else -odds
        rows.append(Judged(content, split, margin, 1 if answers[name] == common else -1, ranking, at, prompt))
    return Judgements(rows, not are_all)


def _chances(model: RewardModel) -> tuple[dict[int, float], bool]:
    """Gives completions that were scored their chance of the positive class, and whether they are all.

    Texts are scored in the minutes after they are labeled, so the order of the scores is that of the labels. Of more
    than LATEST half are the latest, and half the first ones of equal parts of the time, as of pairs.
    """
    scores = PromptScore.objects.filter(reward_model=model)
    newest = list(scores.order_by("-reward_model_id", "-pk").values_list("pk", flat=True)[: LATEST + 1])
    are_all = len(newest) <= LATEST
    if not are_all:
        with connection.cursor() as cursor:
            each = LATEST // 2 // STRETCHES
            cursor.execute(_OVER_TIME, {"model": model.pk, "stretches": STRETCHES, "each": each})
            newest = [*newest[: LATEST // 2], *(pk for (pk,) in cursor.fetchall())]
    chance_of: dict[int, float] = {}
    looked_at = scores.filter(pk__in=newest, class_probabilities__isnull=False)
    for completions, chances in looked_at.values_list("completions", "class_probabilities"):
        chance_of.update(zip(completions, chances or (), strict=True))
    return chance_of, are_all


_OVER_TIME = """
WITH whole AS (
    SELECT min(id) AS first, max(id) AS last FROM rewardtrain_promptscore WHERE reward_model_id = %(model)s
)
SELECT id FROM whole CROSS JOIN generate_series(0, %(stretches)s - 1) stretch
CROSS JOIN LATERAL (
    SELECT id FROM rewardtrain_promptscore
    WHERE reward_model_id = %(model)s AND id >= first + (last - first) * stretch / %(stretches)s
    ORDER BY reward_model_id, id LIMIT %(each)s
) score
"""


def _log_odds(chance: float) -> float:
    near = min(max(chance, SUREST), 1 - SUREST)
    return math.log(near) - math.log1p(-near)
