"""Evaluation reports as core writes them, of rankings and rewards that are drawn at random but look like real ones."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import cache, wraps
from typing import Any, ParamSpec

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from formats.evaluation_report.report import Report
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures import metrics
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.core.measures.report import Scores, build_report

LABELERS = ("anna", "ben", "cleo")
K = 4
Drawn = ParamSpec("Drawn")
SPREAD = 0.9  # of what one labeler thinks around what completions are worth


def _once(draw: Callable[Drawn, Report]) -> Callable[Drawn, Report]:
    """Draws for the same words once: up to 0.1 s of bootstrap, for each of the six reports of every browser test."""
    kept = cache(draw)

    @wraps(draw)
    def drawn(*words: Drawn.args, **named: Drawn.kwargs) -> Report:
        return deepcopy(kept(*words, **named))  # type: ignore[arg-type]  # all can be hashed

    return drawn


@_once
def draw_report(
    *,
    n_prompts: int = 90,
    skill: float = 0.6,
    champion_skill: float | None = None,
    flag: str | None = None,
    flagged: float = 0.2,
    seed: int = 1,
    samples: int = 100,
) -> Report:
    """A report on prompts of four completions, each ranked by two of three people with ties.

    skill: correlation of rewards with what completions are worth. Longer ones are worth a little more. flag: what the
    worst ones are flagged with, so large a part of them, by a model with a binary head.
    """
    random = np.random.default_rng(seed)
    length = random.normal(size=(n_prompts, K))
    worth = (random.normal(size=(n_prompts, K)) + 0.4 * length) / 1.08
    groups = [_group(place, worth[place], length[place], random) for place in range(n_prompts)]
    scores = _scores(groups, worth, skill, random)
    if flag:
        bad = worth <= np.quantile(worth, flagged) if flagged else np.zeros_like(worth, dtype=bool)
        groups = [_flag(group, flag, row) for group, row in zip(groups, bad, strict=True)]
        scores = replace(scores, logits=np.hstack([-scores.logits - 1.5, scores.logits]), labels=(flag, f"not_{flag}"))
    return build_report(
        groups,
        scores,
        split="test",
        champion=None if champion_skill is None else _scores(groups, worth, champion_skill, random),
        device="CPU, 2 threads",
        peak_memory_mb=1130.0,
        samples=samples,
        seed=0,
    )


@_once
def draw_flag_report(
    *,
    n: int = 300,
    skill: float = 1.5,
    champion_skill: float | None = None,
    flagged: float = 0.4,
    n_labels: int = 1,
    seed: int = 1,
    samples: int = 100,
) -> Report:
    """A report on single texts, each labeled hateful or not by so many people, of a model that learnt from that alone.

    skill: how many standard deviations the log-odds of the two classes lie apart. The positive class is not hateful.
    """
    random = np.random.default_rng(seed)
    hateful = random.random(n) < flagged
    groups = [
        Group(
            f"t{place}",
            "test",
            (Message("user", ""),),
            (f"text {place}",),
            tuple(Ranking(f"l{who}", (1,), flags=({"hateful": bool(said)},)) for who in range(n_labels)),
        )
        for place, said in enumerate(hateful)
    ]

    def scores(apart: float) -> Scores:
        # Of two normal distributions `apart` deviations apart the log-odds are linear, so these are calibrated.
        seen = random.normal(size=n) + apart * np.where(hateful, -0.5, 0.5)
        odds = apart * seen + np.log((1 - flagged) / flagged)
        logits = np.stack([-odds / 2, odds / 2], axis=1).astype(np.float32)
        return Scores(logits, [1] * n, 3, 0, 0.5, labels=("hateful", "not_hateful"))

    return build_report(
        groups,
        scores(skill),
        split="test",
        champion=None if champion_skill is None else scores(champion_skill),
        device="CPU, 2 threads",
        peak_memory_mb=900.0,
        samples=samples,
        seed=0,
    )


def with_effective(curve: dict[str, Any], *, worth: float = 1.0) -> Any:
    """A flag's curve in which each vote counts as so much of an independent one."""
    called = [sum(counts) for counts in zip(curve["true_positives"], curve["false_positives"], strict=True)]
    of = {
        "precision": called,
        "recall": [curve["positives"]] * len(called),
        "false_positive_rate": [curve["negatives"]] * len(called),
        "f1": [curve["positives"] + false for false in curve["false_positives"]],
    }
    return {**curve, "effective": {rate: [n * worth or None for n in numbers] for rate, numbers in of.items()}}


def _group(place: int, worth: Floats, length: Floats, random: Generator) -> Group:
    texts = tuple("word " * int(40 * np.exp(0.7 * each) + 1) + str(index) for index, each in enumerate(length))
    people = random.permutation(LABELERS)[:2]
    rankings = tuple(Ranking(str(name), _ranks(worth + random.normal(size=K) * SPREAD)) for name in people)
    return Group(f"p{place}", "test", (Message("user", f"{place}?"),), texts, rankings)


def _flag(group: Group, name: str, bad: npt.NDArray[np.bool_]) -> Group:
    flags = tuple({name: bool(each)} for each in bad)
    return replace(group, rankings=tuple(replace(ranking, flags=flags) for ranking in group.rankings))


def _ranks(values: Floats) -> tuple[int, ...]:
    """What is close together is a tie."""
    steps = np.round(values * 1.5).astype(int)
    return tuple(int(1 + sum(steps > step)) for step in steps)


def _scores(groups: list[Group], worth: Floats, skill: float, random: Generator) -> Scores:
    """Normalised rewards with the temperature that suits them; training left them too sure of themselves."""
    noise = random.normal(size=worth.shape)
    rewards = skill * worth + np.sqrt(1 - skill**2) * noise
    rewards = (rewards - rewards.mean()) / rewards.std()
    margins = metrics.collect_pairs(groups).margins(rewards.tolist())
    temperatures = np.geomspace(0.3, 10, 60)
    temperature = float(min(temperatures, key=lambda each: metrics.log_loss(margins / each).mean()))
    logits = rewards.reshape(-1, 1).astype(np.float32)
    return Scores(logits, [K] * len(groups), 7, 0, 1.5, temperature=temperature, raw_scale=2.5 / temperature)
