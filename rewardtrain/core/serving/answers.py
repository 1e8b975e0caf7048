"""What is written: the service's own forms of an answer, and what those of other servers are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from rewardtrain.core.serving.problems import Problem, response_to
from rewardtrain.core.serving.protocols import Asked, parse_queries, parse_rows, parse_score

Answer = dict[str, Any]


@dataclass(frozen=True)
class Answered:
    """What the model said, all of it by one version."""

    project: str
    version: int
    asked: Asked
    answers: list[Answer]  # of each group, as Scorer.answer gives it; or one of all whole texts
    tokens: int  # that were read
    labels: tuple[str, ...]  # of the logits

    @property
    def logits(self) -> list[list[float]]:
        """Gives those of every completion, in the order of the body."""
        return [logits for answer in self.answers for logits in answer["logits"]]


@dataclass(frozen=True)
class Protocol:
    """A body, its answer and its error, as one kind of client has them."""

    parse: Callable[[object], Asked]
    write: Callable[[Answered], Any]
    refuse: Callable[[Problem], Response] = response_to


def model_name(project: str, version: int) -> str:
    """Writes a version of a model as a name, which addresses and bodies take too."""
    return f"{project}@{version}"


def write_one(answered: Answered) -> Answer:
    return {"model": answered.version, **answered.answers[0]}


def write_rows(answered: Answered) -> Answer:
    return {"model": answered.version, "rows": answered.answers}


def write_rewards(answered: Answered) -> Answer:
    """Gives a reward for each query. OpenRLHF's own code for one query takes the first of the list."""
    return {"model": answered.version, "rewards": [answer["rewards"][0] for answer in answered.answers]}


SCORE = Protocol(parse_score, write_one)
ROWS = Protocol(parse_rows, write_rows)
REWARDS = Protocol(parse_queries, write_rewards)
