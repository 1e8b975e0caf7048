"""Flags as the classes of a binary head: their names, labelers' votes on them, and how right the class is. No torch.

A vote is one labeler's word on one completion. N: completions, V: votes, C: clusters, which are distinct dialogues.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import count_votes
from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Ints, Json

NOT = "not_"
AREA = (0.0, 1.0)  # the least and the most that the area under a ROC curve can be


def labels_of(config: TrainConfig, flag: str | None) -> tuple[str, ...]:
    """Names of the classes, the positive one last; none for a scalar head. `flag` is Dataset.flag."""
    if config.head == "scalar":
        return ()
    if flag is None:
        return "negative", "positive"
    return (NOT + flag, flag) if config.flag_positive else (flag, NOT + flag)


def flag_of(labels: Sequence[str]) -> tuple[str, bool] | None:
    """The flag and its wanted value that labels_of made these names of; None for other names, or none."""
    if len(labels) != 2:
        return None
    negative, positive = labels
    if positive == NOT + negative:
        return negative, False
    return (positive, True) if negative == NOT + positive else None


@dataclass(frozen=True)
class Votes:
    """Every vote on a flag; all arrays are (V,)."""

    index: Ints  # where the completion is in the flat list of all groups' completions
    positive: npt.NDArray[np.bool_]  # whether the vote is for class 1
    cluster: Ints  # equal for equal dialogues: what the bootstrap draws
    n_clusters: int

    def margins(self, logits: npt.NDArray[Any]) -> Floats:
        """(N, 2) logits to (V,) logit of the class voted for minus logit of the other."""
        if not len(self.index):
            return np.zeros(0)  # of a scalar head too, which has one logit
        ahead: Floats = (logits[:, 1].astype(np.float64) - logits[:, 0])[self.index]
        return np.where(self.positive, ahead, -ahead)


def collect_votes(groups: Sequence[Group], labels: Sequence[str]) -> Votes:
    """All votes on the flag that a model's labels are named after; none where they aren't."""
    flag, rows, start = flag_of(labels), list[tuple[int, int, int]](), 0
    clusters = metrics.clusters_of(groups)
    for group, cluster in zip(groups, clusters, strict=True):
        for index, counts in count_votes(group.rankings, *flag).items() if flag else ():
            rows += [(start + index, label, cluster) for label in (0, 1) for _ in range(counts[label])]
        start += len(group.completions)
    table: Ints = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    return Votes(table[:, 0], table[:, 1] == 1, table[:, 2], max(clusters, default=-1) + 1)


def flag_report(
    groups: Sequence[Group],
    logits: npt.NDArray[Any],
    labels: Sequence[str],
    *,
    class_temperature: float = 1.0,
    rival: tuple[npt.NDArray[Any], Sequence[str]] | None = None,
    samples: int,
    seed: int,
) -> Json | None:
    """How right the classes are; None where nobody voted. Shares, and F1 that follows from one, have the interval of
    intervals.share_estimate, all others that of intervals.estimate.

    logits: (N, 2), calibrated; class_temperature is what their difference was divided by, for the figures before it.
    A class is predicted where its probability is above a half. What to compare with: the accuracy of always saying the
    commoner class of these votes, and the log loss of always saying their base rate, which is the best constant. rival:
    logits and labels of the champion; where it classifies the same flag, "champion" has it on the same votes.
    """
    votes = collect_votes(groups, labels)
    if not len(votes.index):
        return None
    margins = votes.margins(logits)
    raw = margins * class_temperature
    theirs = _same_classes(rival, labels)
    drawn = {"samples": samples, "seed": seed}
    their_margins = None if theirs is None else votes.margins(theirs)
    sums, draws = _summed(votes, margins, raw, their_margins, **drawn)
    n, drawn_n = sums["n"], draws["n"]
    share, drawn_share = sums["positive"] / n, _divide(draws["positive"], drawn_n)
    common = 1 if share >= 0.5 else 0

    n_prompts, n_of_area = intervals.count(votes.cluster), curves.n_prompts_of_area(votes.positive, votes.cluster)

    def auc(values: Floats) -> tuple[float, Floats, int] | None:
        if not 0 < share < 1:
            return None
        found = curves.drawn_auc(values[votes.index], votes.positive, votes.cluster, votes.n_clusters, **drawn)
        return (*found, n_of_area)

    ahead = logits[:, 1].astype(np.float64) - logits[:, 0]
    area, area_of_reward = auc(ahead), auc(logits[:, 1])
    base_rate, drawn_base_rate = _entropy(share), _entropy(drawn_share)
    return {
        "flag": dict(zip(("name", "positive"), flag_of(labels) or (), strict=True)),
        "n_votes": int(n),
        "n_completions": len(np.unique(votes.index)),
        "n_prompts": n_prompts,
        "roc_auc": area and intervals.estimate(*area, ends=AREA),
        "roc_auc_of_reward": area_of_reward and intervals.estimate(*area_of_reward, ends=AREA),
        "curve": curves.thresholds(metrics.probability(ahead)[votes.index], votes.positive),
        "accuracy": intervals.share_estimate(metrics.correct(margins), votes.cluster),
        **{
            name: intervals.estimate(sums[name] / n, _divide(draws[name], drawn_n), n_prompts)
            for name in ("log_loss", "log_loss_raw")
        },
        "baseline": {
            "class": labels[common],
            "accuracy": intervals.share_estimate((votes.positive == common).astype(np.float64), votes.cluster),
            "log_loss": intervals.estimate(base_rate, drawn_base_rate, n_prompts, ends=(0.0, math.log(2))),
            # Of the model minus the base rate's, on the same draws.
            "difference": intervals.estimate(
                sums["log_loss"] / n - base_rate, _divide(draws["log_loss"], drawn_n) - drawn_base_rate, n_prompts
            ),
        },
        "champion": None
        if theirs is None
        else _against(
            area,
            auc(theirs[:, 1].astype(np.float64) - theirs[:, 0]),
            sums,
            draws,
            n_prompts,
            same=their_margins is not None and np.array_equal(margins, their_margins),
        ),
        "classes": [_class(label, name, votes, margins) for label, name in enumerate(labels)],
        "class_temperature": class_temperature,
        "ece": curves.calibration(votes, margins, **drawn),
        "ece_raw": curves.calibration(votes, raw, **drawn),
    }


def _same_classes(
    rival: tuple[npt.NDArray[Any], Sequence[str]] | None, labels: Sequence[str]
) -> npt.NDArray[Any] | None:
    """A rival's logits in the order of these labels; None where it has others, or classifies nothing."""
    if rival is None or sorted(rival[1]) != sorted(labels):
        return None
    return rival[0] if tuple(rival[1]) == tuple(labels) else rival[0][:, ::-1]


