"""The evaluation report: one JSON object, and the same for a reader. No torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data.groups import Group
from rewardtrain.core.measures import curves, metrics, people
from rewardtrain.core.measures.flags import flag_report

# 1 had no calibration, distributions or people, and no intervals of parts; 2 of a flag neither thresholds nor champion.
SCHEMA = 3


@dataclass(frozen=True)
class Scores:
    """What a model says of every completion of some groups, and how many sequences had to be cut for it."""

    logits: npt.NDArray[np.float32]  # (N, labels), the completions of all groups one after the other
    sizes: list[int]  # completions of each group; their sum is N
    truncated: int
    truncated_completions: int
    seconds: float
    temperature: float = 1.0  # what a difference of rewards is divided by before the sigmoid
    labels: tuple[str, ...] = ()  # names of the logits; flags.flag_of says which flag they are of
    class_temperature: float = 1.0  # what the difference of two logits was divided by as it was calibrated
    rewritten: int = 0  # completions that the chat template doesn't write as they stand
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
    """The report of docs/training.md as JSON values.

    Where no group has a pair that isn't a tie, the figures on pairs are None or empty: flags alone train a classifier.
    """
    pairs, drawn = metrics.collect_pairs(groups), _Drawn(samples=samples, seed=seed)
    return {
        "schema": SCHEMA,
        "pairs_fingerprint": metrics.fingerprint_pairs(groups),
        "n_prompts": len(groups),
        "n_distinct_prompts": pairs.n_clusters,
        "n_pairs": len(pairs.chosen),
        "n_ties": pairs.n_ties,
        "n_alike": metrics.n_alike(groups),
        "ln2": math.log(2),
        "temperature": scores.temperature,
        "raw_scale": scores.raw_scale,
        **(_on_pairs(groups, pairs, scores, champion, **drawn) if len(pairs.chosen) else _NO_PAIRS),
        "human_ceiling": people.human_ceiling(groups),
        "people": people.people_and_model(groups, scores.rewards, temperature=scores.temperature),
        "flags": flag_report(
            groups,
            scores.logits,
            scores.labels,
            class_temperature=scores.class_temperature,
            rival=(champion.logits, champion.labels) if champion else None,
            **drawn,
        ),
        "seconds": round(scores.seconds, 3),
        "peak_memory_mb": round(peak_memory_mb, 1),
        "device": device,
        "truncated": scores.truncated,
        "truncated_completions": scores.truncated_completions,
        "rewritten": scores.rewritten,
    }


SHARES = {"accuracy", "longer", "champion_accuracy"}  # of the figures: each pair is right, half right or wrong


class _Drawn(TypedDict):
    """How every bootstrap of a report is drawn: the same way, so that all its differences are paired."""

    samples: int
    seed: int


def _on_pairs(
    groups: Sequence[Group],
    pairs: metrics.Pairs,
    scores: Scores,
    champion: Scores | None,
    **drawn: Unpack[_Drawn],
) -> dict[str, Any]:
    rewards = scores.rewards
    margins = pairs.margins(rewards)
    calibrated, raw = margins / scores.temperature, margins * scores.raw_scale
    hits = metrics.correct(margins)
    return {
        **_figures(pairs, hits, calibrated, raw, champion, **drawn),
        "ece": curves.calibration(pairs, calibrated, **drawn),
        "ece_raw": curves.calibration(pairs, raw, **drawn),
        "kendall_tau_b": people.mean_tau(groups, rewards, **drawn),
        "rewards": curves.reward_distributions(pairs, rewards, **drawn),
        "margins": curves.margin_sizes(pairs, rewards, **drawn),
        "by_gap": curves.by_gap(pairs, hits),
        "by_length_difference": curves.by_length_difference(pairs, hits),
        "by_labeler": curves.by_labeler(pairs, hits),
    }


_NO_PAIRS: dict[str, Any] = {
    **dict.fromkeys(("accuracy", "log_loss", "log_loss_raw", "brier", "baseline_longer", "champion")),
    **dict.fromkeys(("ece", "ece_raw", "kendall_tau_b", "rewards", "margins")),
    "by_gap": [],
    "by_length_difference": [],
    "by_labeler": [],
}


def _figures(
    pairs: metrics.Pairs,
    hits: metrics.Floats,
    calibrated: metrics.Floats,
    raw: metrics.Floats,
    champion: Scores | None,
    **drawn: Unpack[_Drawn],
) -> dict[str, Any]:
    """The figures that are means over pairs. Shares have metrics.share's interval, all others that of a bootstrap over
    prompts, as have differences, which are of the same draws."""
    columns = {
        "accuracy": hits,
        "log_loss": metrics.log_loss(calibrated),
        "log_loss_raw": metrics.log_loss(raw),
        "brier": (1 - metrics.probability(calibrated)) ** 2,
        "longer": metrics.correct(pairs.longer_by),
    }
    if champion:
        theirs = pairs.margins(champion.rewards)
        columns["champion_accuracy"] = metrics.correct(theirs)
        columns["champion_log_loss"] = metrics.log_loss(theirs / champion.temperature)
    table = np.stack(list(columns.values()), axis=1)  # (P, figures)
    counts = np.bincount(pairs.cluster, minlength=pairs.n_clusters).astype(np.float64)
    sums = metrics.cluster_sums(table, pairs.cluster, pairs.n_clusters)
    means = dict(zip(columns, table.mean(axis=0), strict=True))
    draws = dict(zip(columns, metrics.resampled_means(sums, counts, **drawn).T, strict=True))
    ends = {name: metrics.interval(draws[name]) for name in columns}
    for name in SHARES & columns.keys():
        found = metrics.share_estimate(columns[name], pairs.cluster)
        ends[name] = {"low": found["low"], "high": found["high"]}
    figures: dict[str, Any] = {
        name: {"value": float(means[name]), **ends[name]} for name in ("accuracy", "log_loss", "log_loss_raw", "brier")
    }
    figures["baseline_longer"] = {"accuracy": float(means["longer"]), **ends["longer"]}
    figures["champion"] = _against_champion(means, draws, ends) if champion else None
    return figures


def _against_champion(
    means: dict[str, Any], draws: dict[str, metrics.Floats], ends: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The champion on the same pairs; differences are ours minus the champion's, on the same draws of prompts."""
    against: dict[str, Any] = {"difference": {}}
    for name in ("accuracy", "log_loss"):
        rival = f"champion_{name}"
        theirs = ends[rival]
        against |= {name: float(means[rival]), f"{name}_low": theirs["low"], f"{name}_high": theirs["high"]}
        against["difference"][name] = metrics.estimate(means[name] - means[rival], draws[name] - draws[rival])
    return against


