"""Accuracy by a file's subsets and their plain average, as of RewardBench (Lambert et al. 2024, arXiv 2403.13787)."""

from collections.abc import Sequence

import numpy as np

from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Floats, Json, Pairs
from rewardtrain.core.measures.tables import align


def subset_report(pairs: Pairs, subset_of: Sequence[str], hits: Floats, *, samples: int, seed: int) -> Json:
    """Each subset's accuracy with n, interval and longer-wins beside it, and the average in which each counts alike.

    subset_of: (P,) the subset of each pair. The average's interval is of a bootstrap over prompts; a draw that misses a
    subset is the average of the others.
    """
    names = sorted(set(subset_of))
    place = np.array([names.index(name) for name in subset_of])
    longer = metrics.correct(pairs.longer_by)
    inside = (place[:, None] == np.arange(len(names))).astype(np.float64)  # (P, S)
    sums = metrics.cluster_sums(inside * hits[:, None], pairs.cluster, pairs.n_clusters)
    counts = metrics.cluster_sums(inside, pairs.cluster, pairs.n_clusters)
    draws = np.nanmean(metrics.resampled_means(sums, counts, samples=samples, seed=seed), axis=1)
    parts: list[Json] = []
    for index, name in enumerate(names):
        of = place == index
        wins = float(longer[of].mean())
        parts.append({"subset": name, **metrics.share(hits[of], pairs.cluster[of]), "longer": wins})
    return {
        "average": metrics.estimate(np.mean([part["accuracy"] for part in parts]), draws),
        "longer": float(np.mean([part["longer"] for part in parts])),
        "parts": parts,
    }


def subset_lines(report: Json) -> list[str]:
    """The same for a reader."""
    average = report["average"]
    rows = [["subset", "accuracy", "95% interval", "pairs", "longer wins"]]
    for part in report["parts"]:
        interval = f"{part['accuracy_low']:.4f} to {part['accuracy_high']:.4f}"
        rows.append([part["subset"], f"{part['accuracy']:.4f}", interval, str(part["n"]), f"{part['longer']:.4f}"])
    interval = "unknown" if average["low"] is None else f"{average['low']:.4f} to {average['high']:.4f}"
    rows.append(["average of subsets", f"{average['value']:.4f}", interval, "", f"{report['longer']:.4f}"])
    return align(rows)
