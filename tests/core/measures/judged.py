"""Random judgements of completions, and a loop that says of each what the report must have counted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.measures.report import Scores, build_report

LABELERS = ("ann", "ben", "cleo")
SAMPLES, SEED = 60, 3


def made(n: int = 40, seed: int = 0) -> list[Group]:
    """Prompts of two to four completions, of which one to three people rank and flag each; a few prompts come twice."""
    draw = random.Random(seed)
    groups = []
    for place in range(n):
        k = draw.randint(2, 4)
        rankings = tuple(
            Ranking(
                name,
                tuple(draw.choices(range(1, 4), k=k)),
                flags=tuple({"rude": draw.random() < 0.4} if draw.random() < 0.8 else {} for _ in range(k)),
            )
            for name in draw.sample(LABELERS, draw.randint(1, 3))
        )
        texts = tuple("x" * draw.choice([1, 40, 150, 700, 1400]) for _ in range(k))
        prompt = f"question {place % (n - 4)}"
        groups.append(Group(f"p{place}", "test", (Message("user", prompt),), texts, rankings))
    return groups


def drawn_rewards(groups: list[Group], seed: int = 1) -> list[list[float]]:
    """On a grid of halves, so that some are equal and all are exact in single precision."""
    draw = random.Random(seed)
    return [[draw.randint(-6, 6) / 2 for _ in group.completions] for group in groups]


def scored(rewards: list[list[float]], *, flags: bool = False, **more: Any) -> Scores:
    flat = np.array([value for each in rewards for value in each], dtype=np.float32)
    logits = np.stack([np.roll(flat, 1) / 2, flat], axis=1) if flags else flat[:, None]
    labels = ("not_rude", "rude") if flags else ()
    return Scores(logits, [len(each) for each in rewards], 0, 0, 1.0, labels=labels, **more)


def reported(groups: list[Group], scores: Scores, champion: Scores | None = None) -> dict[str, Any]:
    made: Any = {"split": "test", "device": "cpu", "peak_memory_mb": 1.0, "samples": SAMPLES, "seed": SEED}
    return build_report(groups, scores, champion=champion, **made)


@dataclass(frozen=True)
class Said:
    """One labeler's word on two completions."""

    prompt: str
    labeler: str
    margin: float  # reward of the better one minus that of the other; of a tie the distance
    gap: int  # 0 is a tie
    longer_by: int
    chosen: float
    rejected: float


def all_said(groups: list[Group], rewards: list[list[float]]) -> list[Said]:
    found = []
    for group, values in zip(groups, rewards, strict=True):
        for ranking, (i, j) in product(group.rankings, combinations(range(len(values)), 2)):
            one, other = (i, j) if ranking.ranks[i] <= ranking.ranks[j] else (j, i)
            low, high = ranking.ranks[one], ranking.ranks[other]
            gap = len({rank for rank in ranking.ranks if low < rank <= high})
            lengths = [len(text) for text in group.completions]
            apart = values[one] - values[other]
            found.append(
                Said(
                    group.prompt[0].content,
                    ranking.labeler,
                    apart if gap else abs(apart),
                    gap,
                    lengths[one] - lengths[other],
                    values[one],
                    values[other],
                )
            )
    return found


def half_right(values: list[float]) -> float:
    return sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in values) / len(values)


@dataclass(frozen=True)
class Voted:
    """All votes on the flag, one after the other."""

    rude: list[bool]
    ahead: list[float]  # logit of rude minus the other's
    reward: list[float]
    prompts: list[str]


DRAWN = {"low", "high", "by_chance", "effective"}  # what follows from draws, which follow from the prompts' order


def same(one: Any, other: Any) -> bool:
    """Whether two reports have the same figures, but for rounding and what was drawn."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one.keys() - DRAWN)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == (pytest.approx(other, abs=1e-6) if isinstance(other, float) else other)
