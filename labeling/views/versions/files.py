"""The file of a version: to download, and by a link that ends."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.data.versions import datasets, kept_results, links
from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.forms.versions import LinkForm
from labeling.models import DatasetVersion, Project, Role, VersionLink
from labeling.people import signin
from labeling.requests import file_answers
from labeling.views.doors import SignedIn, project_page
from labeling.views.versions.pages import page, version_of


@require_safe
@project_page(Role.MANAGER)
def file(request: SignedIn, project: Project, number: int) -> HttpResponseBase:
    return _answer(request, version_of(project, number))


@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponseBase:
    """Gives the file to whoever has the link. 404 for what is no link of ours, 410 for one that ended."""
    try:
        version = links.version_of(token, address=signin.address_of(request))
    except VersionLink.DoesNotExist as error:
        raise Http404("no such link") from error
    except links.Ended:
        message = _("This link has ended or was revoked. Ask whoever gave it to you for a new one.")
        return HttpResponse(message, status=410, content_type="text/plain; charset=utf-8")
    response = _answer(request, version)
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
@project_page(Role.MANAGER)
def link(request: SignedIn, project: Project, number: int) -> HttpResponse:
    version = version_of(project, number)
    form = LinkForm(request.POST)
    if form.is_valid():
        try:
            made = links.make(version, by=request.user, seconds=form.cleaned_data["seconds"])
        except PodiumError as error:
            add_error(form, error)
        else:
            address = request.build_absolute_uri(reverse("version_shared", args=[links.token_of(made)]))
            return page(request, version, new_link=address)
    return page(request, version, link_form=form, status=422)


@require_POST
@project_page(Role.MANAGER)
def revoke(request: SignedIn, project: Project, number: int, link_id: int) -> HttpResponse:
    try:
        links.revoke(version_of(project, number), link_id, by=request.user)
    except (PodiumError, OverflowError) as error:
        raise Http404("no such link") from error
    messages.success(request, _("The link is revoked: it gives nothing any more."))
    return redirect("version", project.slug, number)


def _answer(request: HttpRequest, version: DatasetVersion) -> HttpResponseBase:
    name = datasets.file_name(version)
    try:
        file, sha256 = datasets.opened(version)
        return file_answers.answer(request, file, sha256=sha256, name=name, content_type=datasets.MEDIA_TYPE)
    except OSError as error:
        detail = kept_results.file_missing(error).detail
        return HttpResponse(detail, status=503, content_type="text/plain; charset=utf-8")