def format_report(report: dict[str, Any]) -> str:
    """The report for a reader: every figure with its interval, its n, and what it must be compared with."""
    lines = [*(_pair_lines(report) if report["n_pairs"] else []), *(flag_lines(report["flags"]))]
    cut = f"{report['truncated']} sequences cut, of these {report['truncated_completions']} in the completion"
    if report["rewritten"]:
        cut += f"; {report['rewritten']} completions written otherwise by the chat template, which may drop a part"
    if report["n_alike"]:
        cut += f"; {report['n_alike']} comparisons of equal inputs left out"
    memory = f"{report['peak_memory_mb']:.0f} MB at most on {report['device']}"
    return "\n".join([*lines, f"{cut}; {report['seconds']:.1f} s; {memory}"])


def _pair_lines(report: dict[str, Any]) -> list[str]:
    accuracy, longer, ceiling = report["accuracy"], report["baseline_longer"], report["human_ceiling"]
    tau, margins = report["kendall_tau_b"], report["margins"]
    return [
        f"accuracy {accuracy['value']:.4f}",
        f"  95% interval {_range(accuracy)}, {report['n_pairs']} pairs of {report['n_prompts']} prompts,"
        f" {report['n_ties']} ties left out",
        f"  longer wins {longer['accuracy']:.4f}, 95% interval {_range(longer)}",
        "  human ceiling unknown: no pair was judged by two labelers"
        if ceiling is None
        else f"  human ceiling {ceiling['agreement']:.4f}, 95% interval {_range(ceiling)}, n {ceiling['n']}",
        *_calibration_lines(report),
        *([f"Kendall tau-b {_estimate(tau)}, n {tau['n']} rankings"] if tau["n"] else []),
        f"mean margin {_estimate(margins)}, standard deviation {margins['sd']:.4f}",
        *_champion_lines(report["champion"]),
        *_part_lines(report),
    ]


