"""Erasing a prompt's texts: first what would go and what would keep them, its id typed, and then the prompt's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labeling.data.revising import erasures
from labeling.errors import Conflict, PodiumError
from labeling.forms.deleting import erasure_form
from labeling.forms.errors import add_error
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.prompts import find_prompt

VERSIONS_SHOWN = 10


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def erase(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    prompt = find_prompt(project, prompt_id)
    if erasures.erasure_of(prompt):  # by whom, its page says
        return redirect("prompt", project.slug, prompt_id)
    form, status = erasure_form(posted(request), external_id=prompt.external_id), 200
    if form.is_valid():
        try:
            erasures.erase(project, prompt, confirm=form.cleaned_data["confirm"], by=request.user)
        except PodiumError as error:
            add_error(form, error)
            status = 409 if isinstance(error, Conflict) else 422
        else:
            messages.success(request, _("The texts of prompt %(id)s are erased.") % {"id": prompt.external_id})
            return redirect("prompt", project.slug, prompt_id)
    elif form.errors:
        status = 422
    context = {
        "project": project,
        "prompt": prompt,
        "form": form,
        "goes": erasures.foresee(prompt),
        "versions_shown": VERSIONS_SHOWN,
    }
    return render(request, "labeling/data/erasing/erase.html", context, status=status)
