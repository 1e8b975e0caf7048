"""From rankings to comparisons, and which prompts are used. No torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from formats.prompts import SPLITS
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, Ranking, told_apart, with_rewrites
from rewardtrain.core.errors import DataError

Pair = tuple[int, int]  # of completions: the preferred one first


@dataclass(frozen=True)
class Comparisons:
    """All labelers' judgements of one prompt merged."""

    weights: dict[Pair, float]  # how many preferred i to j
    n_strict: int
    n_ties: int
    n_alike: int = 0  # of two completions that are one input: they say nothing and are in none of the others
    ties: dict[Pair, float] = field(default_factory=dict)  # i < j: how many tied them, for Davidson's model
    margins: dict[Pair, float] = field(default_factory=dict)  # mean of those who preferred i to j, in ranks or strength
    scales: dict[Pair, float] = field(default_factory=dict)  # mean number of times that each of these counts
    votes: dict[int, tuple[int, int]] = field(default_factory=dict)  # of completion i: for class 0 and class 1


def merge(
    group: Group,
    *,
    ties: str = "drop",
    margin: str = "none",
    weight: str = "none",
    flag: str | None = None,
    positive: bool = True,
) -> Comparisons:
    """Merge the rankings of a prompt, as TrainConfig's ties, margin and weight say.

    A tie is dropped, with ties='half' counts half each way (without a margin, and once), with 'davidson' is kept as
    one. flag is the name whose votes are counted, with `positive` as the value that makes class 1.
    """
    weights, tied, margins = dict[Pair, float](), dict[Pair, float](), dict[Pair, float]()
    times = dict[Pair, float]()
    n_strict = n_ties = n_alike = 0
    for ranking in group.rankings:
        strength = (ranking.strength or 0) if margin == "strength" else 0
        counts = (ranking.strength or 1) if weight == "strength" else 1
        for i, j, gap in ranking.judgements():
            if group.inputs[i] == group.inputs[j]:
                n_alike += 1
                continue
            if not gap:
                n_ties += 1
                if ties == "half":
                    weights[i, j] = weights.get((i, j), 0.0) + 0.5
                    weights[j, i] = weights.get((j, i), 0.0) + 0.5
                elif ties == "davidson":
                    tied[i, j] = tied.get((i, j), 0.0) + 1.0
                continue
            n_strict += 1
            weights[i, j] = weights.get((i, j), 0.0) + 1.0
            times[i, j] = times.get((i, j), 0.0) + counts - 1
            if ahead := gap if margin == "gap" else strength:
                margins[i, j] = margins.get((i, j), 0.0) + ahead
    return Comparisons(
        weights=weights,
        n_strict=n_strict,
        n_ties=n_ties,
        n_alike=n_alike,
        ties=tied,
        margins={pair: total / weights[pair] for pair, total in margins.items()},
        scales={pair: 1 + times.get(pair, 0.0) / of for pair, of in weights.items()} if any(times.values()) else {},
        votes=count_votes(group.rankings, flag, positive) if flag is not None else {},
    )


def count_votes(rankings: Iterable[Ranking], flag: str, positive: bool) -> dict[int, tuple[int, int]]:
    """Counts how many labelers gave each completion class 0 and class 1, which is the flag with the value
    `positive`."""
    votes = dict[int, tuple[int, int]]()
    for ranking in rankings:
        for index, said in enumerate(ranking.flags):
            if flag in said:
                negatives, positives = votes.get(index, (0, 0))
                if said[flag] == positive:
                    votes[index] = negatives, positives + 1
                else:
                    votes[index] = negatives + 1, positives
    return votes


