"""What follows the last step: calibration, the evaluation on the test split, the model folder and the report."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from formats.evaluation_report.attributes import AttributePart
from rewardtrain.core.artifact.attribute_heads import AttributeHeads
from rewardtrain.core.artifact.folder import load_model, save_model, write_json
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Dataset
from rewardtrain.core.data.groups import Group
from rewardtrain.core.device import peak_memory_mb
from rewardtrain.core.evaluation.evaluate import encode_groups, score_groups
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.calibrate import RAW, Array, Calibration, fit
from rewardtrain.core.measures.flags import collect_votes
from rewardtrain.core.measures.report import Scores, build_report
from rewardtrain.core.model.network import RewardModel, output_layer
from rewardtrain.core.progress import MetricsLog

MODEL, REPORT, KEPT_SCORES = "model", "report.json", "validation.npy"
REFERENCE = 1000  # training completions whose rewards are brought to mean 0 and sd 1: these to 3 % (1 / sqrt(1000))


@dataclass(frozen=True)
class Further:
    """Heads beside the reward's, one for each attribute, and their figures on the split that is measured."""

    heads: AttributeHeads
    parts: list[AttributePart]


Score = Callable[[str], Scores]  # raw logits of 'validation', of 'test', and of 'train' or a sample of it


def finish(
    model: RewardModel,
    dataset: Dataset,
    score: Score,
    config: TrainConfig,
    out: Path,
    *,
    log: MetricsLog,
    counts: dict[str, Any],
    champion: Path | None,
    score_champion: Callable[[Path], Scores] | None = None,
    backbone: Path | None = None,
    heads: Array | None = None,
    attributes: Further | None = None,
    measured: str = "test",
) -> None:
    """Calibrate, evaluate, then write out/model and out/report.json; the report last, for it says that all is there.

    score: gives the model's logits of a split, from the network or from features kept of it; it is not called any more
    once the calibration is folded into the network. score_champion: for a caller who keeps a champion's scores.
    backbone: see artifact.save_model. heads: (M, D + 1) weights and bias of an ensemble that give raw rewards.
    attributes: further heads, and how often they are right on the split that is measured.
    measured: the split of the report; a sweep's is validation, and out/validation.npy then keeps its logits.
    """
    log.emit("phase", phase="evaluating")
    groups = dataset.splits[measured]
    calibration = calibrate(model, dataset, score)
    scores = calibrated(replace(score(measured), labels=model.labels), calibration)
    rival = None
    if champion:
        rival = score_champion(champion) if score_champion else _score_champion(champion, groups, model, config, log)
    report = build_report(
        groups,
        scores,
        split=measured,
        champion=rival,
        device=model.device.label,
        peak_memory_mb=peak_memory_mb(model.device),
        samples=config.bootstrap_samples,
        seed=config.seed,
    )
    if attributes and attributes.parts:
        report["attributes"] = attributes.parts
    log.emit("phase", phase="saving")
    if measured != "test":
        np.save(out / KEPT_SCORES, scores.logits)
    finished = replace(model, calibration=calibration)
    fold(finished)
    data = {key: counts[key] for key in _DATA} | {"n_rewrites": counts.get("n_rewrites", 0)}
    data |= {"file": counts.get("file"), "kept": counts.get("kept")}  # its name; the step, which a head has none of
    folded = None if heads is None else calibration.heads(heads)
    save_model(
        finished,
        out / MODEL,
        config=config,
        data=data,
        report=report,
        backbone=backbone,
        heads=folded,
        attributes=attributes.heads if attributes else None,
    )
    write_json(out / REPORT, report)


_DATA = (
    "fingerprint",
    "n_prompts",
    "n_completions",
    "n_comparisons",
    "n_ties",
    "truncated",
    "truncated_completions",
    "n_alike",
    "rewritten",
    "dropped_by_reason",
)


def calibrate(model: RewardModel, dataset: Dataset, score: Score) -> Calibration:
    """Fits temperatures by the validation split, then mean and sd by the training split."""
    groups = dataset.splits["validation"]
    fitted = RAW
    if groups:
        scores = score("validation")
        margins = metrics.collect_pairs(groups).margins(scores.rewards)
        fitted = fit(margins, collect_votes(groups, model.labels).margins(scores.logits))
    has_bias = output_layer(model.network)[1].bias is not None
    return fitted.normalised(score("train").logits[:, -1].astype(np.float64), has_bias=has_bias)


def calibrated(scores: Scores, calibration: Calibration) -> Scores:
    """Gives what the model folder will say, of what the training model said."""
    return replace(
        scores,
        logits=calibration.logits(scores.logits),
        temperature=calibration.temperature,
        class_temperature=calibration.class_temperature,
        raw_scale=calibration.sd,
    )


def fold(model: RewardModel) -> None:
    """Write a model's calibration into its output layer, in place and once: its logits are then the folder's."""
    _, layer = output_layer(model.network)
    bias = None if layer.bias is None else layer.bias.detach().float().cpu().numpy()
    weight, moved = model.calibration.layer(layer.weight.detach().float().cpu().numpy(), bias)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        if moved is not None:
            layer.bias.copy_(torch.from_numpy(moved))


def reference(groups: Sequence[Group]) -> list[int]:
    """Gives the indices of evenly spaced groups that hold REFERENCE completions together, or of all where there are
    fewer."""
    every = max(1, math.ceil(sum(len(group.completions) for group in groups) / REFERENCE))
    return list(range(0, len(groups), every))


def _score_champion(
    folder: Path, groups: Sequence[Group], model: RewardModel, config: TrainConfig, log: MetricsLog
) -> Scores:
    def progress(done: int, total: int) -> None:
        log.progress("evaluating", done, total)

    champion = load_model(folder, model.device).in_float32()  # as the model itself is scored, whatever it trains in
    encoded = encode_groups(champion.encoder, groups, progress=progress)
    return score_groups(champion, encoded, token_budget=config.token_budget, progress=progress)
