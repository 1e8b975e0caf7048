"""People's judgements of pairs beside a model's scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from django.db.models import Exists, OuterRef
from django.db.models.functions import Length

from labeling.models import Completion, Project, Prompt, RankedCompletion, Ranking
from labeling.quality.agreement import latest_prompts
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.evidence.agreement import Judged, Share
from rewardtrain.models import PromptScore, RewardModel

LATEST = 10_000  # pairs of people, whose prompts are looked at: a page waits for it


def promised(model: RewardModel) -> Share | None:
    """Gives the model's accuracy on the test split; None of one that was judged by no pair."""
    evaluation = model.evaluations.first()
    if evaluation is None or evaluation.accuracy is None:
        return None
    share = evaluation.accuracy, evaluation.accuracy_low, evaluation.accuracy_high
    return Share(evaluation.n_pairs, *share, evaluation.n_prompts)


def judged(project: Project, model: RewardModel, after: int = 0, *, raw: bool = False) -> Iterable[Judged]:
    """Yields the judgements of people, ties left out, on prompts that the model has scored; of those ranked last, where
    there are more than LATEST pairs.

    after: only of prompts that have a ranking with a higher id.
    """
    scale = _raw_scale(model) if raw else None
    scores = PromptScore.objects.filter(reward_model=model, prompt__in=latest_prompts(project, pairs=LATEST))
    if after:
        scores = scores.filter(Exists(Ranking.objects.filter(prompt=OuterRef("prompt"), live=True, pk__gt=after)))
    rows = list(scores.values_list("prompt", "completions", "rewards", "probabilities"))
    keys = [row[0] for row in rows]
    prompts = Prompt.objects.in_bulk(keys) if keys else {}
    lengths = dict(Completion.objects.filter(prompt__in=keys).values_list("pk", Length("text")))
    rankings = _rankings(keys)
    for key, completions, rewards, probabilities in rows:
        odds = _log_odds(rewards, probabilities, scale)
        place = {completion: index for index, completion in enumerate(completions)}
        for ranking, at, ranks in rankings[key]:
            known = [completion for completion in ranks if completion in place]  # one may have been added since
            for best, worst, gap in metrics.judgements([ranks[completion] for completion in known]):
                if gap:
                    chosen, rejected = known[best], known[worst]
                    margin = odds[place[chosen]] - odds[place[rejected]]
                    longer = lengths[chosen] - lengths[rejected]
                    prompt = prompts[key]
                    yield Judged(prompt.content_sha256, prompt.split, margin, longer, ranking, at)


def _rankings(prompts: Sequence[int]) -> dict[int, list[tuple[int, datetime, dict[int, int]]]]:
    """Gives each prompt's live rankings: id, when, {completion: rank}."""
    rows = RankedCompletion.objects.filter(ranking__live=True, prompt__in=prompts).order_by("ranking", "completion")
    by_prompt: dict[int, list[tuple[int, datetime, dict[int, int]]]] = defaultdict(list)
    seen: dict[int, dict[int, int]] = {}
    for prompt, ranking, at, completion, rank in rows.values_list(
        "prompt", "ranking", "ranking__created_at", "completion", "rank"
    ):
        if ranking not in seen:
            seen[ranking] = {}
            by_prompt[prompt].append((ranking, at, seen[ranking]))
        seen[ranking][completion] = rank
    return by_prompt


def _log_odds(rewards: Sequence[float], probabilities: Sequence[float], raw_scale: float | None) -> Floats:
    """Gives (K,), differences of which are log-odds. A probability too small for a number is as small as they get."""
    if raw_scale is not None:
        return np.array(rewards, dtype=np.float64) * raw_scale
    return np.log(np.maximum(np.array(probabilities, dtype=np.float64), np.finfo(np.float64).tiny))


def _raw_scale(model: RewardModel) -> float:
    """Gives what rewards were multiplied with before they were normalised."""
    return model.evaluations.get().report["raw_scale"]