@dataclass(frozen=True)
class Dataset:
    """The usable prompts by split, each with its comparisons, and how many were left out and why."""

    splits: dict[str, list[Group]]
    comparisons: dict[str, list[Comparisons]]  # parallel to splits
    left_out: dict[str, int]
    flag: str | None  # what the binary head classifies
    n_rewrites: int = 0  # completions that labelers made of others, in the training split
    n_alike_alone: int = 0  # comparisons of equal inputs in prompts that had no others, and were left out

    @property
    def groups(self) -> list[Group]:
        return [group for groups in self.splits.values() for group in groups]

    def n_pairs(self, split: str) -> int:
        """Counts comparisons of one split that aren't ties, one for each labeler who made it."""
        return sum(merged.n_strict for merged in self.comparisons[split])

    def n_ties(self, split: str) -> int:
        return sum(merged.n_ties for merged in self.comparisons[split])

    @property
    def n_alike(self) -> int:
        return sum(merged.n_alike for merges in self.comparisons.values() for merged in merges) + self.n_alike_alone

    def n_flagged(self, split: str) -> int:
        """Counts completions of one split with at least one labeler's word on the flag."""
        return sum(len(merged.votes) for merged in self.comparisons[split])

    def counts(self) -> dict[str, Any]:
        """Gives what a run and its model say of their data, as JSON values."""
        return {
            "n_prompts": {split: len(groups) for split, groups in self.splits.items()},
            "n_completions": sum(len(group.completions) for group in self.groups),
            "n_comparisons": sum(self.n_pairs(split) for split in SPLITS),
            "n_ties": sum(self.n_ties(split) for split in SPLITS),
            "n_alike": self.n_alike,
            "dropped": sum(self.left_out.values()),
            "dropped_by_reason": self.left_out,
            **({"n_rewrites": self.n_rewrites} if self.n_rewrites else {}),
        }

    @property
    def tie_share(self) -> float:
        """Gives the share of ties among all judgements of the training split, with half of one added so that it is
        neither 0 nor 1."""
        ties, pairs = self.n_ties("train"), self.n_pairs("train")
        return (ties + 0.5) / (ties + pairs + 1)


def build_dataset(groups: Iterable[Group], config: TrainConfig) -> Dataset:
    """Sort prompts into splits and merge their rankings.

    Left out and counted: fewer than two completions; no ranking; nothing but comparisons of equal texts ('alike'); in
    training nothing but ties where these are dropped;
    and prompts for training or validation whose dialogue is in a later split too, for they would leak. A completion
    with a vote on the binary head's flag makes its prompt usable even so. Raises DataError where it is unclear which
    flag is meant. What labelers rewrote is for training alone: others were compared without it.
    """
    groups = list(groups)
    flag = _choose_flag(groups, config.flag) if config.head == "binary" else None
    keys = [group.prompt_key for group in groups]
    seen = {split: {key for group, key in zip(groups, keys, strict=True) if group.split == split} for split in SPLITS}
    later = {"train": seen["validation"] | seen["test"], "validation": seen["test"], "test": set[str]()}
    splits: dict[str, list[Group]] = {split: [] for split in SPLITS}
    comparisons: dict[str, list[Comparisons]] = {split: [] for split in SPLITS}
    left_out = {"one_completion": 0, "no_ranking": 0, "alike": 0, "only_ties": 0, "leak": 0}
    n_alike = n_rewrites = 0
    for group, key in zip(groups, keys, strict=True):
        k = len(group.completions)
        if group.split == "train" and config.rewrites:
            group = with_rewrites(group)
        merged = _merged(group, config, flag)
        reason = _unusable(group, merged) or ("leak" if key in later[group.split] else None)
        if reason:
            left_out[reason] += 1
            n_alike += merged.n_alike
        else:
            n_rewrites += len(group.completions) - k
            splits[group.split].append(group)
            comparisons[group.split].append(merged)
    return Dataset(splits, comparisons, left_out, flag, n_rewrites, n_alike)


