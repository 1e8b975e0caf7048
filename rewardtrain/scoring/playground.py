"""Trying a model on texts that a person types. Nothing of them is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Max, Q

from labeling.errors import PodiumError
from labeling.models import Project
from rewardtrain.models import RewardModel, listed_evaluations
from rewardtrain.scoring import service_client

MOST_COMPLETIONS = 8
MOST_CHARACTERS = 20_000  # of one text; a model reads the first some thousand of them
MOST_LISTED = 100


@dataclass(frozen=True)
class Asked:
    """A prompt, completions of it, and the one or two models that are to say what they are worth."""

    prompt: str
    completions: list[str]
    models: list[RewardModel]
    explained: int | None = None  # the completion whose words are asked about


@dataclass(frozen=True)
class Told:
    """What one model said."""

    model: RewardModel
    scores: service_client.Answer
    tokens: service_client.Answer | None = None
    trouble: str = ""  # why there are no tokens, though asked for


def choices(project: Project, named: Sequence[int] = ()) -> list[RewardModel]:
    """Lists the champion first, then the newest, and among them those that are named by their version."""
    last = project.reward_models.aggregate(last=Max("version"))["last"] or 0
    wanted = Q(champion=True) | Q(version__in=named) | Q(version__gt=last - MOST_LISTED)
    rows = project.reward_models.filter(wanted).prefetch_related(listed_evaluations())
    return list(rows.order_by("-champion", "-version"))


def ask(project: Project, asked: Asked) -> list[Told]:
    """Gives one answer for each model, in their order. Raises as scoring.score.

    The scores are told even where the words can't be.
    """
    return [_ask(project, asked, model) for model in asked.models]


def _ask(project: Project, asked: Asked, model: RewardModel) -> Told:
    scores = service_client.score(project, asked.prompt, asked.completions, version=model.version, pairwise=True)
    if asked.explained is None:
        return Told(model, scores)
    try:
        text = asked.completions[asked.explained]
        return Told(model, scores, service_client.tokens(project, asked.prompt, text, version=model.version))
    except PodiumError as error:
        return Told(model, scores, trouble=error.detail)
