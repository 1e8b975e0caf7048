"""An account's page, for administrators: where it is, and whether it may log in."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.leaving import erasures
from labeling.errors import Missing, PodiumError
from labeling.models import Membership, User
from labeling.people import deactivation
from labeling.people.deactivation import Ended
from labeling.views.doors import SignedIn, page_of, signed_in


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def account(request: SignedIn, person_id: int) -> HttpResponse:
    """Shows the account; a POST deactivates it or lets it log in again."""
    found = find(request, person_id)
    if request.method == "POST" and request.POST.get("act") in ("deactivate", "reactivate"):
        try:
            messages.success(request, _done(request, found))
        except PodiumError as error:
            messages.error(request, error.detail)
        return redirect("account", person_id)
    there = Membership.objects.filter(user=found, project__deleted_at=None).select_related("project")
    context = {
        "account": found,
        "erasure": erasures.erasure_of(found),
        "page": page_of(request, there.order_by("project__name", "pk")),
    }
    return render(request, "labeling/people/account/account.html", context)


def find(request: SignedIn, person_id: int) -> User:
    try:
        return deactivation.find(request.user, pk=person_id)
    except Missing as error:
        raise Http404(error.detail) from error


def _done(request: SignedIn, account: User) -> str:
    if request.POST["act"] == "reactivate":
        deactivation.reactivate(account, by=request.user)
        return _("%(name)s can log in again.") % {"name": account.username}
    ended = deactivation.deactivate(account, by=request.user)
    return " ".join([_("%(name)s is deactivated and logged out.") % {"name": account.username}, *_in_words(ended)])


def _in_words(ended: Ended) -> list[str]:
    tokens, tasks, asked = ended.tokens, ended.tasks, ended.invitations
    words = [
        (tokens, ngettext("%(n)d API token ended.", "%(n)d API tokens ended.", tokens)),
        (tasks, ngettext("%(n)d task is in the queue again.", "%(n)d tasks are in the queue again.", tasks)),
        (
            asked,
            ngettext("%(n)d open invitation opens nothing now.", "%(n)d open invitations open nothing now.", asked),
        ),
    ]
    return [phrase % {"n": n} for n, phrase in words if n]
