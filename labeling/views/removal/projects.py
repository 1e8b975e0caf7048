"""Deleting a project: first what would go, its name typed, and then how far it is."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from labeling.data.deleting import contents, deletions
from labeling.errors import PodiumError
from labeling.forms.deleting import deletion_form
from labeling.forms.errors import add_error
from labeling.models import Project, Role
from labeling.views.doors import SignedIn, page_of, posted, project_page, signed_in


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def delete(request: SignedIn, project: Project) -> HttpResponse:
    form = deletion_form(posted(request), name=project.name)
    if form.is_valid():
        try:
            deletions.request_deletion(project, by=request.user)
        except PodiumError as error:
            add_error(form, error)
        else:
            messages.success(request, _("%(project)s is being deleted.") % {"project": project.name})
            return redirect("deleted_projects")
    context = {"project": project, "form": form, "goes": [each for each in contents.contents_of(project) if each.n]}
    return render(request, "labeling/projects/project_delete.html", context, status=422 if form.errors else 200)


@never_cache
@require_safe
@signed_in
def deleted(request: SignedIn) -> HttpResponse:
    page = page_of(request, deletions.visible_deletions(request.user))
    rows = [(deletion, contents.in_words(deletion.counts)) for deletion in page]
    return render(request, "labeling/projects/deleted_projects.html", {"page": page, "rows": rows})
