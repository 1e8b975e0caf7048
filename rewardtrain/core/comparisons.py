"""From rankings to comparisons, and which prompts are used. No torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from rewardtrain.core.data import SPLITS, Group
from rewardtrain.core.errors import DataError


@dataclass(frozen=True)
class Comparisons:
    """All labelers' judgements of one prompt merged: weights maps (i, j) to how many preferred i to j."""

    weights: dict[tuple[int, int], float]
    n_strict: int
    n_ties: int


def merge(group: Group, *, ties: str) -> Comparisons:
    """Merge the rankings of a prompt. A tie is dropped, or with ties='half' counts half each way."""
    weights = dict[tuple[int, int], float]()
    strict = tied = 0
    for ranking in group.rankings:
        for i, j in combinations(range(len(ranking.ranks)), 2):
            if ranking.ranks[i] == ranking.ranks[j]:
                tied += 1
                shares = {(i, j): 0.5, (j, i): 0.5} if ties == "half" else {}
            else:
                strict += 1
                shares = {((i, j) if ranking.ranks[i] < ranking.ranks[j] else (j, i)): 1.0}
            for pair, share in shares.items():
                weights[pair] = weights.get(pair, 0.0) + share
    return Comparisons(weights=weights, n_strict=strict, n_ties=tied)


@dataclass(frozen=True)
class Dataset:
    """The usable prompts by split, and how many were left out and why."""

    splits: dict[str, list[Group]]
    left_out: dict[str, int]

    @property
    def groups(self) -> list[Group]:
        return [group for groups in self.splits.values() for group in groups]

    def n_pairs(self, split: str) -> int:
        """Comparisons of one split that aren't ties, one for each labeler who made it."""
        return sum(merge(group, ties="drop").n_strict for group in self.splits[split])


def build_dataset(groups: Iterable[Group], *, ties: str) -> Dataset:
    """Sort prompts into splits.

    Left out and counted: fewer than two completions; no ranking; in training nothing but ties where these are dropped;
    and prompts for training or validation whose dialogue is in a later split too, for they would leak.
    """
    groups = list(groups)
    keys = {split: {group.prompt_key for group in groups if group.split == split} for split in SPLITS}
    later = {"train": keys["validation"] | keys["test"], "validation": keys["test"], "test": set[str]()}
    splits: dict[str, list[Group]] = {split: [] for split in SPLITS}
    left_out = {"one_completion": 0, "no_ranking": 0, "only_ties": 0, "leak": 0}
    for group in groups:
        if len(group.completions) < 2:
            left_out["one_completion"] += 1
        elif not group.rankings:
            left_out["no_ranking"] += 1
        elif group.split == "train" and not merge(group, ties=ties).weights:
            left_out["only_ties"] += 1
        elif group.prompt_key in later[group.split]:
            left_out["leak"] += 1
        else:
            splits[group.split].append(group)
    return Dataset(splits=splits, left_out=left_out)


def require_data(data: Dataset, *, min_pairs: int) -> None:
    """Raise DataError, naming the split and what was seen, where there is too little to train or to evaluate on."""
    counts = ", ".join(f"{len(data.splits[split])} {split}" for split in SPLITS)
    dropped = ", ".join(f"{count} {reason}" for reason, count in data.left_out.items())
    seen = f"usable prompts: {counts}; left out: {dropped}"
    if not data.splits["train"]:
        raise DataError(f"the train split is empty ({seen}); rank more prompts")
    pairs = data.n_pairs("train")
    if pairs < min_pairs:
        raise DataError(f"too few pairs to train on: {pairs}, at least {min_pairs} needed ({seen}); rank more prompts")
    if not data.n_pairs("test"):
        raise DataError(
            f"the test split is empty or all ties ({seen}); rank more prompts, a tenth of them is for tests"
        )
