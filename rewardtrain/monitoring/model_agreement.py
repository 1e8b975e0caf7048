"""A model beside people: on pairs that both judged, how often they agree, and whether the model knows when it is right.

Made of a model's stored scores and the rankings as they are now. Prompts that the model can have learnt from are kept
apart: agreement there flatters it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from formats.evaluation_report.figures import CalibrationError
from labeling.models import Project
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Ints
from rewardtrain.evidence.agreement import Judged, Share, share_of
from rewardtrain.evidence.pairs.judged import judged
from rewardtrain.models import RewardModel
from rewardtrain.monitoring import stored_scores

SURE = 0.9  # from this probability on
EDGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)  # of the bands of confidence
SAMPLES = 200  # of the bootstrap behind the calibration error


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
    calibration: CalibrationError


@dataclass(frozen=True)
class Agreement:
    version: int
    raw: bool  # probabilities as training left them, before calibration
    threshold: float
    held_out: Part | None  # the test split, and what was ranked after the model's dataset version was frozen
    learnt: Part | None
    of_latest: bool = False  # of the prompts ranked last: there are more
    since: datetime | None = None  # with of_latest: when the first of these judgements was made


def agreement(project: Project, model: RewardModel, *, threshold: float = SURE, raw: bool = False) -> Agreement:
    """Parts are None where no prompt in them was both ranked and scored."""
    judgements = judged(project, model, raw=raw)
    rows, of_latest = judgements.rows, judgements.is_part
    learnt = stored_scores.learnt_contents(model, {each.prompt for each in rows})
    parts = [[each for each in rows if each.learnt(learnt) is which] for which in (False, True)]
    held_out, seen = (_part(part, threshold) if part else None for part in parts)
    since = min((each.at for each in rows), default=None) if of_latest else None
    return Agreement(model.version, raw, threshold, held_out, seen, of_latest, since)


@dataclass(frozen=True)
class _Clusters:
    cluster: Ints
    n_clusters: int


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
