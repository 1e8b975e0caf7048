"""The evaluation report: one JSON object, and the same for a reader. No torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core import metrics
from rewardtrain.core.data import Group

SCHEMA = 1


@dataclass(frozen=True)
class Scores:
    """What a model says of every completion of some groups, and how many sequences had to be cut for it."""

    logits: npt.NDArray[np.float32]  # (N, labels), the completions of all groups one after the other
    sizes: list[int]  # completions of each group; their sum is N
    truncated: int
    truncated_completions: int
    seconds: float
    temperature: float = 1.0  # what a difference of rewards is divided by before the sigmoid
    raw_scale: float = 1.0  # what rewards were multiplied with as training left them, before they were normalised

    @property
    def rewards(self) -> list[list[float]]:
        """The last logit of each completion, parallel to each group's completions."""
        values = iter(self.logits[:, -1].tolist())
        return [[next(values) for _ in range(size)] for size in self.sizes]


def build_report(
    groups: Sequence[Group],
    scores: Scores,
    *,
    champion: Scores | None,
    device: str,
    peak_memory_mb: float,
    samples: int,
    seed: int,
) -> dict[str, Any]:
    """The report of docs/training.md as JSON values. The groups must hold at least one pair that isn't a tie."""
    pairs = metrics.collect_pairs(groups)
    margins, raw = (pairs.margins(scores.rewards) * scale for scale in (1 / scores.temperature, scores.raw_scale))
    rivals = pairs.margins(champion.rewards) / champion.temperature if champion else margins
    hits, losses = metrics.correct(margins), metrics.log_loss(margins)
    longer = metrics.correct(pairs.longer_by)
    brier = (1 - metrics.probability(margins)) ** 2
    columns = np.stack(
        [hits, losses, longer, metrics.correct(rivals), metrics.log_loss(rivals), metrics.log_loss(raw)], axis=1
    )  # (P, 6)
    sums = metrics.cluster_sums(columns, pairs.cluster, pairs.n_clusters)
    counts = np.bincount(pairs.cluster, minlength=pairs.n_clusters).astype(np.float64)
    draws = metrics.resampled_means(sums, counts, samples=samples, seed=seed)
    means = columns.mean(axis=0)
    return {
        "schema": SCHEMA,
        "n_prompts": len(groups),
        "n_distinct_prompts": pairs.n_clusters,
        "n_pairs": len(margins),
        "n_ties": pairs.n_ties,
        "accuracy": _estimate(means[0], draws[:, 0]),
        "log_loss": _estimate(means[1], draws[:, 1]),
        "log_loss_raw": _estimate(means[5], draws[:, 5]),
        "temperature": scores.temperature,
        "raw_scale": scores.raw_scale,
        "brier": float(brier.mean()),
        "ece": metrics.expected_calibration_error(margins),
        "ece_raw": metrics.expected_calibration_error(raw),
        "kendall_tau_b": metrics.mean_tau(groups, scores.rewards),
        "baseline_longer": {"accuracy": float(means[2]), **metrics.interval(draws[:, 2])},
        "ln2": math.log(2),
        "human_ceiling": metrics.human_ceiling(groups, samples=samples, seed=seed),
        "by_gap": metrics.by_gap(pairs, hits),
        "by_length_difference": metrics.by_length_difference(pairs, hits),
        "by_labeler": metrics.by_labeler(pairs, hits),
        "champion": _compare(means, draws) if champion else None,
        "seconds": round(scores.seconds, 3),
        "peak_memory_mb": round(peak_memory_mb, 1),
        "device": device,
        "truncated": scores.truncated,
        "truncated_completions": scores.truncated_completions,
    }


def _estimate(value: float, draws: metrics.Floats) -> dict[str, Any]:
    return {"value": float(value), **metrics.interval(draws)}


def _compare(means: metrics.Floats, draws: metrics.Floats) -> dict[str, Any]:
    """The champion on the same pairs; differences are ours minus the champion's, on the same draws of prompts."""
    return {
        "accuracy": float(means[3]),
        "log_loss": float(means[4]),
        "difference": {
            "accuracy": _estimate(means[0] - means[3], draws[:, 0] - draws[:, 3]),
            "log_loss": _estimate(means[1] - means[4], draws[:, 1] - draws[:, 4]),
        },
    }


def format_report(report: dict[str, Any]) -> str:
    """The report for a reader: every figure with its interval, its n, and what it must be compared with."""
    accuracy, loss, longer = report["accuracy"], report["log_loss"], report["baseline_longer"]
    ceiling, champion = report["human_ceiling"], report["champion"]
    lines = [
        f"accuracy {accuracy['value']:.4f}",
        f"  95% interval {_range(accuracy)}, {report['n_pairs']} pairs of {report['n_prompts']} prompts,"
        f" {report['n_ties']} ties left out",
        f"  longer wins {longer['accuracy']:.4f}, 95% interval {_range(longer)}",
        "  human ceiling unknown: no pair was judged by two labelers"
        if ceiling is None
        else f"  human ceiling {ceiling['agreement']:.4f}, 95% interval {_range(ceiling)}, n {ceiling['n']}",
        f"log loss {loss['value']:.4f}",
        f"  95% interval {_range(loss)}, a coin has ln 2 = {report['ln2']:.4f}",
        f"Brier score {report['brier']:.4f}, a coin has 0.2500",
        f"expected calibration error {report['ece']['value']:.4f}",
    ]
    tau = report["kendall_tau_b"]
    if tau["value"] is not None:
        lines.append(f"Kendall tau-b {tau['value']:.4f}, n {tau['n']} rankings")
    if champion is not None:
        better = champion["difference"]
        lines.append(f"champion: accuracy {champion['accuracy']:.4f}, log loss {champion['log_loss']:.4f}")
        for name in ("accuracy", "log_loss"):
            value = f"{better[name]['value']:+.4f}, 95% interval {_range(better[name])}"
            lines.append(f"  {name.replace('_', ' ')} minus champion's {value}")
    for part in report["by_gap"]:
        lines.append(f"rank gap {part['gap']}: accuracy {part['accuracy']:.4f}, n {part['n']}")
    cut = f"{report['truncated']} sequences cut, of these {report['truncated_completions']} in the completion"
    memory = f"{report['peak_memory_mb']:.0f} MB at most on {report['device']}"
    return "\n".join([*lines, f"{cut}; {report['seconds']:.1f} s; {memory}"])


def _range(value: dict[str, Any]) -> str:
    if value["low"] is None:
        return "unknown"
    return f"{value['low']:.4f} to {value['high']:.4f}"
