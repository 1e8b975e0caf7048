"""The board on which a manager ranks a prompt for its gold: the answer that labelers are held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling import content
from labeling.board.form import RankingForm
from labeling.errors import PodiumError
from labeling.models import GoldAnswer, Project, Prompt, Role
from labeling.projects.projects import read_whole
from labeling.quality.checks import golds
from labeling.quality.practising.items import Item, item_of
from labeling.quality.practising.marking import REST
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.practising.boards import form_of, task_of
from labeling.views.prompts import find_prompt
from labeling.views.upkeep import show_comparison


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def rank(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Shows the prompt as a labeler sees it; a POST makes it gold by what was ranked, whatever it had before."""
    prompt = find_prompt(read_whole(project), prompt_id)
    if prompt.withdrawn_at is not None:
        messages.error(request, _("Prompt %(id)s is withdrawn. Put it back first.") % {"id": prompt.external_id})
        return redirect("prompt", project.slug, prompt.pk)
    item = item_of(prompt, request.user)
    form, error = form_of(project, item, posted(request)), ""
    if form.is_valid():
        try:
            return _make(request, project, prompt, item, form)
        except PodiumError as refused:
            error = refused.detail
    elif form.is_bound:
        error = form.problem()
    return _show(request, project, item, form, error)


@never_cache
@require_safe
@project_page(Role.MANAGER)
def compare(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Shows two of its completions side by side, in the letters of that board."""
    item = item_of(find_prompt(project, prompt_id), request.user)
    if len(item.completions) < 2:
        raise Http404("one text alone has nothing to be compared with")
    return show_comparison(request, project, [each.text for each in item.completions.values()])


def _make(request: SignedIn, project: Project, prompt: Prompt, item: Item, form: RankingForm) -> HttpResponse:
    ranks, flags = item.said(form.payload())
    known = _known(ranks, flags)
    explanation, practice = request.POST.get("explanation", ""), request.POST.get("use") == "practice"
    source = GoldAnswer.Source.TYPED
    golds.make(project, prompt, known, source=source, by=request.user, explanation=explanation, practice=practice)
    messages.success(request, _("It is gold by your answer now."))
    return redirect("prompt", project.slug, prompt.pk)


def _known(ranks: Mapping[int, int], flags: Mapping[int, Mapping[str, bool]]) -> golds.Known:
    """Gives what the board says as it is stored: a rest below the best has the rank after theirs."""
    n_ranked = sum(rank != REST for rank in ranks.values())
    last = max(ranks.values(), default=0) + 1
    ranks = {key: last if rank == REST else rank for key, rank in ranks.items()}
    top_k = n_ranked if n_ranked < len(ranks) else None
    return golds.Known(ranks if len(set(ranks.values())) > 1 else {}, flags, top_k)


def _show(request: SignedIn, project: Project, item: Item, form: RankingForm, error: str) -> HttpResponse:
    prompt = item.gold.prompt
    address, comparing = (
        reverse(name, args=[project.slug, prompt.pk]) for name in ("prompt_gold_rank", "prompt_gold_compare")
    )
    task = task_of(form, item, name=f"gold-{prompt.pk}", action=address, compare=comparing)
    context = {
        "project": project,
        "prompt": prompt,
        "task": replace(task, submit=gettext_lazy("Make it gold")),
        "explanation": request.POST.get("explanation", ""),
        "use": request.POST.get("use", ""),
        "error": error,
        "guidelines": content.render(project.guidelines),
        "is_labeler": False,
    }
    return render(request, "labeling/checks/gold_rank.html", context, status=422 if error else 200)
