"""What every page's door does: who is there, which project, what page of a list."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from django.contrib.auth.decorators import login_required
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django_htmx.http import HttpResponseClientRefresh

from labeling.models import Project, Role, User
from labeling.people import access

P = ParamSpec("P")
M = TypeVar("M", bound=Model)


class SignedIn(HttpRequest):
    """A request whose user is known: what login_required lets through."""

    user: User


ProjectView = Callable[Concatenate[SignedIn, Project, P], HttpResponseBase]
Door = Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]


def signed_in(view: Callable[Concatenate[SignedIn, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Sends anyone else to the login page."""

    @wraps(view)
    def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        return view(cast(SignedIn, request), *args, **kwargs)

    return _needs_login(door)


def project_page(at_least: Role) -> Callable[[ProjectView[P]], Callable[..., HttpResponseBase]]:
    """Gives the view the project of the URL's slug. A stranger gets 404, a member of a lower role 403."""

    def decorate(view: ProjectView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def door(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            try:
                project = access.get_project(cast(SignedIn, request).user, slug, at_least=at_least)
            except Project.DoesNotExist as error:
                raise Http404(str(error)) from error
            return view(cast(SignedIn, request), project, *args, **kwargs)

        return _needs_login(door)

    return decorate


def _needs_login(door: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Sends a stranger to the login page. A page that asks for a part of itself is loaded anew and sent there whole:
    htmx would follow the redirect and put the login page into the part's place.
    """
    guarded = login_required(door)

    @wraps(door)
    def guard(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        is_part = request.method == "GET" and bool(getattr(request, "htmx", False))
        if is_part and not request.user.is_authenticated:
            return HttpResponseClientRefresh()
        return guarded(request, *args, **kwargs)

    return guard


def posted(request: HttpRequest) -> QueryDict | None:
    """Gives what a form was sent with; None where the page is only looked at."""
    return request.POST if request.method == "POST" else None


def page_of(request: HttpRequest, rows: QuerySet[M], *, size: int = 25) -> Page[M]:
    """Gives the page that ?page= asks for; the nearest one where there is no such page."""
    return Paginator(rows, size).get_page(request.GET.get("page"))
