"""A run of depth 'head': features of every completion from the cache, one fit, then what follows any training."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rewardtrain.core.artifact import is_finished, require_model
from rewardtrain.core.comparisons import Dataset, build_dataset, merge, require_data
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data import SPLITS, fingerprint, read_groups
from rewardtrain.core.evaluate import quick_metrics
from rewardtrain.core.features import Features
from rewardtrain.core.finish import MODEL, REPORT, finish
from rewardtrain.core.frozen import Frozen
from rewardtrain.core.head import Edges, Linear, Problem, choose_l2, edges_of, fit_rewards, loss
from rewardtrain.core.model import output_layer
from rewardtrain.core.progress import MetricsLog
from rewardtrain.core.report import Scores

METRICS, CACHE = "metrics.jsonl", "cache"


def train_head(
    data: Path,
    out: Path,
    config: TrainConfig,
    *,
    cache: Path | None = None,
    champion: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Fit a head, evaluate it on the test split and write out/model, out/report.json and out/metrics.jsonl.

    cache: where features are kept from run to run; without it they are kept in `out` until the end. A run that was
    stopped begins again and finds what it had encoded. On a finished folder it does nothing. Raises a CoreError.
    """
    if is_finished(out / MODEL) and (out / REPORT).is_file():
        return
    if champion:
        require_model(champion)
    out.mkdir(parents=True, exist_ok=True)
    with MetricsLog(out / METRICS, keep_bytes=0, should_stop=should_stop) as log:
        _run(data, out, config, cache or out / CACHE, champion, log)
        log.emit("done")
    if not cache:
        shutil.rmtree(out / CACHE, ignore_errors=True)


def fill_cache(data: Path, config: TrainConfig, cache: Path) -> int:
    """Encode every completion of a data file that the cache lacks, ranked or not; returns how many there are."""
    features = Frozen(config, cache).features(read_groups(data), lambda done, total: None)
    return len(features.values)


def _run(data: Path, out: Path, config: TrainConfig, cache: Path, champion: Path | None, log: MetricsLog) -> None:
    log.emit("phase", phase="loading")
    dataset = build_dataset(read_groups(data), ties=config.ties)
    require_data(dataset, min_pairs=config.min_pairs)
    frozen = Frozen(config, cache)
    log.emit("phase", phase="encoding")
    features = {
        split: frozen.features(groups, lambda done, total: log.progress("encoding", done, total))
        for split, groups in dataset.splits.items()
    }
    counts = _counts(dataset, features, config, fingerprint(data))
    device = frozen.device
    log.emit("start", **counts, device=device.kind, device_name=device.name, dtype=device.dtype_name)
    log.emit("phase", phase="training")
    head = _fit(dataset, features, config, log)
    _set_head(frozen, head)
    score = _scorer(dataset, features, head)
    log.emit("validation", step=1, **quick_metrics(dataset.splits["validation"], score("validation")))
    finish(frozen.model, dataset, score, config, out, log=log, counts=counts, champion=champion)


def _fit(dataset: Dataset, features: dict[str, Features], config: TrainConfig, log: MetricsLog) -> Linear:
    started = time.monotonic()
    train, validation = (_edges(dataset, split, config) for split in ("train", "validation"))
    problem = Problem(features["train"].values, train)
    l2, tried = config.l2, dict[float, float]()
    if l2 is None:
        l2, tried = choose_l2(problem, features["validation"].values, validation)
    head = fit_rewards(problem, l2=l2)
    seconds = time.monotonic() - started
    log.emit(
        "step",
        step=1,
        total_steps=1,
        epoch=1.0,
        loss=loss(head(problem.features), train),
        l2=l2,
        l2_tried=tried,
        seconds=seconds,
        completions_per_second=len(problem.features) / seconds,
    )
    return head


def _edges(dataset: Dataset, split: str, config: TrainConfig) -> Edges:
    groups = dataset.splits[split]
    return edges_of(
        [merge(group, ties=config.ties).weights for group in groups], [len(group.completions) for group in groups]
    )


def _set_head(frozen: Frozen, head: Linear) -> None:
    _, layer = output_layer(frozen.model.network)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(head.weight)[None])
        if layer.bias is not None:
            layer.bias.fill_(head.bias)


def _scorer(dataset: Dataset, features: dict[str, Features], head: Linear) -> Callable[[str], Scores]:
    def score(split: str) -> Scores:
        started, kept = time.monotonic(), features[split]
        return Scores(
            logits=head(kept.values)[:, None].astype(np.float32),
            sizes=[len(group.completions) for group in dataset.splits[split]],
            truncated=int((kept.prompt_cut | kept.completion_cut).sum()),
            truncated_completions=int(kept.completion_cut.sum()),
            seconds=time.monotonic() - started,
        )

    return score


def _counts(dataset: Dataset, features: dict[str, Features], config: TrainConfig, data: str) -> dict[str, Any]:
    return {
        "n_prompts": {split: len(groups) for split, groups in dataset.splits.items()},
        "n_completions": sum(len(kept.values) for kept in features.values()),
        "n_comparisons": sum(dataset.n_pairs(split) for split in SPLITS),
        "n_ties": sum(merge(group, ties="drop").n_ties for group in dataset.groups),
        "truncated": sum(int((kept.prompt_cut | kept.completion_cut).sum()) for kept in features.values()),
        "truncated_completions": sum(int(kept.completion_cut.sum()) for kept in features.values()),
        "dropped": sum(dataset.left_out.values()),
        "dropped_by_reason": dataset.left_out,
        "total_steps": 1,
        "fingerprint": data,
        "config": config.to_dict(),
    }
