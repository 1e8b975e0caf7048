"""A run of depth 'head': features of every completion from the cache, one fit, then what follows any training."""

import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Dataset, build_dataset, require_data, tell_apart
from rewardtrain.core.data.groups import fingerprint, read_groups
from rewardtrain.core.errors import Stopped
from rewardtrain.core.evaluation.evaluate import quick_metrics
from rewardtrain.core.finish import Further, finish
from rewardtrain.core.head.attributes import Rated, further_heads
from rewardtrain.core.head.baseline import rival_scores
from rewardtrain.core.head.edges import Edges, edges_of
from rewardtrain.core.head.features import Features, Floats32
from rewardtrain.core.head.fit import Fit, Linear, Problem, choose_flag_l2, choose_l2, fit, fit_ensemble, fit_flag
from rewardtrain.core.head.frozen import Frozen
from rewardtrain.core.head.solvers import Floats
from rewardtrain.core.measures.flags import labels_of
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.progress import METRICS, MetricsLog

CACHE = "cache"


def train_head(
    data: Path,
    out: Path,
    config: TrainConfig,
    champion: Path | None,
    measured: str,
    *,
    cache: Path | None,
    should_stop: Callable[[], bool],
) -> None:
    """Does what train.train does at this depth.

    cache: where features are kept from run to run; without it they are kept in `out` until the end. A run that was
    stopped begins again and finds what it had encoded.
    """
    with MetricsLog(out / METRICS, keep_bytes=0, should_stop=should_stop) as log:
        _run(data, out, config, cache or out / CACHE, champion, log, measured)
        log.emit("done")
    if not cache:
        shutil.rmtree(out / CACHE, ignore_errors=True)


def fill_cache(data: Path, config: TrainConfig, cache: Path, *, should_stop: Callable[[], bool]) -> int:
    """Encode every completion of a data file that the cache lacks, ranked or not; returns how many there are.

    Raises Stopped when asked to stop; what was encoded is kept.
    """
    groups = read_groups(data)

    def progress(done: int, total: int) -> None:
        if should_stop():
            raise Stopped(f"stopped as asked, {done} of {total} completions encoded")

    return len(Frozen(config, cache).features(groups, progress).values)


def _run(
    data: Path, out: Path, config: TrainConfig, cache: Path, champion: Path | None, log: MetricsLog, measured: str
) -> None:
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), config)
    require_data(dataset, config)
    frozen = Frozen(config, cache)
    log.emit("phase", phase="encoding")
    features = {
        split: frozen.features(groups, lambda done, total: log.progress("encoding", done, total))
        for split, groups in dataset.splits.items()
    }
    inputs = {split: features[split].inputs_of(groups) for split, groups in dataset.splits.items()}
    counts = _counts(features)
    dataset = tell_apart(dataset, inputs, config)
    require_data(dataset, config)
    features["train"] = frozen.features(dataset.splits["train"], lambda done, total: None)  # all are there
    counts |= {**dataset.counts(), "file": data.name, "fingerprint": fingerprint(data), "config": config.written()}
    log.emit("start", **counts, **frozen.device.describe())
    log.emit("phase", phase="training")
    rows, ensemble = fit_rows(dataset, features, config, has_bias=frozen.has_bias, log=log)
    model = frozen.with_head(rows, labels_of(config, dataset.flag))
    score = _scorer(dataset, features, rows)
    if dataset.splits["validation"]:
        log.emit("validation", step=1, every=1, **quick_metrics(dataset.splits["validation"], score("validation")))

    def score_champion(folder: Path) -> Scores:
        return rival_scores(
            folder, dataset.splits["test"], frozen, lambda done, total: log.progress("evaluating", done, total)
        )

    finish(
        model,
        dataset,
        score,
        config,
        out,
        log=log,
        counts=counts,
        champion=champion,
        score_champion=score_champion,
        backbone=frozen.shard,
        heads=ensemble,
        attributes=_further(dataset, features, rows[-1], config, measured),
        measured=measured,
    )


def _further(
    dataset: Dataset, features: dict[str, Features], reward: Linear, config: TrainConfig, measured: str
) -> Further | None:
    def part(split: str) -> Rated:
        values = features[split].values
        return Rated(dataset.splits[split], values, reward(values))

    return further_heads(part("train"), part("validation"), part(measured), config)


