"""What a champion said against an answer, in the words of a case's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.data.reviewing import evidence
from labeling.data.reviewing.evidence import OtherAnswer
from labeling.models import Completion, Ranking, ReviewCase


@dataclass(frozen=True)
class OrderInWords:
    """Numbers of completions are the page's. labeler: whose ranking it was about; empty where it was changed since."""

    model: int
    percent: int  # at least so sure
    labeler: str
    gap: float
    preferred: int
    other: int
    template: str = "labeling/review/_models_order.html"


@dataclass(frozen=True)
class AnswerInWords:
    """said: the model's answer. number: of the text, where there are several; else None."""

    model: int
    percent: int  # at least so sure
    labeler: str
    question: str
    said: bool
    number: int | None
    template: str = "labeling/review/_models_answer.html"


def words_of(
    case: ReviewCase, completions: Sequence[Completion], standing: Sequence[Ranking]
) -> OrderInWords | AnswerInWords | None:
    """Gives them for a case that a champion opened, or joined."""
    said = evidence.read(case.evidence)
    numbers = {completion.pk: number for number, completion in enumerate(completions, start=1)}
    if said is None:
        return None
    labeler = next((str(ranking.labeler) for ranking in standing if ranking.pk == said.ranking), "")
    percent = min(99, int(said.probability * 100))
    if isinstance(said, OtherAnswer):
        if said.completion not in numbers:
            return None
        number = numbers[said.completion] if len(numbers) > 1 else None
        labels = {flag["name"]: flag["label"] for flag in case.project.flags}
        return AnswerInWords(said.model, percent, labeler, labels.get(said.flag, said.flag), not said.answer, number)
    if said.chosen not in numbers or said.rejected not in numbers:
        return None
    return OrderInWords(said.model, percent, labeler, said.reward_gap, numbers[said.rejected], numbers[said.chosen])
