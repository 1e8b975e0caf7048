"""Several models on the same pairs: one table, with paired differences to the first."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from formats.evaluation_report.figures import Estimate, ShareEstimate
from formats.evaluation_report.pairs import PairDifference
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, fingerprint
from rewardtrain.core.data.preferences import read_table
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import ConfigError, DataError
from rewardtrain.core.evaluation.evaluate import Progress, encode_groups, score_groups
from rewardtrain.core.evaluation.foreign import load_any
from rewardtrain.core.measures import curves, intervals, metrics
from rewardtrain.core.measures.metrics import Json
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.measures.report_words import counted, estimate, number
from rewardtrain.core.measures.subsets import subset_lines, subset_report
from rewardtrain.core.measures.tables import align

SCHEMA = 1
MEASURES = ("accuracy", "log_loss")


def compare(models: Sequence[str], data: Path, *, split: str, progress: Progress | None = None) -> Json:
    """Score the pairs of a file with each model, ours or any sequence classifier, and compare them as JSON values.

    Raises DataError where there is no pair, ConfigError or BackboneError where a model can't be loaded.
    """
    twice = sorted({name for name in models if models.count(name) > 1})
    if twice:
        raise ConfigError(f"model {twice[0]!r} is given twice; give each model once")
    table = read_table(data, split=split)
    groups = [group for group in table.groups if len(group.completions) > 1 and group.rankings]
    if not len(metrics.collect_pairs(groups).chosen):
        seen = f"{len(table.groups)} prompts and no pair that isn't a tie"
        raise DataError(f"nothing to compare on in {str(data)!r}, split {split!r}: {seen}; try --split all")
    config, device = TrainConfig(), choose_device()
    scores = {}
    for name in models:
        model = load_any(name, device)
        encoded = encode_groups(model.encoder, groups, progress=progress)
        scores[name] = score_groups(model, encoded, token_budget=config.token_budget, progress=progress)
        del model  # before the next is loaded: one at a time fits where two don't
    drawn = {"samples": config.bootstrap_samples, "seed": config.seed}
    about = {"schema": SCHEMA, "data": fingerprint(data), "split": split, "left_out": table.left_out}
    return about | compare_scores(groups, scores, table.subsets, **drawn)


def compare_scores(
    groups: Sequence[Group], scores: dict[str, Scores], subsets: Sequence[str] | None, *, samples: int, seed: int
) -> Json:
    """Compare models by name. subsets: parallel to the groups, each of which then has one pair."""
    pairs = metrics.collect_pairs(groups)
    margins = {name: pairs.margins(each.rewards) / each.temperature for name, each in scores.items()}
    figures = _figures(pairs, margins, samples=samples, seed=seed)
    entries = []
    for name, each in scores.items():
        entry: Json = {"model": name, **figures[name], "temperature": each.temperature, "truncated": each.truncated}
        entry["ece"] = curves.calibration(pairs, margins[name], samples=samples, seed=seed)["value"]
        entry["seconds"] = round(each.seconds, 3)
        if subsets:
            hits = metrics.correct(margins[name])
            entry["subsets"] = subset_report(pairs, subsets, hits, samples=samples, seed=seed)
        entries.append(entry)
    return {
        "pairs_fingerprint": metrics.fingerprint_pairs(groups),
        "n_pairs": len(pairs.chosen),
        "n_distinct_prompts": pairs.n_clusters,
        "n_pair_prompts": pairs.n_prompts,
        "n_ties": pairs.n_ties,
        "ln2": math.log(2),
        "baseline_longer": intervals.share_estimate(metrics.correct(pairs.longer_by), pairs.cluster),
        "models": entries,
    }


class _Figures(TypedDict):
    accuracy: ShareEstimate
    log_loss: Estimate
    difference: PairDifference


def _figures(
    pairs: metrics.Pairs, margins: dict[str, metrics.Floats], *, samples: int, seed: int
) -> dict[str, _Figures]:
    """Gives each model's accuracy, log loss and their difference to the first model's, all on the same draws of
    prompts.
    """
    columns: dict[tuple[str, str], metrics.Floats] = {}
    for name, of in margins.items():
        columns |= {(name, "accuracy"): metrics.correct(of), (name, "log_loss"): metrics.log_loss(of)}
    means, draws = intervals.means_and_draws(columns, pairs.cluster, pairs.n_clusters, samples=samples, seed=seed)
    first, n = next(iter(margins)), pairs.n_prompts
    figures: dict[str, _Figures] = {}
    for name, of in margins.items():
        apart = {
            key: (means[name, key] - means[first, key], draws[name, key] - draws[first, key], n) for key in MEASURES
        }
        same = bool(np.array_equal(of, margins[first]))
        figures[name] = {
            "accuracy": intervals.share_estimate(columns[name, "accuracy"], pairs.cluster),
            "log_loss": intervals.estimate(means[name, "log_loss"], draws[name, "log_loss"], n),
            "difference": {
                "accuracy": intervals.difference(*apart["accuracy"], same=same),
                "log_loss": intervals.estimate(*apart["log_loss"]),
            },
        }
    return figures


def format_comparison(comparison: Json) -> str:
    """Writes the table for a reader, each figure with its 95 % interval."""
    longer, models = comparison["baseline_longer"], comparison["models"]
    left_out = sum(comparison["left_out"].values())
    lines = [
        f"{counted(comparison['n_pairs'], 'pair', comparison['n_pair_prompts'])},"
        f" {comparison['n_ties']} ties and {left_out} rows left out; 95% intervals in brackets",
        f"longer wins {estimate(longer)}; a coin's log loss is ln 2 = {number(comparison['ln2'])}",
    ]
    rows = [["model", "accuracy", "log loss", "ECE", "accuracy minus first", "log loss minus first"]]
    for place, entry in enumerate(models):
        differences = [estimate(entry["difference"][key], "+") if place else "" for key in MEASURES]
        rows.append([entry["model"], *(estimate(entry[key]) for key in MEASURES), number(entry["ece"]), *differences])
    lines += align(rows)
    for entry in models:
        if "subsets" in entry:
            lines += ["", entry["model"], *subset_lines(entry["subsets"])]
    return "\n".join(lines)
