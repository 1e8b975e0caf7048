"""Practising: the same board, marked and explained at once, by a project's items or a sample. Nothing is stored."""

from __future__ import annotations

from string import ascii_uppercase
from typing import cast

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
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
from labeling.projects.projects import read_whole
from labeling.quality.practising import items, sample
from labeling.quality.practising.items import Item
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.practising.boards import Compared, Explained, form_of, marked_context, task_of
from labeling.views.upkeep import show_comparison

LETTERS = dict(zip(sample.COMPLETIONS, ascii_uppercase, strict=False))


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def practice(request: SignedIn, project: Project) -> HttpResponse:
    """Shows the first of the project's items; the sample where it has none to practise on."""
    item, n = items.item_at(read_whole(project), 1, request.user)
    if item is None:
        return _sample(request, project)
    return _of_item(request, project, item, 1, n)


def _of_item(request: SignedIn, project: Project, item: Item, place: int, n: int) -> HttpResponse:
    form = form_of(project, item, posted(request))
    if form.is_valid():
        ranks, flags = item.said(form.payload())
        context = marked_context(project, item, item.marked(project, ranks, flags), ranks)
        context |= {"place": place, "n": n, "next": place % n + 1 if n > 1 else 0}
        return render(request, "labeling/quality/item_marked.html", context)
    address, comparing = (
        reverse(name, args=[project.slug, place]) for name in ("practice_item", "practice_item_compare")
    )
    task = task_of(form, item, name=f"practice-{item.gold.pk}", action=address, compare=comparing)
    return _board(request, project, form, task, place=place, n=n)


def _sample(request: SignedIn, project: Project) -> HttpResponse:
    shown = [Shown(pk, str(text)) for pk, text in sample.COMPLETIONS.items()]
    form = RankingForm(shown, asked=Asked.of(project, len(shown)), data=posted(request))
    if form.is_valid():
        return _marked(request, project, cast("list[list[str]]", form.payload()["tiers"]))
    return _board(request, project, form, _task(project, form))


def _board(
    request: SignedIn, project: Project, form: RankingForm, task: Task, *, place: int = 0, n: int = 0
) -> HttpResponse:
    context = {
        "project": project,
        "task": task,
        "error": form.problem() if form.is_bound else "",
        "guidelines": content.render(project.guidelines),
        "tour": not form.is_bound and (request.user.tour_seen_at is None or "tour" in request.GET),
        "is_labeler": True,
        "place": place,
        "n": n,
    }
    return render(request, "labeling/quality/practice.html", context, status=422 if form.is_bound else 200)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.LABELER)
def practice_item(request: SignedIn, project: Project, place: int) -> HttpResponse:
    """Shows the item at a place, and no sample."""
    item, n = items.item_at(read_whole(project), place, request.user)
    if item is None:
        raise Http404("no such practice item")
    return _of_item(request, project, item, place, n)


@never_cache
@require_safe
@project_page(Role.LABELER)
def compare(request: SignedIn, project: Project) -> HttpResponse:
    return show_comparison(request, project, [str(text) for text in sample.COMPLETIONS.values()])


@never_cache
@require_safe
@project_page(Role.LABELER)
def compare_item(request: SignedIn, project: Project, place: int) -> HttpResponse:
    item, _n = items.item_at(project, place, request.user)
    texts = [each.text for each in item.completions.values()] if item else []
    if len(texts) < 2:
        raise Http404("no such item, or one text alone, which has nothing to be compared with")
    return show_comparison(request, project, texts)


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
        "guidelines": content.render(project.guidelines),
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
