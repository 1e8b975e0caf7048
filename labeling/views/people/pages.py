"""The people of a project: the list of them, their roles, and invitation links."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import push_url

from labeling.errors import PodiumError
from labeling.forms.errors import add_error
from labeling.forms.people import InviteForm, MemberForm, PeopleForm
from labeling.judgements.phrases import whole
from labeling.models import Invitation, Project, Role, User
from labeling.people import invitations, members
from labeling.people.invitation_lists import Outcome, Wanted, invite_all
from labeling.people.project_people import MOST_SORTED, NEWEST_TIMED, People, Person, Standing
from labeling.projects.projects import read_whole
from labeling.quality.checks.people import Checks, checks_of_people
from labeling.quality.practising import standing
from labeling.quality.practising.standing import InShort
from labeling.views.doors import SignedIn, posted, project_page
from labeling.views.people.links import to_answers, to_rankings

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ADD = "add-%s"  # ids of the second form on the page, apart from those of the first
SHOWN = 50
# Of each column its order, its name, and whether the highest comes first.
COLUMNS = (
    ("name", gettext_lazy("Person"), False),
    ("role", gettext_lazy("Role"), False),
    ("joined", gettext_lazy("Joined"), True),
    ("rankings", gettext_lazy("Rankings"), True),
    ("today", gettext_lazy("Today"), True),
    ("last_ranked", gettext_lazy("Last ranking"), True),
    ("seconds", gettext_lazy("Time for one"), True),
)
NUMBERS = ("rankings", "today", "seconds")


@dataclass(frozen=True)
class Column:
    """A column's head. direction: by which the list is sorted by it now, as aria-sort says it; else empty."""

    name: str
    label: StrOrPromise
    query: str
    direction: str

    @property
    def is_number(self) -> bool:
        return self.name in NUMBERS


@dataclass(frozen=True)
class Row:
    person: Person
    rankings_url: str
    today_url: str
    seconds: str
    checks: Checks | None = None  # what gold and repeats say of their care
    qualification: InShort | None = None


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def people(request: SignedIn, project: Project) -> HttpResponse:
    """Shows the list; a POST makes invitations, whose links are on the answer's page and never again. Lines that are
    wrong come back with what is wrong; the others are invited."""
    form = InviteForm(posted(request))
    made: list[Outcome] = []
    problems: list[str] = []
    if form.is_valid():
        try:
            outcomes = _invited(project, request.user, form)
        except PodiumError as error:
            add_error(form, error)
        else:
            made = [outcome for outcome in outcomes if outcome.invitation]
            problems = [outcome.problem for outcome in outcomes if outcome.problem]
            refused = "\n".join(outcome.wanted.line for outcome in outcomes if outcome.problem)
            form = InviteForm(initial={"people": refused, "role": form.cleaned_data["role"]})
    status = 422 if form.errors or (problems and not made) else 200
    return _page(request, project, invite_form=form, made=made, problems=problems, status=status)


def _invited(project: Project, by: User, form: InviteForm) -> list[Outcome]:
    """Invites who is named; where nobody is, whoever gets the link."""
    role = form.cleaned_data["role"]
    if lines := form.lines():
        return invite_all(project, by=by, role=role, lines=lines)
    return [Outcome(Wanted(""), *invitations.invite(project, by=by, role=role))]


@require_POST
@project_page(Role.MANAGER)
def ask(request: SignedIn, project: Project) -> HttpResponse:
    """Invites an account by its name, and never tells whether there is one."""
    form = MemberForm(request.POST, auto_id=ADD)
    if form.is_valid() and _asked(request, project, form=form, **form.cleaned_data):
        return redirect("people", project.slug)
    return _page(request, project, member_form=form, status=422)


@require_POST
@project_page(Role.MANAGER)
def set_member(request: SignedIn, project: Project) -> HttpResponse:
    """Changes a member's role."""
    form = MemberForm(request.POST, auto_id=ADD)
    if not form.is_valid():
        return _page(request, project, member_form=form, status=422)
    try:
        membership = members.set_member(project, by=request.user, **form.cleaned_data)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        values = {"name": form.cleaned_data["username"], "role": membership.get_role_display()}
        messages.success(request, _("%(name)s has the role %(role)s now.") % values)
        return redirect("person", project.slug, membership.user_id)
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def remove_member(request: SignedIn, project: Project) -> HttpResponse:
    username = request.POST.get("username", "")
    try:
        members.remove_member(project, username=username)
    except PodiumError as error:
        messages.error(request, error.detail)
    else:
        messages.success(request, _("%(name)s is out of the project. What they ranked stays.") % {"name": username})
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def withdraw(request: SignedIn, project: Project, invitation_id: int) -> HttpResponse:
    with _known():
        invitations.withdraw(project, invitation_id)
    messages.success(request, _("The invitation is withdrawn; nobody can use it any more."))
    return redirect("people", project.slug)