def tell_apart(data: Dataset, inputs: Mapping[str, Sequence[Sequence[bytes]]], config: TrainConfig) -> Dataset:
    """Gives the data as a model reads it, without comparisons of what it reads alike: texts cut to the same, say.

    inputs: by split, parallel to its prompts and their completions. Training prompts without anything else are left
    out; those of other splits stay, for one model is compared there with others.
    """
    splits, comparisons, left_out = dict(data.splits), dict(data.comparisons), dict(data.left_out)
    n_alike = data.n_alike_alone
    for split in SPLITS:
        kept = list[tuple[Group, Comparisons]]()
        for group, merged, read in zip(data.splits[split], data.comparisons[split], inputs[split], strict=True):
            told = told_apart(group, read)
            if told is not group:
                merged = _merged(told, config, data.flag)
                if reason := _unusable(told, merged) if split == "train" else None:
                    left_out[reason] += 1
                    n_alike += merged.n_alike
                    continue
            kept.append((told, merged))
        splits[split] = [group for group, _ in kept]
        comparisons[split] = [merged for _, merged in kept]
    return Dataset(splits, comparisons, left_out, data.flag, data.n_rewrites, n_alike)


def _merged(group: Group, config: TrainConfig, flag: str | None) -> Comparisons:
    settings = {"ties": config.ties, "margin": config.margin, "weight": config.weight}
    return merge(group, **settings, flag=flag, positive=config.flag_positive)


def _unusable(group: Group, merged: Comparisons) -> str | None:
    if merged.votes:
        return None
    if len(group.completions) < 2:
        return "one_completion"
    if not group.rankings:
        return "no_ranking"
    if merged.n_alike and not merged.n_strict + merged.n_ties:
        return "alike"
    if group.split == "train" and not (merged.weights or merged.ties):
        return "only_ties"
    return None


def _choose_flag(groups: Iterable[Group], wanted: str | None) -> str | None:
    """Finds the setting, or the only flag of the data; None where the data has none, for pairs alone train a reward
    too."""
    names = {name for group in groups for ranking in group.rankings for said in ranking.flags for name in said}
    seen = ", ".join(sorted(names)) or "none"
    if wanted is not None and wanted not in names:
        raise DataError(f"flag is {wanted!r}, which no completion of the data has; it has {seen}")
    if wanted is None and len(names) > 1:
        raise DataError(f"the data has several flags: {seen}; choose what the binary head classifies with flag=NAME")
    return wanted or next(iter(names), None)


def require_data(data: Dataset, config: TrainConfig) -> None:
    """Raise DataError, naming the split and what was seen, where there is too little to train or to evaluate on."""
    counts = ", ".join(f"{len(data.splits[split])} {split}" for split in SPLITS)
    dropped = ", ".join(f"{count} {reason}" for reason, count in data.left_out.items())
    seen = f"usable prompts: {counts}; left out: {dropped}"
    seen += f"; {data.n_alike} comparisons of equal inputs" if data.n_alike else ""
    if not data.splits["train"]:
        raise DataError(f"the train split is empty ({seen}); rank more prompts")
    if config.depth != "none":
        _require_training(data, config, seen)
    if not data.n_pairs("test") and not data.n_flagged("test"):
        raise DataError(
            f"the test split is empty or all ties ({seen}); rank more prompts, a tenth of them is for tests"
        )


def _require_training(data: Dataset, config: TrainConfig, seen: str) -> None:
    pairs, flagged = data.n_pairs("train"), data.n_flagged("train")
    if max(pairs, flagged) < config.min_pairs:
        counted = f"{pairs}" + (f" (and {flagged} completions flagged {data.flag!r})" if data.flag else "")
        raise DataError(
            f"too few pairs to train on: {counted}, at least {config.min_pairs} needed ({seen}); rank more prompts"
        )
    if pairs < config.min_pairs:
        _require_both_classes(data)
    if config.margin == "strength" and not any(merged.margins for merged in data.comparisons["train"]):
        raise DataError("margin is 'strength', but no ranking has a strength; set margin to gap or none")
    if config.weight == "strength" and not _some_strength(data.splits["train"]):
        raise DataError("weight is 'strength', but no ranking has a strength; set weight to none")


def _some_strength(groups: Iterable[Group]) -> bool:
    return any(ranking.strength is not None for group in groups for ranking in group.rankings)


def _require_both_classes(data: Dataset) -> None:
    votes = [vote for merged in data.comparisons["train"] for vote in merged.votes.values()]
    for label in (0, 1):
        if not any(vote[label] for vote in votes):
            raise DataError(f"all {len(votes)} completions flagged {data.flag!r} are of one class; flag some otherwise")
