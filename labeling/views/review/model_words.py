"""What a champion said against a ranking, in the words of a case's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labeling.data.reviewing import evidence
from labeling.models import Completion, Ranking, ReviewCase


@dataclass(frozen=True)
class ModelsWord:
    """Numbers of completions are the page's. labeler: whose ranking it was about; empty where it was changed since."""

    model: int
    percent: int  # at least so sure
    gap: float
    preferred: int
    other: int
    labeler: str


def words_of(case: ReviewCase, completions: Sequence[Completion], standing: Sequence[Ranking]) -> ModelsWord | None:
    """Gives them for a case that a champion opened, or joined."""
    said = evidence.read(case.evidence)
    numbers = {completion.pk: number for number, completion in enumerate(completions, start=1)}
    if said is None or said.chosen not in numbers or said.rejected not in numbers:
        return None
    labeler = next((str(ranking.labeler) for ranking in standing if ranking.pk == said.ranking), "")
    percent = min(99, int(said.probability * 100))
    places = numbers[said.rejected], numbers[said.chosen]
    return ModelsWord(said.model, percent, said.reward_gap, *places, labeler)
