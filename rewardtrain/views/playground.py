"""Trying a model on texts that a manager types. Nothing is stored: they come by POST and go back with the answer."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from labeling.errors import PodiumError
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page
from rewardtrain.charts import trial
from rewardtrain.charts.word_rewards import Words, words
from rewardtrain.forms import TryForm
from rewardtrain.models import RewardModel
from rewardtrain.scoring import playground
from rewardtrain.scoring.playground import Asked, Told


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    """POST is any of the form's buttons, `do` says which: score, add, remove-2, words-0."""
    named = _numbers(request.POST if request.method == "POST" else request.GET)
    models = playground.choices(project, named)
    context: dict[str, object] = {"project": project, "models": models}
    if models:
        context |= _tried(project, models, request.POST) if request.method == "POST" else _empty(models, named)
    part = bool(getattr(request, "htmx", False))
    return render(
        request, "rewardtrain/scoring/_playground.html" if part else "rewardtrain/scoring/playground.html", context
    )


def _numbers(values: QueryDict) -> list[int]:
    """Lists the versions that a form or an address names."""
    names = (values.get(name, "") for name in ("model", "other"))
    return [int(value) for value in names if value.isdecimal() and len(value) < 10]


def _empty(models: list[RewardModel], named: list[int]) -> dict[str, object]:
    versions = [model.version for model in models]
    model = next((version for version in named if version in versions), versions[0])
    return {"form": TryForm(models, 2, initial={"model": model})}


def _tried(project: Project, models: list[RewardModel], data: QueryDict) -> dict[str, object]:
    do, _, place = data.get("do", "score").partition("-")
    number = int(place) if place.isdecimal() and len(place) < 4 else None
    if do == "add" or (do == "remove" and number is not None):
        return {"form": TryForm.reshaped(models, data, without=number)}
    form = TryForm.of(models, data)
    if not form.is_valid():
        return {"form": form}
    asked = form.asked(number if do == "words" else None)
    try:
        told = playground.ask(project, asked)
    except PodiumError as error:
        return {"form": form, "error": error}
    return {"form": form, "shown": _shown(asked, told)}


@dataclass(frozen=True)
class Column:
    """One model's answer, as the page shows it."""

    model: RewardModel
    kind: str  # its colour
    rows: list[trial.Scored]
    words: Words | None
    trouble: str  # why there are no words, though asked for

    @property
    def has_spread(self) -> bool:
        return any(row.spread is not None for row in self.rows)

    @property
    def is_binary(self) -> bool:
        return any(row.class_probability is not None for row in self.rows)


@dataclass(frozen=True)
class Shown:
    columns: list[Column]
    difference: trial.Difference | None
    axis: trial.Axis
    explained: trial.Scored | None

    @property
    def n(self) -> int:
        return len(self.columns[0].rows)

    @property
    def has_spread(self) -> bool:
        return any(column.has_spread for column in self.columns)

    @property
    def layout(self) -> str:
        """Names the class that puts two models side by side."""
        return "columns" if len(self.columns) > 1 else "stack"

    @property
    def chance(self) -> float:
        """Gives the chance of each completion to be the preferred one, if all were alike."""
        return trial.percent(1 / self.n)


def _shown(asked: Asked, told: list[Told]) -> Shown:
    on = trial.axis([each.scores for each in told])
    columns = [
        Column(
            model=each.model,
            kind=kind,
            rows=trial.scored(each.scores, asked.completions, on),
            words=words(each.tokens) if each.tokens else None,
            trouble=each.trouble,
        )
        for each, kind in zip(told, _kinds([each.model for each in told]), strict=True)
    ]
    difference = trial.difference(*(each.scores for each in told)) if len(told) == 2 else None
    return Shown(columns, difference, on, None if asked.explained is None else columns[0].rows[asked.explained])


def _kinds(models: list[RewardModel]) -> list[str]:
    """The champion has its colour on every page, and whoever stands beside it the model's."""
    others = iter(("model", "against"))
    return ["champion" if model.champion else next(others) for model in models]
