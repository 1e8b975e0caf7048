"""Withdrawing a person's work, all or from a day on: first what it would mean, then the act; and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.withdrawing import work as works
from labeling.data.withdrawing.work import Work
from labeling.errors import Missing
from labeling.forms.withdrawing import SinceForm
from labeling.judgements.phrases import whole
from labeling.models import Membership, Project, Role, User
from labeling.views.doors import SignedIn, project_page
from labeling.views.people.links import to_rankings

ACT_SECONDS = 20.0  # so that nobody waits longer for a page; the same again goes on
VERSIONS_SHOWN = 10


@dataclass(frozen=True)
class Suggestion:
    """A day from which on withdrawing is likely wanted, and what happened on it."""

    day: date
    words: str


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def work(request: SignedIn, project: Project, person_id: int) -> HttpResponse:
    """Shows what would end, of all or from a day on; a POST withdraws that, or puts all back."""
    try:
        labeler = works.find_labeler(project, pk=person_id)
    except Missing as error:
        raise Http404(error.detail) from error
    form = SinceForm(request.POST if request.method == "POST" else request.GET)
    since = form.cleaned_data["since"] if form.is_valid() else None
    act = request.POST.get("act")
    if act == "restore" or (act == "withdraw" and form.is_valid()):
        done = _do(request, project, labeler, since)
        here = reverse("person_work", args=[project.slug, person_id])
        go_on = since and act == "withdraw" and not done.finished
        return redirect(f"{here}?since={since}" if go_on else here)
    withdrawal = works.withdrawal_of(project, labeler)
    goes = works.foresee(project, labeler, since=since)
    context = {
        "project": project,
        "labeler": labeler,
        "form": form,
        "since": since,
        "suggestions": _suggestions(project, labeler),
        "goes": goes,
        "goes_from": _newest_first(goes.versions),
        "these_url": to_rankings(project, labeler.username, since=since),
        "withdrawal": withdrawal,
        "kept_in": _newest_first(withdrawal.versions) if withdrawal else [],
        "versions_shown": VERSIONS_SHOWN,
    }
    return render(request, "labeling/people/work/work.html", context, status=200 if form.is_valid() else 422)


def _newest_first(versions: Mapping[str, int | None]) -> list[tuple[str, int | None]]:
    return sorted(versions.items(), key=lambda each: int(each[0]), reverse=True)


def _suggestions(project: Project, labeler: User) -> list[Suggestion]:
    """Gives the days on which checks warned, paused or stopped the person, the earliest first, each once."""
    member = project.memberships.filter(user=labeler).first()
    if member is None:
        return []
    stopped = member.pause == Membership.Pause.STOPPED
    at = ((member.warned_at, _("warned")), (member.paused_at, _("stopped") if stopped else _("paused")))
    days: dict[date, list[str]] = {}
    for moment, words in at:
        if moment is not None:
            days.setdefault(timezone.localdate(moment), []).append(words)
    return [Suggestion(day, ", ".join(words)) for day, words in sorted(days.items())]


def _do(request: SignedIn, project: Project, labeler: User, since: date | None) -> Work:
    """Withdraws or puts back, and says how much."""
    if request.POST["act"] == "withdraw":
        done = works.withdraw(project, labeler, by=request.user, since=since, seconds=ACT_SECONDS)
        words = ngettext("%(n)s ranking withdrawn.", "%(n)s rankings withdrawn.", done.rankings)
    else:
        done = works.restore(project, labeler, seconds=ACT_SECONDS)
        words = ngettext("%(n)s ranking put back.", "%(n)s rankings put back.", done.rankings)
    words %= {"n": whole(done.rankings)}
    messages.success(request, words if done.finished else f"{words} {_('There are more: go on below.')}")
    return done
