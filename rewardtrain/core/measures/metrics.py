"""What rankings say and how right margins are, as plain functions of numbers. No torch.

Everything carries sums and counts to the end. P: pairs, C: clusters, which are distinct dialogues.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data.groups import Group

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Json = dict[str, Any]


@dataclass(frozen=True)
class Pairs:
    """Every comparison that isn't a tie, once for each labeler who made it; all arrays are (P,). And the ties."""

    chosen: Ints  # where the chosen completion's reward is in the flat list of rewards
    rejected: Ints
    cluster: Ints  # equal for equal dialogues: what the bootstrap draws
    gap: Ints  # how many ranks apart, ranks counted without holes
    longer_by: Ints  # characters of chosen minus characters of rejected
    labelers: list[str]
    tied: Ints  # (T, 2) where the rewards of two completions that a labeler tied are
    tied_cluster: Ints  # (T,)
    n_clusters: int

    @property
    def n_ties(self) -> int:
        return len(self.tied)

    @property
    def n_prompts(self) -> int:
        """Counts those that have a pair."""
        return len(np.unique(self.cluster))

    def margins(self, rewards: Sequence[Sequence[float]]) -> Floats:
        """Gives the (P,) reward of chosen minus reward of rejected."""
        values = flatten(rewards)
        return values[self.chosen] - values[self.rejected]


def flatten(rewards: Sequence[Sequence[float]]) -> Floats:
    """Gives the (N,) rewards of all groups' completions one after the other."""
    return np.array([value for group in rewards for value in group], dtype=np.float64)


def compared(group: Group) -> Iterator[tuple[str, int, int, int]]:
    """Yields the labeler and judgements of each ranking, but for completions that are one input: of them nothing is
    known."""
    for ranking in group.rankings:
        for best, worst, gap in ranking.judgements():
            if group.inputs[best] != group.inputs[worst]:
                yield ranking.labeler, best, worst, gap


def n_alike(groups: Sequence[Group]) -> int:
    """Counts judgements that compared leaves out."""
    return sum(
        group.inputs[best] == group.inputs[worst]
        for group in groups
        for ranking in group.rankings
        for best, worst, _ in ranking.judgements()
    )


def collect_pairs(groups: Sequence[Group]) -> Pairs:
    """Expand all rankings into pairs, in the order of the groups."""
    rows: list[tuple[int, int, int, int, int]] = []
    ties: list[tuple[int, int, int]] = []
    labelers: list[str] = []
    clusters = clusters_of(groups)
    start = 0
    for group, cluster in zip(groups, clusters, strict=True):
        lengths = [len(text) for text in group.completions]
        for labeler, best, worst, gap in compared(group):
            if gap:
                rows.append((start + best, start + worst, cluster, gap, lengths[best] - lengths[worst]))
                labelers.append(labeler)
            else:
                ties.append((start + best, start + worst, cluster))
        start += len(group.completions)
    table: Ints = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
    tied: Ints = np.array(ties, dtype=np.int64).reshape(len(ties), 3)
    chosen, rejected, cluster_, gaps, longer_by = table.T
    n_clusters = max(clusters, default=-1) + 1
    return Pairs(chosen, rejected, cluster_, gaps, longer_by, labelers, tied[:, :2], tied[:, 2], n_clusters)


def clusters_of(groups: Sequence[Group]) -> list[int]:
    """Gives a number for each group, counted from 0; equal dialogues have equal ones."""
    numbers = dict[str, int]()
    return [numbers.setdefault(group.prompt_key, len(numbers)) for group in groups]


def fingerprint_pairs(groups: Sequence[Group]) -> str:
    """Gives the sha256 in hex of what is measured: every pair that isn't a tie, by its dialogue and its two texts.

    The order of rows, of completions and of rankings, ids and the labelers' names don't matter. Reports that have the
    same one are about the same pairs.
    """
    digests = []
    for group in groups:
        texts = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in group.completions]
        prompt = bytes.fromhex(group.prompt_key)
        digests += [prompt + texts[best] + texts[worst] for _, best, worst, gap in compared(group) if gap]
    return hashlib.sha256(b"".join(sorted(digests))).hexdigest()


def correct(margins: npt.NDArray[Any]) -> Floats:
    """Gives 1 where chosen is above rejected, a half where they are equal."""
    return np.asarray((margins > 0) + 0.5 * (margins == 0), dtype=np.float64)


def log_loss(margins: Floats) -> Floats:
    """Computes -log sigma(margin), without overflow."""
    return np.logaddexp(0.0, -margins)


def probability(margins: Floats) -> Floats:
    """Gives Bradley-Terry: sigma(margin), the chance that chosen is preferred."""
    return np.exp(-log_loss(margins))


def confidence(margins: Floats) -> Floats:
    """Gives the probability of the side that the rewards prefer: from 0.5 to 1."""
    return probability(np.abs(margins))
