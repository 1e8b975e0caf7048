"""Withdrawing prompts and putting them back: first what it would mean, then the act."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.withdrawing import withdrawals
from labeling.data.withdrawing.withdrawals import Outcome
from labeling.errors import Invalid
from labeling.forms.withdrawing import WithdrawForm
from labeling.judgements.phrases import whole
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, project_page

ACTS = {"withdraw": withdrawals.withdraw, "restore": withdrawals.restore}
LOOK_SECONDS, ACT_SECONDS = 5.0, 20.0  # so that nobody waits longer for a page; the same again goes on


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def withdraw(request: SignedIn, project: Project) -> HttpResponse:
    if request.method != "POST":
        return _show(request, project, WithdrawForm(initial={"act": request.GET.get("act", "withdraw")}))
    form = WithdrawForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show(request, project, form, status=422)
    act, is_meant = ACTS[form.cleaned_data["act"]], request.POST.get("step") == "do"
    seconds = ACT_SECONDS if is_meant else LOOK_SECONDS
    try:
        outcome = act(project, form.chosen(), seconds=seconds, dry_run=not is_meant)
    except Invalid as error:
        form.add_error(None, error.detail)
        return _show(request, project, form, status=422)
    if not is_meant:
        return _show(request, project, form, outcome)
    messages.success(request, _in_words(form.cleaned_data["act"], outcome))
    if outcome.finished:
        return redirect("prompts", project.slug)
    return _show(request, project, form, act(project, form.chosen(), seconds=LOOK_SECONDS, dry_run=True))


def _show(
    request: SignedIn, project: Project, form: WithdrawForm, outcome: Outcome | None = None, *, status: int = 200
) -> HttpResponse:
    context = {
        "project": project,
        "form": form,
        "outcome": outcome,
        "again": form.again() if outcome else [],
        "restores": bool(outcome) and form.cleaned_data["act"] == "restore",
    }
    return render(request, "labeling/data/withdraw.html", context, status=status)


def _in_words(act: str, outcome: Outcome) -> str:
    if act == "restore":
        words = ngettext("%(n)s prompt put back.", "%(n)s prompts put back.", outcome.prompts)
    else:
        words = ngettext("%(n)s prompt withdrawn.", "%(n)s prompts withdrawn.", outcome.prompts)
    words %= {"n": whole(outcome.prompts)}
    more = _("There are more: go on below.")
    return words if outcome.finished else f"{words} {more}"