def _calibration_lines(report: dict[str, Any]) -> list[str]:
    loss, error = report["log_loss"], report["ece"]
    return [
        f"log loss {loss['value']:.4f}",
        f"  95% interval {_range(loss)}, a coin has ln 2 = {report['ln2']:.4f};"
        f" before calibration {_estimate(report['log_loss_raw'])}",
        f"Brier score {_estimate(report['brier'])}, a coin has 0.2500",
        f"expected calibration error {_estimate(error)}, a perfect model has {error['by_chance']:.4f} on these pairs;"
        f" before calibration {_estimate(report['ece_raw'])}",
    ]


def _champion_lines(champion: dict[str, Any] | None) -> list[str]:
    if champion is None:
        return []
    lines = [f"champion: accuracy {champion['accuracy']:.4f}, log loss {champion['log_loss']:.4f}"]
    for name in ("accuracy", "log_loss"):
        difference = champion["difference"][name]
        value = f"{difference['value']:+.4f}, 95% interval {_range(difference)}"
        lines.append(f"  {name.replace('_', ' ')} minus champion's {value}")
    return lines


def _part_lines(report: dict[str, Any]) -> list[str]:
    """A part's interval is Wilson's: see metrics.share."""
    named = [(f"rank gap {part['gap']}", part) for part in report["by_gap"]]
    named += [(_length_words(part["low"], part["high"]), part) for part in report["by_length_difference"]]
    lines = []
    for name, part in named:
        low, high = part["accuracy_low"], part["accuracy_high"]
        lines.append(f"{name}: accuracy {part['accuracy']:.4f} ({low:.4f} to {high:.4f}), n {part['n']}")
    return lines


def _length_words(low: int | None, high: int | None) -> str:
    """What a part of curves.by_length_difference holds: from low to below high characters longer than the rejected."""
    if low is None:
        return f"chosen shorter by more than {-(high or 0)}"
    if high is None:
        return f"chosen longer by {low} or more"
    if high <= 0:
        return f"chosen shorter by {1 - high} to {-low}"
    return "as long as each other" if (low, high) == (0, 1) else f"chosen longer by {low} to {high - 1}"


def flag_lines(flags: dict[str, Any] | None) -> list[str]:
    """The flags' section for a reader."""
    if flags is None:
        return []
    baseline, error = flags["baseline"], flags["ece"]
    area = "unknown: all votes are for one class" if flags["roc_auc"] is None else _estimate(flags["roc_auc"])
    return [
        f"flag {flags['flag']['name']}: ROC AUC {area},"
        f" {flags['n_votes']} votes on {flags['n_completions']} completions",
        f"  accuracy {_estimate(flags['accuracy'])}, always {baseline['class']} {_estimate(baseline['accuracy'])}",
        *_flag_champion_lines(flags["champion"]),
        f"  log loss {_estimate(flags['log_loss'])}, the base rate has {_estimate(baseline['log_loss'])};"
        f" before calibration {_estimate(flags['log_loss_raw'])}",
        f"  expected calibration error {_estimate(error)}, a perfect model has {error['by_chance']:.4f} on these votes;"
        f" before calibration {_estimate(flags['ece_raw'])}",
        *(
            f"  {one['label']}: F1 {_estimate(one['f1'])}, precision {_estimate(one['precision'])},"
            f" recall {_estimate(one['recall'])}, n {one['n']}"
            for one in flags["classes"]
        ),
    ]


def _flag_champion_lines(champion: dict[str, Any] | None) -> list[str]:
    if champion is None:
        return []
    difference = champion["difference"]
    return [
        f"  champion: ROC AUC {_estimate(champion['roc_auc'])}, log loss {_estimate(champion['log_loss'])}; ours minus"
        f" the champion's {_estimate(difference['roc_auc'])} and {_estimate(difference['log_loss'])}"
    ]


def _estimate(value: dict[str, Any] | None) -> str:
    if value is None:
        return "unknown"
    return f"{value['value']:.4f} ({_range(value)})"


def _range(value: dict[str, Any]) -> str:
    if value["low"] is None:
        return "unknown"
    return f"{value['low']:.4f} to {value['high']:.4f}"
