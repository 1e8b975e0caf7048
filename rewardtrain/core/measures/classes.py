"""How right the classes of a binary head are: the section on flags of the evaluation report. No torch.

V: votes, as flags.Votes has them; N: completions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from formats.evaluation_report.figures import Estimate, ShareEstimate
from formats.evaluation_report.flags import (
    ClassFigures,
    Curve,
    FlagBaseline,
    FlagComparison,
    FlagFigures,
    FlagReport,
    FlagRivals,
)
from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.flags import Votes, collect_votes, flag_of
from rewardtrain.core.measures.metrics import Floats, Ints

Logits = npt.NDArray[Any]  # (N, 2)
Drawn = tuple[float, Floats, int]  # a figure, its (samples,) bootstrap draws, and of how many prompts it is
AREA = (0.0, 1.0)  # the least and the most that the area under a ROC curve can be


def flag_report(
    groups: Sequence[Group],
    logits: Logits,
    labels: Sequence[str],
    *,
    class_temperature: float = 1.0,
    rival: tuple[Logits, Sequence[str]] | None = None,
    samples: int,
    seed: int,
) -> FlagReport | None:
    """Says how right the classes are; None where nobody voted. Shares, and F1 that follows from one, have the interval
    of intervals.share_estimate, all others that of intervals.estimate.

    logits: calibrated; class_temperature is what their difference was divided by, for the figures before it. A class is
    predicted where its probability is above a half. rival: logits and labels of the champion; where it classifies the
    same flag, "champion" has it on the same votes.
    """
    flag, votes = flag_of(labels), collect_votes(groups, labels)
    if flag is None or not len(votes.index):
        return None
    theirs = _same_classes(rival, labels)
    judged = _judge(votes, logits, class_temperature, theirs, samples=samples, seed=seed)
    area = judged.area(_ahead(logits))
    rivals: FlagRivals = {"champion": None if theirs is None else _champion(judged, area, theirs)}
    report: FlagReport = {
        "flag": {"name": flag[0], "positive": flag[1]},
        **_right(judged, logits, area),
        "baseline": _baseline(judged, labels),
        **rivals,
        "classes": [_class(label, name, votes, judged.margins) for label, name in enumerate(labels)],
        "class_temperature": class_temperature,
        "ece": curves.calibration(votes, judged.margins, samples=samples, seed=seed),
        "ece_raw": curves.calibration(votes, judged.raw, samples=samples, seed=seed),
    }
    return report


@dataclass(frozen=True)
class _Judged:
    """Votes and a model's margins on them, with sums over all votes by name and (samples,) sums of bootstrap draws."""

    votes: Votes
    margins: Floats  # (V,)
    raw: Floats  # (V,), before calibration
    rival: Floats | None  # (V,), the champion's
    sums: dict[str, float]
    draws: dict[str, Floats]
    samples: int
    seed: int

    def mean(self, name: str) -> Drawn:
        n_prompts = intervals.count(self.votes.cluster)
        return self.sums[name] / self.sums["n"], _divide(self.draws[name], self.draws["n"]), n_prompts

    def area(self, values: Floats) -> Drawn | None:
        """Gives the area under the ROC curve of (N,) values; None where all votes are of one class."""
        votes = self.votes
        if votes.positive.all() or not votes.positive.any():
            return None
        drawn = {"samples": self.samples, "seed": self.seed}
        area = curves.drawn_auc(values[votes.index], votes.positive, votes.cluster, votes.n_clusters, **drawn)
        return (*area, curves.n_prompts_of_area(votes.positive, votes.cluster))


def _same_classes(rival: tuple[Logits, Sequence[str]] | None, labels: Sequence[str]) -> Logits | None:
    """Gives a rival's logits in the order of these labels; None where it has others, or classifies nothing."""
    if rival is None or sorted(rival[1]) != sorted(labels):
        return None
    return rival[0] if tuple(rival[1]) == tuple(labels) else rival[0][:, ::-1]


def _judge(
    votes: Votes, logits: Logits, class_temperature: float, theirs: Logits | None, *, samples: int, seed: int
) -> _Judged:
    margins = votes.margins(logits)
    raw = margins * class_temperature
    rival = None if theirs is None else votes.margins(theirs)
    columns = {
        "n": np.ones(len(margins)),
        "positive": votes.positive.astype(np.float64),
        "log_loss": metrics.log_loss(margins),
        "log_loss_raw": metrics.log_loss(raw),
    }
    if rival is not None:
        columns["rival"] = metrics.log_loss(rival)
    table = intervals.cluster_sums(np.stack(list(columns.values()), axis=1), votes.cluster, votes.n_clusters)
    drawn = intervals.resampled_sums(table, samples=samples, seed=seed)
    sums = dict(zip(columns, table.sum(axis=0).tolist(), strict=True))
    draws = dict(zip(columns, drawn.T, strict=True))
    return _Judged(votes, margins, raw, rival, sums, draws, samples, seed)


def _right(judged: _Judged, logits: Logits, area: Drawn | None) -> FlagFigures:
    """Gives what is said of the model alone, over all votes."""
    votes, area_of_reward = judged.votes, judged.area(logits[:, 1])
    return {
        "n_votes": len(votes.index),
        "n_completions": len(np.unique(votes.index)),
        "n_prompts": intervals.count(votes.cluster),
        "roc_auc": _area(area),
        "roc_auc_of_reward": _area(area_of_reward),
        "curve": _curve(votes, metrics.probability(_ahead(logits))[votes.index]),
        "accuracy": intervals.share_estimate(metrics.correct(judged.margins), votes.cluster),
        "log_loss": intervals.estimate(*judged.mean("log_loss")),
        "log_loss_raw": intervals.estimate(*judged.mean("log_loss_raw")),
    }


