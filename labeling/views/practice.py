"""The practice task: the same board, marked and explained at once. Nothing of it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, cast

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling import content
from labeling.answers.asks.asked import Asked
from labeling.board.cards import Shown, dialogue
from labeling.board.form import RankingForm
from labeling.board.pictures import Picture, Spot
from labeling.board.task import Task
from labeling.models import Project, Role
from labeling.quality import practice as sample
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.upkeep import show_comparison

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LETTERS = dict(zip(sample.COMPLETIONS, ascii_uppercase, strict=False))


@dataclass(frozen=True)
class Compared:
    """A comparison in the letters that the person saw."""

    better: str
    worse: str
    verdict: sample.Verdict
    reason: StrOrPromise


@dataclass(frozen=True)
class Explained:
    """A completion, best first, with what is to be said of it."""

    letter: str
    html: SafeString
    verdict: StrOrPromise


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def practice(request: SignedIn, project: Project) -> HttpResponse:
    shown = [Shown(pk, str(text)) for pk, text in sample.COMPLETIONS.items()]
    form = RankingForm(shown, asked=Asked.of(project, len(shown)), data=posted(request))
    if form.is_valid():
        return _marked(request, project, cast("list[list[str]]", form.payload()["tiers"]))
    context = {
        "project": project,
        "task": _task(project, form),
        "error": form.problem() if form.is_bound else "",
        "guidelines": content.render(project.guidelines),
        "tour": not form.is_bound and (request.user.tour_seen_at is None or "tour" in request.GET),
        "is_labeler": True,
    }
    return render(request, "labeling/quality/practice.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_safe
@project_page(Role.LABELER)
def compare(request: SignedIn, project: Project) -> HttpResponse:
    return show_comparison(request, project, [str(text) for text in sample.COMPLETIONS.values()])


def _task(project: Project, form: RankingForm) -> Task:
    return Task(
        id="practice",
        action=reverse("practice", args=[project.slug]),
        turns=dialogue([{"role": "user", "content": str(sample.PROMPT)}]),
        form=form,
        cards=form.cards(),
        compare_url=reverse("practice_compare", args=[project.slug]),
        submit=_("Mark it"),
    )


def _marked(request: SignedIn, project: Project, tiers: list[list[str]]) -> HttpResponse:
    marked = sample.mark(tiers)
    context = {
        "project": project,
        "marked": marked,
        "comparisons": [
            Compared(LETTERS[one.better], LETTERS[one.worse], one.verdict, one.reason) for one in marked.comparisons
        ],
        "yours": Picture([[Spot(LETTERS[pk]) for pk in tier] for tier in tiers]),
        "reference": Picture([[Spot(LETTERS[pk])] for pk in sample.REFERENCE]),
        "completions": [
            Explained(LETTERS[pk], content.render(str(sample.COMPLETIONS[pk])), sample.VERDICTS[pk])
            for pk in sample.REFERENCE
        ],
        "prompt": dialogue([{"role": "user", "content": str(sample.PROMPT)}]),
    }
    return render(request, "labeling/quality/practice_marked.html", context)
