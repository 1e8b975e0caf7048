"""Flags as the classes of a binary head: their names, and labelers' votes on them. No torch.

A vote is one labeler's word on one completion. N: completions, V: votes, C: clusters, which are distinct dialogues.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import count_votes
from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Floats, Ints

NOT = "not_"


def labels_of(config: TrainConfig, flag: str | None) -> tuple[str, ...]:
    """Gives the names of the classes, the positive one last; none for a scalar head. `flag` is Dataset.flag."""
    if config.head == "scalar":
        return ()
    if flag is None:
        return "negative", "positive"
    return (NOT + flag, flag) if config.flag_positive else (flag, NOT + flag)


def flag_of(labels: Sequence[str]) -> tuple[str, bool] | None:
    """Finds the flag and its wanted value that labels_of made these names of; None for other names, or none."""
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
        """Maps (N, 2) logits to (V,) logit of the class voted for minus logit of the other."""
        if not len(self.index):
            return np.zeros(0)  # of a scalar head too, which has one logit
        ahead: Floats = (logits[:, 1].astype(np.float64) - logits[:, 0])[self.index]
        return np.where(self.positive, ahead, -ahead)


def collect_votes(groups: Sequence[Group], labels: Sequence[str]) -> Votes:
    """Collects all votes on the flag that a model's labels are named after; none where they aren't."""
    flag, rows, start = flag_of(labels), list[tuple[int, int, int]](), 0
    clusters = metrics.clusters_of(groups)
    for group, cluster in zip(groups, clusters, strict=True):
        for index, counts in count_votes(group.rankings, *flag).items() if flag else ():
            rows += [(start + index, label, cluster) for label in (0, 1) for _ in range(counts[label])]
        start += len(group.completions)
    table: Ints = np.array(rows, dtype=np.int64).reshape(len(rows), 3)
    return Votes(table[:, 0], table[:, 1] == 1, table[:, 2], max(clusters, default=-1) + 1)