@require_POST
@project_page(Role.MANAGER)
def renew(request: SignedIn, project: Project, invitation_id: int) -> HttpResponse:
    """Shows a new link on the answer's page, and never again; the old one opens nothing any more. A name is asked
    again."""
    with _known():
        invitation = invitations.open_in(project).get(pk=invitation_id)
        if not invitation.username:
            token = invitations.renew(project, invitation, by=request.user)
            wanted = Wanted("", invitation.name or invitation.note, invitation.email)
            return _page(request, project, made=[Outcome(wanted, invitation, token)])
    _asked(request, project, username=invitation.username, role=invitation.role)
    return redirect("people", project.slug)


def _asked(request: SignedIn, project: Project, *, username: str, role: str, form: MemberForm | None = None) -> bool:
    """Says what became of it above the page, or at the form where there is one."""
    try:
        invitation = invitations.ask(project, by=request.user, username=username, role=role)
    except PodiumError as error:
        if form is None:
            messages.error(request, error.detail)
        else:
            add_error(form, error)
        return False
    messages.success(request, invitations.asked_of(invitation.username))
    return True


@contextmanager
def _known() -> Iterator[None]:
    try:
        yield
    except Invitation.DoesNotExist as error:
        raise Http404(str(error)) from error


def _page(
    request: SignedIn,
    project: Project,
    *,
    invite_form: InviteForm | None = None,
    member_form: MemberForm | None = None,
    made: Sequence[Outcome] = (),
    problems: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    form = PeopleForm(request.GET)
    context = {
        **_listed(request, project, form),
        "project": project,
        "open_invitations": invitations.open_in(project),
        "invite_form": invite_form or InviteForm(),
        "member_form": member_form or MemberForm(auto_id=ADD),
        "links": [
            (each.wanted.words, request.build_absolute_uri(reverse("invitation", args=[each.token]))) for each in made
        ],
        "problems": problems,
    }
    response = render(request, "labeling/people/people.html", context, status=status)
    # A form says all its fields, and most of them nothing: whoever copies the address gets those that narrow.
    return push_url(response, f"{request.path}?{query}" if (query := form.query) else request.path)


def _listed(request: SignedIn, project: Project, form: PeopleForm) -> dict[str, object]:
    """Gives what the list shows: one page of it, in the order that the address asks for."""
    found = People(project, form.wanted())
    page = Paginator(found, SHOWN).get_page(request.GET.get("page"))
    shown = list(page)
    checks = checks_of_people(project, [person.id for person in shown])
    qualified = standing.of_people(read_whole(project), [person.id for person in shown])
    return {
        "form": form,
        "page": page,
        "rows": [
            replace(_row(project, person), checks=checks.get(person.id), qualification=qualified.get(person.id))
            for person in shown
        ],
        "has_checks": bool(checks),
        "has_qualification": bool(project.qualify_items),
        "columns": _columns(form),
        "of_standing": ", ".join(
            _STANDING[each](n) % {"n": whole(n)} for each in Standing if (n := found.of_standing.get(each))
        ),
        "n": sum(found.of_standing.values()),
        "most_sorted": MOST_SORTED if found.leaves_out else 0,
        "timed": NEWEST_TIMED,
        "query": f"{form.query}&" if form.query else "",
    }


_STANDING: dict[Standing, Callable[[int], str]] = {
    Standing.ACTIVE: lambda n: ngettext("%(n)s works here", "%(n)s work here", n),
    Standing.DEACTIVATED: lambda n: ngettext("%(n)s is deactivated", "%(n)s are deactivated", n),
    Standing.LEFT: lambda n: ngettext("%(n)s left", "%(n)s left", n),
    Standing.IMPORTED: lambda n: ngettext("%(n)s came with an import", "%(n)s came with imports", n),
}


def _row(project: Project, person: Person) -> Row:
    today = to_answers(project, person.username, since=timezone.localdate())
    seconds = "" if person.seconds is None else _("%(seconds)s s") % {"seconds": floatformat(person.seconds, 0)}
    return Row(person, to_rankings(project, person.username), today, seconds)


def _columns(form: PeopleForm) -> list[Column]:
    wanted, columns = form.wanted(), []
    for name, label, highest_first in COLUMNS:
        is_here = name == wanted.sort
        descending = not wanted.descending if is_here else highest_first
        query = urlencode({"sort": f"-{name}" if descending else name})
        narrowing = f"{form.narrowing}&" if form.narrowing else ""
        direction = ("descending" if wanted.descending else "ascending") if is_here else ""
        columns.append(Column(name, label, narrowing + query, direction))
    return columns
