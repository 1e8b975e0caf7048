"""Accuracy by a file's subsets and their plain average, as of RewardBench (Lambert et al. 2024, arXiv 2403.13787)."""

from collections.abc import Sequence

import numpy as np

from formats.evaluation_report.report import SubsetPart, SubsetReport
from rewardtrain.core.measures import intervals, metrics
from rewardtrain.core.measures.metrics import Floats, Pairs
from rewardtrain.core.measures.report_words import counted, ends, number
from rewardtrain.core.measures.tables import align


def subset_report(pairs: Pairs, subset_of: Sequence[str], hits: Floats, *, samples: int, seed: int) -> SubsetReport:
    """Gives each subset's accuracy with n, interval and longer-wins beside it, and the average in which each counts
    alike.

    subset_of: (P,) the subset of each pair. The average's interval is of a bootstrap over prompts; a draw that misses a
    subset is the average of the others.
    """
    names = sorted(set(subset_of))
    place = np.array([names.index(name) for name in subset_of])
    longer = metrics.correct(pairs.longer_by)
    inside = (place[:, None] == np.arange(len(names))).astype(np.float64)  # (P, S)
    sums = intervals.cluster_sums(inside * hits[:, None], pairs.cluster, pairs.n_clusters)
    counts = intervals.cluster_sums(inside, pairs.cluster, pairs.n_clusters)
    draws = np.nanmean(intervals.resampled_means(sums, counts, samples=samples, seed=seed), axis=1)
    parts: list[SubsetPart] = []
    for index, name in enumerate(names):
        of = place == index
        wins = float(longer[of].mean())
        parts.append({"subset": name, **intervals.share_of_some(hits[of], pairs.cluster[of]), "longer": wins})
    return {
        "average": intervals.estimate(
            float(np.mean([part["accuracy"] for part in parts])), draws, pairs.n_prompts, ends=(0.0, 1.0)
        ),
        "longer": float(np.mean([part["longer"] for part in parts])),
        "parts": parts,
    }


def subset_lines(report: SubsetReport) -> list[str]:
    """Writes the same for a reader."""
    average = report["average"]
    rows = [["subset", "accuracy", "95% interval", "of", "longer wins"]]
    for part in report["parts"]:
        interval = ends({"low": part["accuracy_low"], "high": part["accuracy_high"]})
        of = counted(part["n"], "pair", part["n_prompts"])
        rows.append([part["subset"], number(part["accuracy"]), interval, of, number(part["longer"])])
    rows.append(["average of subsets", number(average["value"]), ends(average), "", number(report["longer"])])
    return align(rows)
