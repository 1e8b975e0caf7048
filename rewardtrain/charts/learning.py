"""What labels brought: accuracy and log loss of a project's models by how many pairs each was trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from labeling.models import Project
from rewardtrain.models import Evaluation, TrainingRun


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float | None  # None of too few prompts
    high: float | None


@dataclass(frozen=True)
class Measured:
    """A model, what it was trained on, and what it was worth on the test pairs of its time."""

    version: int
    champion: bool
    passed: bool  # its gate
    depth: str
    training_pairs: int
    test_pairs: int
    test_prompts: int  # that the pairs are of
    accuracy: Estimate
    log_loss: Estimate
    longer_wins: float

    @property
    def depth_in_words(self) -> str:
        return str(TrainingRun.Depth(self.depth).label)


def measured(project: Project) -> list[Measured]:
    """Lists every evaluated model that learnt from a project's pairs.

    Asks for these figures only: reports are long and models many.
    """
    learnt = Evaluation.objects.exclude(reward_model__run__depth=TrainingRun.Depth.NONE)  # others' learnt none of ours
    rows = learnt.filter(reward_model__project=project, split="test", n_pairs__gte=1).values_list(
        "reward_model__version", "reward_model__champion", "reward_model__gate__passed", "reward_model__run__depth",
        "dataset_version__counts__train__pairs", "n_pairs", "accuracy", "accuracy_low", "accuracy_high",
        "log_loss", "report__log_loss__low", "report__log_loss__high", "report__baseline_longer__accuracy",
        "report__n_pair_prompts",
    )  # fmt: skip
    return [
        Measured(
            version,
            champion,
            passed,
            depth,
            trained or 0,
            tested,
            rest[7],
            Estimate(*rest[:3]),
            Estimate(*rest[3:6]),
            rest[6],
        )
        for version, champion, passed, depth, trained, tested, *rest in rows
    ]


COIN = {"accuracy": 0.5, "log_loss": math.log(2)}


@dataclass(frozen=True)
class Point:
    """One model in one of the two drawings; places are percentages of it."""

    model: Measured
    x: float
    y: float
    y_low: float
    y_high: float
    named: bool  # the label beside it: of the champion, the first and the last; all would lie on one another


@dataclass(frozen=True)
class Tick:
    value: float
    y: float


@dataclass(frozen=True)
class Panel:
    points: list[Point]
    ticks: list[Tick]
    line: Tick  # what a coin has


@dataclass(frozen=True)
class Learning:
    models: Sequence[Measured]
    accuracy: Panel
    log_loss: Panel
    first: int  # training pairs at the left and the right end
    last: int

    @property
    def mixed(self) -> bool:
        """Tells whether heads and fine-tuned models stand side by side."""
        return len({model.depth for model in self.models}) > 1


def learning(project: Project) -> Learning | None:
    """Orders models by their training pairs; None with fewer than two sizes, for one point shows no course."""
    models = sorted(measured(project), key=lambda model: (model.training_pairs, model.version))
    if len({model.training_pairs for model in models}) < 2:
        return None
    first, last = models[0].training_pairs, models[-1].training_pairs
    return Learning(models, _panel(models, "accuracy"), _panel(models, "log_loss"), first, last)


def _panel(models: Sequence[Measured], measure: str) -> Panel:
    estimates: list[Estimate] = [getattr(model, measure) for model in models]
    coin = COIN[measure]
    ends = [
        (estimate.value, estimate.value) if estimate.low is None or estimate.high is None
        else (estimate.low, estimate.high)
        for estimate in estimates
    ]  # fmt: skip
    seen = [coin, *(end for both in ends for end in both)]
    step = _step(max(seen) - min(seen))
    lowest = math.floor(min(seen) / step)
    highest = max(math.ceil(max(seen) / step), lowest + 1)  # of a coin's accuracy alone there is room above it
    low, high = lowest * step, highest * step

    def y(value: float) -> float:
        return round(100 * (high - value) / (high - low), 1)

    first, last = models[0].training_pairs, models[-1].training_pairs
    points = []
    for place, (model, estimate, (least, most)) in enumerate(zip(models, estimates, ends, strict=True)):
        x = round(10 + 86 * (model.training_pairs - first) / (last - first), 1)
        named = model.champion or place in (0, len(models) - 1)
        points.append(Point(model, x, y(estimate.value), y(least), y(most), named))
    ticks = [Tick(tick * step, y(tick * step)) for tick in range(lowest, highest + 1)]
    return Panel(points, ticks, Tick(coin, y(coin)))


def _step(span: float) -> float:
    """Gives the step between ticks, of which a drawing bears ten: a model that is certain and wrong may have a log loss
    of 1e5."""
    if span < 0.25:
        return 0.05
    steps = (digit * 10.0**power for power in count(-1) for digit in (1, 2, 5))
    return next(step for step in steps if span <= 10 * step)
