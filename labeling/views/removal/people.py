"""Erasing a person: first what would go and what stays, the account's name typed, and then how far it is."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.leaving import erasures
from labeling.errors import Conflict, PodiumError
from labeling.forms.deleting import person_form
from labeling.forms.errors import add_error
from labeling.views.doors import SignedIn, posted, signed_in
from labeling.views.removal.accounts import find

VERSIONS_SHOWN = 10


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def erase(request: SignedIn, person_id: int) -> HttpResponse:
    person = find(request, person_id)
    if erasures.erasure_of(person):  # how far it is, the account's page says
        return redirect("account", person_id)
    form, status = person_form(posted(request), username=person.username), 200
    if form.is_valid():
        try:
            with_work = "with_work" in request.POST
            erasures.request_erasure(person, confirm=form.cleaned_data["confirm"], by=request.user, with_work=with_work)
        except PodiumError as error:
            add_error(form, error)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            messages.success(request, _("This person is being erased, and is logged out."))
            return redirect("account", person_id)
    elif form.errors:
        status = 422
    context = {"account": person, "form": form, "goes": erasures.foresee(person), "versions_shown": VERSIONS_SHOWN}
    return render(request, "labeling/people/account/erase.html", context, status=status)
