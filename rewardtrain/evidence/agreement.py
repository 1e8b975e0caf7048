"""A judgement of a person beside the model's word, and the share of such judgements with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from formats.evaluation_report.figures import CountedShareOrNone
from labeling.models import Split


@dataclass(frozen=True)
class Share:
    """How often something holds of n judgements, with its 95 % interval; all None where n is 0."""

    n: int
    value: float | None
    low: float | None
    high: float | None
    n_prompts: int  # that the judgements are of


@dataclass(frozen=True)
class Judged:
    """One person's judgement of one pair, or answer about one text."""

    content: str  # of the prompt: equal for equal dialogues
    split: str
    margin: float  # log-odds that the chosen one is preferred, or of the answer, by the model
    baseline: int  # above 0 where what needs no model says the same: the longer one, or the commoner answer
    ranking: int
    at: datetime  # of the ranking
    prompt: int  # its key

    def learnt(self, contents: set[str]) -> bool:
        return self.split != Split.TEST and self.content in contents


@dataclass(frozen=True)
class Judgements:
    """What people judged and the model has scored: all of it, or a part where there is more than a page waits for."""

    rows: list[Judged]
    is_part: bool = False


def share_of(share: CountedShareOrNone) -> Share:
    return Share(share["n"], share["accuracy"], share["accuracy_low"], share["accuracy_high"], share["n_prompts"])
