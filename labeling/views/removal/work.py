"""Withdrawing all work of a person: first what it would mean, then the act; and back."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.withdrawing import work as works
from labeling.errors import Missing
from labeling.judgements.phrases import whole
from labeling.models import Project, Role, User
from labeling.views.doors import SignedIn, project_page

ACT_SECONDS = 20.0  # so that nobody waits longer for a page; the same again goes on
VERSIONS_SHOWN = 10


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def work(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    """Shows what would end; a POST withdraws, or puts back."""
    try:
        labeler = works.find_labeler(project, pk=person_id)
    except Missing as error:
        raise Http404(error.detail) from error
    if request.method == "POST" and request.POST.get("act") in ("withdraw", "restore"):
        messages.success(request, _done(request, project, labeler))
        return redirect("person_work", project.slug, person_id)
    context = {
        "project": project,
        "labeler": labeler,
        "goes": works.foresee(project, labeler),
        "withdrawal": works.withdrawal_of(project, labeler),
        "versions_shown": VERSIONS_SHOWN,
    }
    return render(request, "labeling/people/work/work.html", context)


def _done(request: SignedIn, project: Project, labeler: User) -> str:
    if request.POST["act"] == "withdraw":
        done = works.withdraw(project, labeler, by=request.user, seconds=ACT_SECONDS)
        words = ngettext("%(n)s ranking withdrawn.", "%(n)s rankings withdrawn.", done.rankings)
    else:
        done = works.restore(project, labeler, seconds=ACT_SECONDS)
        words = ngettext("%(n)s ranking put back.", "%(n)s rankings put back.", done.rankings)
    words %= {"n": whole(done.rankings)}
    return words if done.finished else f"{words} {_('There are more: go on below.')}"
