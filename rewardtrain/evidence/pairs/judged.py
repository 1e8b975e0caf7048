"""People's judgements of pairs beside a model's scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from django.db import connection
from django.db.models import QuerySet

from labeling.models import Project
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
    lengths, rankings = _lengths(keys), _rankings(keys)
    for key, content, split, completions, rewards, probabilities in rows:
        odds = dict(zip(completions, _log_odds(rewards, probabilities, raw_scale).tolist(), strict=True))
        for ranking, at, pairs in rankings[key]:
            for chosen, rejected in pairs:
                if chosen in odds and rejected in odds:  # one may have been added since
                    margin, longer = odds[chosen] - odds[rejected], lengths[chosen] - lengths[rejected]
                    yield Judged(content, split, margin, longer, ranking, at, key)


# A row for each prompt and each ranking: a driver takes longer over rows than over what stands in them.
_LENGTHS = """
SELECT json_agg(json_build_array(id, length(text))) FROM labeling_completion
WHERE prompt_id = ANY(%s) GROUP BY prompt_id
"""
_RANKINGS = """
SELECT ranking.prompt_id, ranking.id, extract(epoch FROM ranking.created_at)::double precision,
    json_agg(json_build_array(pair.chosen_id, pair.rejected_id) ORDER BY pair.id)
FROM labeling_preferencepair pair JOIN labeling_ranking ranking ON ranking.id = pair.ranking_id
WHERE pair.prompt_id = ANY(%s) GROUP BY ranking.id ORDER BY ranking.id
"""


def _lengths(prompts: list[int]) -> dict[int, int]:
    """Gives that of each completion, in characters."""
    with connection.cursor() as cursor:
        cursor.execute(_LENGTHS, [prompts])
        return {key: length for (of_prompt,) in cursor.fetchall() for key, length in of_prompt}


def _rankings(prompts: list[int]) -> dict[int, list[tuple[int, datetime, list[tuple[int, int]]]]]:
    """Gives each prompt's live rankings, which alone have pairs: id, when, (chosen, rejected) of each."""
    by_prompt: dict[int, list[tuple[int, datetime, list[tuple[int, int]]]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_RANKINGS, [prompts])
        for prompt, ranking, seconds, pairs in cursor.fetchall():
            by_prompt[prompt].append((ranking, datetime.fromtimestamp(seconds, UTC), pairs))
    return by_prompt


def _log_odds(rewards: Sequence[float], probabilities: Sequence[float], raw_scale: float | None) -> Floats:
    """Gives (K,), differences of which are log-odds. A probability too small for a number is as small as they get."""
    if raw_scale is not None:
        return np.array(rewards, dtype=np.float64) * raw_scale
    return np.log(np.maximum(np.array(probabilities, dtype=np.float64), np.finfo(np.float64).tiny))


def _raw_scale(model: RewardModel) -> float:
    """Gives what rewards were multiplied with before they were normalised."""
    return model.evaluations.get().report["raw_scale"]
