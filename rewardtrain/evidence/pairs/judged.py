"""People's judgements of pairs beside a model's scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
from django.db.models import QuerySet
from django.db.models.functions import Length

from labeling.models import Completion, PreferencePair, Project
from labeling.quality.agreement import latest_prompts, prompts_since
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.evidence.agreement import Judged, Judgements, Share
from rewardtrain.models import PromptScore, RewardModel

LATEST = 10_000  # pairs of people, whose prompts are looked at: a page waits for it


def promised(model: RewardModel) -> Share | None:
    """Gives the model's accuracy on the test split; None of one that was judged by no pair."""
    evaluation = model.evaluations.first()
    if evaluation is None or evaluation.accuracy is None:
        return None
    share = evaluation.accuracy, evaluation.accuracy_low, evaluation.accuracy_high
    return Share(evaluation.n_pairs, *share, evaluation.n_prompts)


def judged(project: Project, model: RewardModel, after: int = 0, *, raw: bool = False) -> Judgements:
    """Finds the judgements of people, ties left out, on prompts that the model has scored.

    after: of prompts that have a ranking with a higher id; where they have more than LATEST pairs, some over all that
    time. Of all prompts it is those ranked last.
    """
    find = prompts_since(project, after, pairs=LATEST) if after else latest_prompts(project, pairs=LATEST)
    scores = PromptScore.objects.filter(reward_model=model, prompt__in=find.prompts)
    return Judgements(list(_judged(scores, _raw_scale(model) if raw else None)), not find.are_all)


def _judged(scores: QuerySet[PromptScore], raw_scale: float | None) -> Iterator[Judged]:
    fields = ("prompt", "prompt__content_sha256", "prompt__split", "completions", "rewards", "probabilities")
    rows = list(scores.values_list(*fields))
    keys = [row[0] for row in rows]
    lengths = dict(Completion.objects.filter(prompt__in=keys).values_list("pk", Length("text")))
    pairs = _pairs(keys)
    for key, content, split, completions, rewards, probabilities in rows:
        odds = dict(zip(completions, _log_odds(rewards, probabilities, raw_scale).tolist(), strict=True))
        for ranking, at, chosen, rejected in pairs[key]:
            if chosen in odds and rejected in odds:  # one may have been added since
                margin, longer = odds[chosen] - odds[rejected], lengths[chosen] - lengths[rejected]
                yield Judged(content, split, margin, longer, ranking, at, key)


def _pairs(prompts: Sequence[int]) -> dict[int, list[tuple[int, datetime, int, int]]]:
    """Gives those of each prompt, which are its live rankings': ranking, when, chosen, rejected."""
    pairs = PreferencePair.objects.filter(prompt__in=prompts).order_by("ranking", "pk")
    by_prompt: dict[int, list[tuple[int, datetime, int, int]]] = defaultdict(list)
    fields = ("prompt_id", "ranking_id", "ranking__created_at", "chosen_id", "rejected_id")
    for prompt, ranking, at, chosen, rejected in pairs.values_list(*fields):
        by_prompt[prompt].append((ranking, at, chosen, rejected))
    return by_prompt


def _log_odds(rewards: Sequence[float], probabilities: Sequence[float], raw_scale: float | None) -> Floats:
    """Gives (K,), differences of which are log-odds. A probability too small for a number is as small as they get."""
    if raw_scale is not None:
        return np.array(rewards, dtype=np.float64) * raw_scale
    return np.log(np.maximum(np.array(probabilities, dtype=np.float64), np.finfo(np.float64).tiny))


def _raw_scale(model: RewardModel) -> float:
    """Gives what rewards were multiplied with before they were normalised."""
    return model.evaluations.get().report["raw_scale"]
