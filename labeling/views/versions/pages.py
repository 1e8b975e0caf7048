"""The list of frozen versions, and the page of one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.data.versions import links, notes
from labeling.data.versions.holding import erased_since, names_replaced, withdrawn_since
from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.forms.versions import LinkForm, NoteForm
from labeling.models import DatasetVersion, Project, Role, Split
from labeling.projects import navigation
from labeling.views.doors import SignedIn, page_of, project_page

LINKS_SHOWN = 20


@require_safe
@project_page(Role.MANAGER)
def versions(request: SignedIn, project: Project) -> HttpResponse:
    rows = project.dataset_versions.select_related("created_by", "note")
    return render(request, "labeling/versions/versions.html", {"project": project, "page": page_of(request, rows)})


@require_safe
@project_page(Role.MANAGER)
def version(request: SignedIn, project: Project, number: int) -> HttpResponse:
    return page(request, version_of(project, number))


@require_POST
@project_page(Role.MANAGER)
def note(request: SignedIn, project: Project, number: int) -> HttpResponse:
    chosen = version_of(project, number)
    form = NoteForm(request.POST)
    if form.is_valid():
        text, tags = form.cleaned_data["note"], notes.tags_of(form.cleaned_data["tags"])
        try:
            notes.change(chosen, by=request.user, text=text, tags=tags)
        except PodiumError as error:
            add_error(form, error)
        else:
            messages.success(request, _("The note is saved."))
            return redirect("version", project.slug, number)
    return page(request, chosen, note_form=form, status=422)


def version_of(project: Project, number: int) -> DatasetVersion:
    """Gives the project's version of this number. Raises Http404."""
    return get_object_or_404(project.dataset_versions.select_related("created_by", "project"), number=number)


def page(
    request: SignedIn,
    chosen: DatasetVersion,
    *,
    note_form: NoteForm | None = None,
    link_form: LinkForm | None = None,
    new_link: str = "",
    status: int = 200,
) -> HttpResponse:
    project = chosen.project
    said = notes.of(chosen)
    others = list(project.dataset_versions.exclude(pk=chosen.pk).values_list("number", flat=True)[:200])
    context = {
        "project": project,
        "version": chosen,
        "note": said,
        "note_form": note_form or NoteForm(initial={"note": said.text, "tags": ", ".join(said.tags)}),
        "link_form": link_form or LinkForm(),
        "new_link": new_link,
        "links": links.open_links(project).filter(version=chosen).select_related("created_by")[:LINKS_SHOWN],
        "n_erased": erased_since(chosen),
        "replaced": names_replaced(chosen),
        "withdrawn": withdrawn_since(chosen),
        "splits": [(Split(name).label, chosen.counts.get(name, {})) for name in Split.values],
        "others": others,
        "before": next((number for number in others if number < chosen.number), None),
        "parts": [
            (part, reverse(part.address, args=[project.slug, chosen.number])) for part in navigation.version_parts()
        ],
    }
    return render(request, "labeling/versions/version.html", context, status=status)
