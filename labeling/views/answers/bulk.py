"""Acts on all prompts that the list finds: first how many each would change, then the act, and how far it is."""

from __future__ import annotations

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.bulk import bulk_jobs
from labeling.data.bulk.acts import NoGold
from labeling.data.bulk.bulk_jobs import AT_ONCE, Foreseen
from labeling.errors import PodiumError
from labeling.forms.bulk import BulkForm, in_words
from labeling.forms.finding import PLACES, PromptsForm
from labeling.judgements.phrases import whole
from labeling.models import BulkAct, Project, Role
from labeling.views.answers.prompts import FILTERS
from labeling.views.doors import SignedIn, posted, project_page

SHOWN = 10  # of those that were asked for before


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def bulk(request: SignedIn, project: Project) -> HttpResponse:
    narrowing = PromptsForm(request.GET, project=project)
    asked = narrowing.conditions()
    form = BulkForm(posted(request), project=project)
    if narrowing.errors or not form.is_valid():
        return _show(request, project, narrowing, form, status=422 if request.method == "POST" else 200)
    act, value = form.cleaned_data["act"], form.cleaned_data["value"]
    foreseen = bulk_jobs.foresee(project, act, value, asked)
    if request.POST.get("step") != "do":
        no_gold = bulk_jobs.no_gold(project, asked, foreseen) if act == BulkAct.Act.GOLD else None
        return _show(request, project, narrowing, form, foreseen, no_gold=no_gold)
    return _do(request, project, narrowing, form, foreseen)


def _do(
    request: SignedIn, project: Project, narrowing: PromptsForm, form: BulkForm, foreseen: Foreseen
) -> HttpResponse:
    """Leads to the list where it is done, else to the page that says how far it is."""
    act, value = form.cleaned_data["act"], form.cleaned_data["value"]
    try:
        job = bulk_jobs.request(project, act, value, narrowing.said(), by=request.user, foreseen=foreseen)
    except PodiumError as error:
        form.add_error(None, error.detail)
        return _show(request, project, narrowing, form, foreseen, status=409)
    if job.state != BulkAct.State.SUCCEEDED:
        return redirect("prompts_bulk_act", project.slug, job.number)
    words = ngettext("%(n)s prompt changed.", "%(n)s prompts changed.", job.changed) % {"n": whole(job.changed)}
    notices.success(request, f"{in_words(act, value)}: {words}")
    return _to_list(project, narrowing.query_without(*PLACES, "order"))


def _show(
    request: SignedIn,
    project: Project,
    narrowing: PromptsForm,
    form: BulkForm,
    foreseen: Foreseen | None = None,
    *,
    no_gold: NoGold | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "narrowing": narrowing,
        "said": _said(narrowing),
        "query": narrowing.query_without(*PLACES, "order"),
        "foreseen": foreseen,
        "no_gold": no_gold,
        "words": in_words(form.cleaned_data["act"], form.cleaned_data["value"]) if foreseen else "",
        "again": form.again() if foreseen else [],
        "most_at_once": AT_ONCE,
        "recent": [(job, in_words(job.act, job.value)) for job in bulk_jobs.recent(project)[:SHOWN]],
    }
    return render(request, "labeling/data/bulk/bulk.html", context, status=status)


def _said(narrowing: PromptsForm) -> list[tuple[str, str]]:
    """Gives what narrows the list, each condition by its name and in words."""
    said = narrowing.said()
    words = {"state": str(FILTERS[said["state"]].label)} if "state" in said else {}
    for name in said:
        choices = getattr(narrowing.fields[name], "choices", None)
        if choices is not None and name not in words:
            words[name] = str(dict(choices).get(said[name], said[name]))
    labels = {"state": _("State")}
    return [(labels.get(name) or str(narrowing.fields[name].label), words.get(name, said[name])) for name in said]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def bulk_act(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows how far one is; a form cancels it."""
    job = get_object_or_404(bulk_jobs.recent(project), number=number)
    if request.method == "POST":
        try:
            bulk_jobs.cancel(job)
        except PodiumError as error:
            notices.error(request, error.detail)
        return redirect("prompts_bulk_act", project.slug, number)
    narrowing = PromptsForm(job.filters, project=project)
    narrowing.is_valid()
    context = {
        "project": project,
        "job": job,
        "words": in_words(job.act, job.value),
        "said": _said(narrowing),
        "query": narrowing.query,
        "unchanged": job.done - job.changed,
    }
    return render(request, "labeling/data/bulk/act.html", context)


def _to_list(project: Project, query: str) -> HttpResponse:
    address = redirect("prompts", project.slug)
    address["Location"] += f"?{query}" if query else ""
    return address