def fit_rows(
    dataset: Dataset, features: dict[str, Features], config: TrainConfig, *, has_bias: bool, log: MetricsLog
) -> tuple[list[Linear], Floats32 | None]:
    """Fits a linear function for each logit, the reward's last, and the ensemble's rewards; tells the log of the fit.

    Of a binary head the difference of the two is the log-odds of the positive class, which flags teach, and the last
    is the reward, which pairs teach: two fits, for each can have any value whatever the other is.
    """
    started = time.monotonic()
    pairs = _fit_pairs(dataset, features, config) if dataset.n_pairs("train") >= config.min_pairs else None
    reward = pairs.head if pairs else None
    rows = [reward] if reward else []
    if config.head == "binary":
        odds = _fit_odds(dataset, features, config, has_bias) if dataset.n_flagged("train") else reward
        assert odds is not None  # require_data saw pairs or flags enough
        reward = reward or odds
        rows = [Linear(reward.weight - odds.weight, reward.bias - odds.bias), reward]
    if not has_bias:
        rows = [Linear(row.weight, 0.0) for row in rows]
    ensemble = fit_ensemble(pairs, count=config.ensemble, seed=config.seed) if pairs and config.ensemble else None
    seconds = time.monotonic() - started
    log.emit(
        "step",
        step=1,
        total_steps=1,
        epoch=1.0,
        loss=pairs.loss if pairs else None,
        l2=pairs.l2 if pairs else None,
        seconds=seconds,
        completions_per_second=len(features["train"].values) / seconds,
    )
    return rows, ensemble


def _fit_pairs(dataset: Dataset, features: dict[str, Features], config: TrainConfig) -> Fit:
    problem = Problem(features["train"].values, _edges(dataset, "train", config))
    l2 = config.l2
    if l2 is None:
        plain = replace(config, ties="drop", margin="none", weight="none", label_smoothing=0.0)
        l2, _ = choose_l2(problem, features["validation"].values, _edges(dataset, "validation", plain))
    return fit(problem, l2=l2)


def _edges(dataset: Dataset, split: str, config: TrainConfig) -> Edges:
    sizes = [len(group.completions) for group in dataset.splits[split]]
    return edges_of(dataset.comparisons[split], sizes, config)


def _fit_odds(dataset: Dataset, features: dict[str, Features], config: TrainConfig, has_bias: bool) -> Linear:
    values, shares = _flagged(dataset, features, "train")
    l2 = config.l2
    if l2 is None:
        l2 = choose_flag_l2(values, shares, *_flagged(dataset, features, "validation"), bias=has_bias)
    return fit_flag(values, shares, l2=l2, bias=has_bias)


def _flagged(dataset: Dataset, features: dict[str, Features], split: str) -> tuple[Floats32, Floats]:
    """Gives (n, D) features of the completions with a vote, and (n,) the part of the votes that say the positive
    class."""
    rows, shares, start = list[int](), list[float](), 0
    for merged, group in zip(dataset.comparisons[split], dataset.splits[split], strict=True):
        for place, (negative, positive) in merged.votes.items():
            rows.append(start + place)
            shares.append(positive / (negative + positive))
        start += len(group.completions)
    return features[split].values[np.array(rows, dtype=np.int64)], np.array(shares)


def _scorer(dataset: Dataset, features: dict[str, Features], rows: list[Linear]) -> Callable[[str], Scores]:
    def score(split: str) -> Scores:
        started, kept = time.monotonic(), features[split]
        return Scores(
            logits=np.stack([row(kept.values) for row in rows], axis=1).astype(np.float32),
            sizes=[len(group.completions) for group in dataset.splits[split]],
            labels=(),
            **kept.counts(),
            seconds=time.monotonic() - started,
        )

    return score


def _counts(features: dict[str, Features]) -> dict[str, Any]:
    """Counts all that was read, whatever is left out of training afterwards."""
    counts = [kept.counts() for kept in features.values()]
    return {name: sum(each[name] for each in counts) for name in counts[0]} | {"total_steps": 1}