def _area(drawn: Drawn | None) -> Estimate | None:
    return None if drawn is None else intervals.estimate(*drawn, ends=AREA)


def _baseline(judged: _Judged, labels: Sequence[str]) -> FlagBaseline:
    """Says what to compare with: the accuracy of always saying the commoner class of these votes, and the log loss of
    always saying their base rate, which is the best constant. difference: the model's minus that one's, on the same
    draws."""
    votes = judged.votes
    share, drawn_share, n_prompts = judged.mean("positive")
    loss, drawn_loss, _ = judged.mean("log_loss")
    common = 1 if share >= 0.5 else 0
    base, drawn_base = _entropy(share), _entropy(drawn_share)
    return {
        "class": labels[common],
        "accuracy": intervals.share_estimate((votes.positive == common).astype(np.float64), votes.cluster),
        "log_loss": intervals.estimate(base, drawn_base, n_prompts, ends=(0.0, math.log(2))),
        "difference": intervals.estimate(loss - base, drawn_loss - drawn_base, n_prompts),
    }


def _champion(judged: _Judged, area: Drawn | None, champion: Logits) -> FlagComparison:
    """Measures the champion on the same votes; differences are ours minus the champion's, on the same draws of
    prompts."""
    loss, rival = judged.mean("log_loss"), judged.mean("rival")
    theirs = judged.area(_ahead(champion))
    same = judged.rival is not None and np.array_equal(judged.margins, judged.rival)
    return {
        "log_loss": intervals.estimate(*rival),
        "roc_auc": _area(theirs),
        "difference": {
            "log_loss": intervals.estimate(loss[0] - rival[0], loss[1] - rival[1], loss[2]),
            "roc_auc": intervals.difference(area[0] - theirs[0], area[1] - theirs[1], area[2], same=same)
            if area and theirs
            else None,
        },
    }


def _curve(votes: Votes, probabilities: Floats) -> Curve:
    """Gives curves.thresholds, and at each how many independent votes every rate of the positive class is of: from
    these and the counts come the intervals that _class has."""
    curve = curves.thresholds(probabilities, votes.positive)
    effective: dict[str, list[float | None]] = {}
    seen: dict[int, dict[str, float | None]] = {}  # thresholds with no vote between them have the same
    for cut in curve["thresholds"]:
        called = probabilities >= cut
        if (n := int(called.sum())) not in seen:
            parts = _rates(votes.positive, called.astype(np.float64))
            seen[n] = {name: _number_of(*part, votes.cluster) for name, part in parts.items()}
        for name, number in seen[n].items():
            effective.setdefault(name, []).append(number)
    return {**curve, "effective": effective}


def _class(label: int, name: str, votes: Votes, margins: Floats) -> ClassFigures:
    """Measures precision, recall and F1 of one class; None where they are nothing of nothing.

    A margin of 0 is half of each class.
    """
    right, is_label = metrics.correct(margins), votes.positive == label
    rates = _rates(is_label, np.where(is_label, right, 1 - right))
    return {
        "label": name,
        "n": int(is_label.sum()),
        "n_prompts": intervals.count(votes.cluster[is_label]),
        "precision": _share_of(*rates["precision"], votes.cluster),
        "recall": _share_of(*rates["recall"], votes.cluster),
        "f1": _f1(_share_of(*rates["f1"], votes.cluster)),
    }


def _f1(shared: ShareEstimate | None) -> ShareEstimate | None:
    """Gives 2 J / (1 + J) of the share J that said and predicted is of said or predicted, so it has J's interval."""
    if shared is None:
        return None
    value, low, high = (2 * share / (1 + share) for share in (shared["value"], shared["low"], shared["high"]))
    return {"value": value, "low": low, "high": high}


def _rates(said: npt.NDArray[np.bool_], predicted: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Gives each rate of a class what hits and what of (hits, weights). said: (V,) the votes for it. predicted: (V,)
    how much of each is called so, 0 to 1. That of f1 is the share that F1 follows from.
    """
    hits, votes, others = predicted * said, said.astype(np.float64), (~said).astype(np.float64)
    return {
        "precision": (hits, predicted),
        "recall": (hits, votes),
        "false_positive_rate": (predicted * others, others),
        "f1": (hits, np.where(said, 1.0, predicted)),
    }


def _share_of(hits: Floats, weights: Floats, cluster: Ints) -> ShareEstimate | None:
    of = weights > 0
    return intervals.share_estimate(hits[of], cluster[of], weights[of]) if of.any() else None


def _number_of(hits: Floats, weights: Floats, cluster: Ints) -> float | None:
    of = weights > 0
    return intervals.effective_number(hits[of], cluster[of], weights[of]) if of.any() else None


def _ahead(logits: Logits) -> Floats:
    """Tells, (N,), how far the positive class is before the other."""
    ahead: Floats = logits[:, 1].astype(np.float64) - logits[:, 0]
    return ahead


def _divide(above: Floats, below: Floats) -> Floats:
    """Divides; NaN where nothing was drawn, which intervals.estimate leaves out."""
    parts: Floats = np.full(below.shape, math.nan)
    return np.divide(above, below, out=parts, where=below > 0)


def _entropy(share: Any) -> Any:
    """Gives the log loss of always saying the share where it is true: -p ln p - (1 - p) ln(1 - p), 0 at 0 and 1."""
    return sum(part * -np.log(np.where(part > 0, part, 1.0)) for part in (share, 1 - share))
