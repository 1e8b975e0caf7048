"""A grid of settings: each point trained, compared on the validation split, and the winner alone tested."""

import itertools
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from rewardtrain.core.artifact.folder import describe_again, read_json, write_json
from rewardtrain.core.config import TrainConfig, parse_value
from rewardtrain.core.data.comparisons import build_dataset
from rewardtrain.core.data.groups import Group, fingerprint, read_groups
from rewardtrain.core.errors import ConfigError, DataError
from rewardtrain.core.evaluation.compare import compare_scores
from rewardtrain.core.evaluation.evaluate import evaluate_file
from rewardtrain.core.finish import KEPT_SCORES, MODEL, REPORT
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Json
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.measures.report_words import counted, estimate, number
from rewardtrain.core.measures.tables import align
from rewardtrain.core.progress import METRICS
from rewardtrain.core.train import train

MAX_POINTS = 64
POINTS, RESULT, CACHE = "points", "sweep.json", "cache"

Grid = Mapping[str, Sequence[object]]


@dataclass(frozen=True)
class Point:
    """One combination of the grid's values."""

    changes: dict[str, object]
    config: TrainConfig

    @property
    def label(self) -> str:
        return " ".join(f"{key}={value}" for key, value in self.changes.items())

    def folder(self, data: str) -> str:
        """Makes a name to read with a hash of all settings and the data, so that no other sweep's point is taken for
        it."""
        settings = json.dumps([data, self.config.to_dict()], sort_keys=True).encode()
        return f"{POINTS}/{re.sub(r'[^A-Za-z0-9.=]+', '_', self.label)[:80]}-{sha256(settings).hexdigest()[:8]}"