def _against(
    area: tuple[float, Floats, int] | None,
    theirs: tuple[float, Floats, int] | None,
    sums: dict[str, float],
    draws: dict[str, Floats],
    n_prompts: int,
    *,
    same: bool,
) -> Json:
    """The champion on the same votes; differences are ours minus the champion's, on the same draws of prompts."""
    loss, rival = ((sums[name] / sums["n"], _divide(draws[name], draws["n"])) for name in ("log_loss", "rival"))
    return {
        "log_loss": intervals.estimate(*rival, n_prompts),
        "roc_auc": theirs and intervals.estimate(*theirs, ends=AREA),
        "difference": {
            "log_loss": intervals.estimate(loss[0] - rival[0], loss[1] - rival[1], n_prompts),
            "roc_auc": intervals.difference(area[0] - theirs[0], area[1] - theirs[1], area[2], same=same)
            if area and theirs
            else None,
        },
    }


def _summed(
    votes: Votes, margins: Floats, raw: Floats, rival: Floats | None, *, samples: int, seed: int
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Sums over all votes by name, and (samples,) sums of each bootstrap draw."""
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
    return dict(zip(columns, table.sum(axis=0).tolist(), strict=True)), dict(zip(columns, drawn.T, strict=True))


def _class(label: int, name: str, votes: Votes, margins: Floats) -> Json:
    """Precision, recall and F1 of one class; None where they are nothing of nothing.

    A margin of 0 is half of each class. F1 is 2 J / (1 + J) of the share J that said and predicted is of said or
    predicted, so it has J's interval.
    """
    right, said = metrics.correct(margins), votes.positive == label
    predicted = np.where(said, right, 1 - right)
    shared = _share_of(right * said, votes.cluster, np.where(said, 1.0, predicted))
    return {
        "label": name,
        "n": int(said.sum()),
        "n_prompts": intervals.count(votes.cluster[said]),
        "precision": _share_of(predicted * said, votes.cluster, predicted),
        "recall": _share_of(right * said, votes.cluster, said.astype(np.float64)),
        "f1": shared and {end: 2 * share / (1 + share) for end, share in shared.items()},
    }


def _share_of(hits: Floats, cluster: Ints, weights: Floats) -> Json | None:
    of = weights > 0
    return intervals.share_estimate(hits[of], cluster[of], weights[of]) if of.any() else None


def _divide(above: Floats, below: Floats) -> Floats:
    """NaN where nothing was drawn, which intervals.estimate leaves out."""
    parts: Floats = np.full(below.shape, math.nan)
    return np.divide(above, below, out=parts, where=below > 0)


def _entropy(share: Any) -> Any:
    """Log loss of always saying the share where it is true: -p ln p - (1 - p) ln(1 - p), 0 at 0 and 1."""
    return sum(part * -np.log(np.where(part > 0, part, 1.0)) for part in (share, 1 - share))
