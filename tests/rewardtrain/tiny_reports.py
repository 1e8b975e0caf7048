"""Reports that the real evaluation makes of next to nothing: one pair, ties alone, equal rewards, one class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures.metrics import Json
from rewardtrain.core.measures.report import Scores, build_report

FLAG = "rude"
LABELERS = ("ann", "ben", "cleo")
# What rewards look like: all equal, apart by less or more than a float's digits, certain, or as they come.
SCALES = (0.0, 1e-12, 1.0, 60.0, 1e4)


@st.composite
def tiny_reports(draw: st.DrawFn) -> Json:
    """Of up to seven prompts, with or without a champion, which may be the model itself."""
    said = draw(st.sampled_from([None, "yes", "no", "mixed"]))
    groups = [_group(draw, place, said) for place in range(draw(st.integers(1, 7)))]
    labels = (FLAG, f"not_{FLAG}") if said else ()
    ours = _scores(draw, groups, labels)
    rival = draw(st.sampled_from(["none", "same", "other"]))
    champion = {"none": None, "same": ours}.get(rival) if rival != "other" else _scores(draw, groups, labels)
    made: Any = {"split": "test", "device": "CPU, 1 thread", "peak_memory_mb": 100.0, "samples": 40, "seed": 0}
    report = build_report(groups, ours, champion=champion, **made)
    assume(report["n_pairs"] or report["flags"])  # else the evaluation refuses it
    return {**report, "left_out": {}}


def _group(draw: st.DrawFn, place: int, said: str | None) -> Group:
    k = draw(st.integers(1, 4))
    people = draw(st.permutations(LABELERS))[: draw(st.integers(0, 2))]
    rankings = tuple(
        Ranking(name, tuple(draw(st.lists(st.integers(1, 3), min_size=k, max_size=k))), flags=_flags(draw, k, said))
        for name in people
    )
    texts = tuple("x" * draw(st.integers(1, 700)) + str(index) for index in range(k))
    return Group(f"p{place}", "test", (Message("user", f"{place}?"),), texts, rankings)


def _flags(draw: st.DrawFn, k: int, said: str | None) -> tuple[dict[str, bool], ...]:
    if said is None:
        return ({},) * k
    return tuple({FLAG: draw(st.booleans()) if said == "mixed" else said == "yes"} for _ in range(k))


def _scores(draw: st.DrawFn, groups: list[Group], labels: tuple[str, ...]) -> Scores:
    sizes = [len(group.completions) for group in groups]
    random = np.random.default_rng(draw(st.integers(0, 9)))
    rewards = random.normal(size=sum(sizes)) * draw(st.sampled_from(SCALES))
    if draw(st.booleans()):
        rewards = np.sort(rewards)[::-1]
    logits = np.stack([-rewards, rewards], axis=1) if labels else rewards[:, None]
    temperature = draw(st.sampled_from([1.0, 0.05, 20.0]))
    scores = Scores(logits.astype(np.float32), sizes, 1, 0, 0.1, temperature=temperature, labels=labels)
    return replace(scores, class_temperature=temperature, raw_scale=draw(st.sampled_from([1.0, 3.0])))


def flaws(report: Any, path: str = "") -> list[str]:
    """What can't be true of a report's numbers: not finite, beyond what the figure can be, or outside its interval."""
    if isinstance(report, list):
        return [flaw for index, each in enumerate(report) for flaw in flaws(each, f"{path}.{index}")]
    if isinstance(report, float) and not np.isfinite(report):
        return [f"{path}: {report}"]
    if not isinstance(report, dict):
        return []
    found = [flaw for key, each in report.items() for flaw in flaws(each, f"{path}.{key}")]
    for value, low, high in (
        ("value", "low", "high"),
        ("agreement", "low", "high"),
        ("accuracy", "accuracy_low", "accuracy_high"),
        ("log_loss", "log_loss_low", "log_loss_high"),
        *([("accuracy", "low", "high")] if path.endswith("baseline_longer") else []),
    ):
        if isinstance(report.get(value), float) and report.get(low) is not None:
            ends = report[low], report[value], report[high]
            least, most = _possible(f"{path}.{value}")
            if not least <= ends[0] <= ends[1] <= ends[2] <= most:
                found.append(f"{path}: {ends}")
    return found


def _possible(path: str) -> tuple[float, float]:
    if "margins" in path and "size" not in path:
        return -np.inf, np.inf
    if "difference" in path:
        of_loss = "log_loss" in path or "baseline" in path
        return (-np.inf, np.inf) if of_loss else (-1.0, 1.0)
    if "log_loss" in path or "size" in path:
        return 0.0, np.inf
    return (-1.0 if "tau" in path else 0.0), 1.0