def parse_grid(texts: Sequence[str]) -> dict[str, list[object]]:
    """Read key=value,value,... strings. Raises ConfigError."""
    grid: dict[str, list[object]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip()
        if not equals or not values.strip():
            raise ConfigError(f"--grid got {text!r}; write it as key=value,value")
        if key in grid:
            raise ConfigError(f"--grid gives {key} twice; write all its values in one")
        grid[key] = [parse_value(value.strip()) for value in values.split(",")]
    return grid


def make_points(base: TrainConfig, grid: Grid) -> list[Point]:
    """Makes all combinations. Raises ConfigError for no, too many or equal points and for what no setting can be."""
    count = math.prod(len(values) for values in grid.values())
    if not grid:
        raise ConfigError("the grid is empty; give at least one --grid key=value,value")
    if count > MAX_POINTS:
        raise ConfigError(f"the grid has {count} points; {MAX_POINTS} are the most, so leave some values out")
    points = []
    for values in itertools.product(*grid.values()):
        changes = dict(zip(grid, values, strict=True))
        points.append(Point(changes, TrainConfig.from_dict(base.to_dict() | changes)))
    for one, other in itertools.combinations(points, 2):
        if one.config == other.config:
            raise ConfigError(f"the grid has the point {other.label!r} twice; give each value once")
    return points


def sweep(
    data: Path,
    out: Path,
    base: TrainConfig,
    grid: Grid,
    *,
    cache: Path | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda line: None,
) -> Json:
    """Train every point in out/points, compare on the validation split, test the winner, and write out/sweep.json.

    Called again it goes on where it was: finished points are not trained again. cache: see train; without it the points
    share one in `out` until the end. tell: gets a line for each point. Raises a CoreError.
    """
    points, identity = make_points(base, grid), fingerprint(data)
    rows = read_groups(data)
    groups = _comparable(rows, base)
    scores = {}
    for place, point in enumerate(points, start=1):
        tell(f"{place} of {len(points)}: {point.label}")
        folder = out / point.folder(identity)
        train(data, folder, point.config, cache=cache or out / CACHE, should_stop=should_stop, measured="validation")
        scores[point.label] = _scores(folder, rows, groups, point.config)
    result = _compare(points, groups, scores, base)
    by_label = {point.label: point for point in points}
    for entry in result["points"]:
        point = by_label[entry["point"]]
        entry |= {"settings": point.changes, "folder": point.folder(identity)}
        entry["seconds"] = _seconds(out / entry["folder"] / METRICS)
    model = out / result["points"][0]["folder"] / MODEL
    result["test"] = evaluate_file(str(model), data, split="test")
    describe_again(model, result["test"])
    write_json(out / RESULT, result)
    if not cache:
        shutil.rmtree(out / CACHE, ignore_errors=True)
    return result


def _comparable(rows: Sequence[Group], base: TrainConfig) -> list[Group]:
    """Finds the validation prompts with a pair that isn't a tie."""
    groups = build_dataset(rows, base).splits["validation"]
    ranked = [group for group in groups if len(metrics.collect_pairs([group]).chosen)]
    if not ranked:
        raise DataError(f"the validation split has {len(groups)} prompts and no pair to compare on; rank more prompts")
    return ranked


def _scores(folder: Path, rows: Sequence[Group], groups: Sequence[Group], config: TrainConfig) -> Scores:
    """Gives a point's rewards of these groups, from what its run kept of all that it validated on."""
    validated = build_dataset(rows, config).splits["validation"]
    logits, report = np.load(folder / KEPT_SCORES), read_json(folder / REPORT)
    scores = Scores(logits, [len(group.completions) for group in validated], 0, 0, seconds=0.0)
    by_id = {group.id: values for group, values in zip(validated, scores.rewards, strict=True)}
    rewards = [value for group in groups for value in by_id[group.id]]
    return replace(
        scores,
        logits=np.array(rewards, dtype=np.float32)[:, None],
        sizes=[len(group.completions) for group in groups],
        temperature=report["temperature"],
    )


def _compare(points: Sequence[Point], groups: Sequence[Group], scores: dict[str, Scores], base: TrainConfig) -> Json:
    """Compares all points, the one of lowest log loss first, which is what the others' differences are to."""
    pairs = metrics.collect_pairs(groups)

    def loss(label: str) -> float:
        each = scores[label]
        return float(metrics.log_loss(pairs.margins(each.rewards) / each.temperature).mean())

    ordered = {label: scores[label] for label in sorted(scores, key=loss)}
    compared = compare_scores(groups, ordered, None, samples=base.bootstrap_samples, seed=base.seed)
    entries = [
        {"point": entry["model"], **{key: entry[key] for key in ("accuracy", "log_loss", "ece", "temperature")},
         "difference": entry["difference"]}
        for entry in compared.pop("models")
    ]  # fmt: skip
    return {"split": "validation", **compared, "points": entries, "clear": _is_clear(entries)}


def _is_clear(entries: Sequence[Json]) -> bool | None:
    """Tells whether the interval of the second's log loss minus the winner's leaves out zero; None without one."""
    low = entries[1]["difference"]["log_loss"]["low"] if len(entries) > 1 else None
    return None if low is None else low > 0


def _seconds(path: Path) -> float:
    """Counts the seconds that the steps of a run took together, its stops left out."""
    with path.open(encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    seconds: float = sum(event["seconds"] for event in events if event["event"] == "step")
    return round(seconds, 3)


def format_sweep(result: Json) -> str:
    """Writes the table for a reader."""
    longer, points = result["baseline_longer"], result["points"]
    pairs = counted(result["n_pairs"], "pair", result["n_pair_prompts"])
    rows = [["settings", "log loss", "accuracy", "temperature", "seconds"]]
    for entry in points:
        figures = [estimate(entry[key]) for key in ("log_loss", "accuracy")]
        rows.append([entry["point"], *figures, f"{entry['temperature']:.3f}", f"{entry['seconds']:.1f}"])
    lines = [
        f"{pairs} of the validation split; 95% intervals in brackets",
        f"longer wins {estimate(longer)}; a coin's log loss is ln 2 = {number(result['ln2'])}",
        *align(rows),
        f"winner: {points[0]['point']}, in {points[0]['folder']}",
    ]
    if len(points) > 1:
        verdicts = {True: "more than noise", False: "within noise", None: "nobody can say whether it is noise"}
        apart = estimate(points[1]["difference"]["log_loss"], "+")
        lines.append(f"the second's log loss minus the winner's is {apart}: {verdicts[result['clear']]}")
    return "\n".join(lines)
