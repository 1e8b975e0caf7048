"""A model beside people: on pairs that both judged, how often they agree, and whether the model knows when it is right.

Made of a model's stored scores and the rankings as they are now. Prompts that the model can have learnt from are kept
apart: agreement there flatters it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef
from django.db.models.functions import Length

from labeling.models import Completion, Project, Prompt, RankedCompletion, Ranking, Split
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Ints, Json
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import stored_scores

SURE = 0.9  # from this probability on
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)  # of the bands of confidence
SAMPLES = 200  # of the bootstrap behind the calibration error


@dataclass(frozen=True)
class Share:
    """How often something holds of n judgements, with its 95 % interval; all None where n is 0."""

    n: int
    value: float | None
    low: float | None
    high: float | None
    n_prompts: int | None = None  # that the judgements are of; older reports don't say


@dataclass(frozen=True)
class Band:
    """Pairs of which the model was about equally sure: what it says on average, and how often it was right."""

    low: float
    high: float
    says: float | None
    right: Share


@dataclass(frozen=True)
class Part:
    """The pairs of some prompts. A pair counts once for each person who judged it; ties count for nothing."""

    n_prompts: int
    right: Share
    longer: Share  # how often people preferred the longer one
    sure: Share  # right, of pairs at or above the threshold
    bands: list[Band]
    calibration: Json  # as `curves.calibration` has it


@dataclass(frozen=True)
class Agreement:
    version: int
    raw: bool  # probabilities as training left them, before calibration
    threshold: float
    held_out: Part | None  # the test split, and what was ranked after the model's dataset version was frozen
    learnt: Part | None


def agreement(project: Project, model: RewardModel, *, threshold: float = SURE, raw: bool = False) -> Agreement:
    """Parts are None where no prompt in them was both ranked and scored."""
    learnt = set(stored_scores.learnt_by(model).values_list("content_sha256", flat=True))
    found = list(judged(project, model, raw=raw))
    parts = [[each for each in found if each.learnt(learnt) is which] for which in (False, True)]
    held_out, seen = (_part(rows, threshold) if rows else None for rows in parts)
    return Agreement(model.version, raw, threshold, held_out, seen)


@dataclass(frozen=True)
class Judged:
    """One person's judgement of one pair, or answer about one text."""

    content: str  # of the prompt: equal for equal dialogues
    split: str
    margin: float  # log-odds that the chosen one is preferred, or of the answer, by the model
    baseline: int  # above 0 where what needs no model says the same: the longer one, or the commoner answer
    ranking: int
    at: datetime  # of the ranking

    def learnt(self, contents: set[str]) -> bool:
        return self.split != Split.TEST and self.content in contents


@dataclass(frozen=True)
class _Clusters:
    cluster: Ints
    n_clusters: int


def judged(project: Project, model: RewardModel, *, raw: bool = False, after: int = 0) -> Iterable[Judged]:
    """Every judgement of people, ties left out, on prompts that the model has scored.

    after: only of prompts that have a ranking with a higher id.
    """
    scale = _raw_scale(model) if raw else None
    scores = PromptScore.objects.filter(reward_model=model, prompt__project=project, prompt__ranked__gt=0)
    if after:
        scores = scores.filter(Exists(Ranking.objects.filter(prompt=OuterRef("prompt"), live=True, pk__gt=after)))
    rows = list(scores.values_list("prompt", "completions", "rewards", "probabilities"))
    keys = [row[0] for row in rows]
    prompts = Prompt.objects.in_bulk(keys) if keys else {}
    lengths = dict(Completion.objects.filter(prompt__in=keys).values_list("pk", Length("text")))
    said = _rankings(keys)
    for key, completions, rewards, probabilities in rows:
        odds = _log_odds(rewards, probabilities, scale)
        place = {completion: index for index, completion in enumerate(completions)}
        for ranking, at, ranks in said[key]:
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
    found: dict[int, list[tuple[int, datetime, dict[int, int]]]] = defaultdict(list)
    seen: dict[int, dict[int, int]] = {}
    for prompt, ranking, at, completion, rank in rows.values_list(
        "prompt", "ranking", "ranking__created_at", "completion", "rank"
    ):
        if ranking not in seen:
            seen[ranking] = {}
            found[prompt].append((ranking, at, seen[ranking]))
        seen[ranking][completion] = rank
    return found


def _log_odds(rewards: Sequence[float], probabilities: Sequence[float], raw_scale: float | None) -> Floats:
    """(K,), differences of which are log-odds. A probability too small for a number is as small as they get."""
    if raw_scale is not None:
        return np.array(rewards, dtype=np.float64) * raw_scale
    return np.log(np.maximum(np.array(probabilities, dtype=np.float64), np.finfo(np.float64).tiny))


def _raw_scale(model: RewardModel) -> float:
    """What rewards were multiplied with before they were normalised; 1 of models older than that."""
    evaluation = model.evaluations.first()
    return float(evaluation.report.get("raw_scale", 1.0)) if evaluation else 1.0


def _part(rows: Sequence[Judged], threshold: float) -> Part:
    numbers: dict[str, int] = {}
    cluster: Ints = np.array([numbers.setdefault(row.content, len(numbers)) for row in rows], dtype=np.int64)
    margins: Floats = np.array([row.margin for row in rows], dtype=np.float64)
    longer: Floats = np.array([row.baseline for row in rows], dtype=np.float64)
    confidence, hits = metrics.confidence(margins), metrics.correct(margins)
    sure = confidence >= threshold
    return Part(
        n_prompts=len(numbers),
        right=share_of(intervals.share(hits, cluster)),
        longer=share_of(intervals.share(metrics.correct(longer), cluster)),
        sure=share_of(intervals.share(hits[sure], cluster[sure])),
        bands=[_band(low, high, confidence, hits, cluster) for low, high in pairwise(EDGES)],
        calibration=curves.calibration(_Clusters(cluster, len(numbers)), margins, samples=SAMPLES, seed=0),
    )


def _band(low: float, high: float, confidence: Floats, hits: Floats, cluster: Ints) -> Band:
    inside = (confidence >= low) & ((confidence < high) | (high == EDGES[-1]))
    says = float(confidence[inside].mean()) if inside.any() else None
    return Band(low, high, says, share_of(intervals.share(hits[inside], cluster[inside])))


def share_of(said: dict[str, Any]) -> Share:
    return Share(said["n"], said["accuracy"], said["accuracy_low"], said["accuracy_high"], said["n_prompts"])
