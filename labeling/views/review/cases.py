"""The queue of reviews, a case, and what a reviewer does about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from labeling.answers import rankings
from labeling.board.cards import dialogue
from labeling.data.reviewing import acts, cases, decisions, reviewers
from labeling.data.reviewing.reviewers import Reviewer
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Purpose, Ranking, ReviewCase, Role, User
from labeling.people import access
from labeling.views.answers.sides import sides_of
from labeling.views.doors import SignedIn, project_page
from labeling.views.prompts import find_prompt, first_words, with_html
from labeling.views.review.model_words import words_of
from labeling.views.stretches import stretch_of

SHOWN = 50
State = ReviewCase.State
Act = Callable[[SignedIn, ReviewCase, str], Promise]


@require_safe
@project_page(Role.REVIEWER)
def queue(request: SignedIn, project: Project) -> HttpResponse:
    state = request.GET.get("state", State.OPEN)
    state = state if state in State.values else State.OPEN
    reason = request.GET.get("reason", "")
    reason = reason if reason in ReviewCase.Reason.values and state == State.OPEN else ""
    people = reviewers.reviewers_of(project)
    is_reserving = any(each.takes_cases or each.waiting for each in people)
    whose = _whose(request, people) if state == State.OPEN and is_reserving else ""
    narrowed = cases.Whose(whose or cases.Whose.ALL)
    rows = cases.cases_of(project, state=state, reason=reason, whose=narrowed, reader=request.user)
    rows = rows.prefetch_related("prompt__completions")
    page = stretch_of(request, rows, size=SHOWN, newest_first=state == State.CLOSED)
    asked = [f"{name}={value}&" for name, value in (("state", state), ("reason", reason), ("whose", whose)) if value]
    context = {
        "project": project,
        "state": State(state),
        "states": State,
        "reason": reason,
        "waiting": cases.waiting(project, whose=narrowed, reader=request.user),
        "whose": whose,
        "whose_choices": _whose_choices(request, project) if is_reserving else [],
        "most_counted": cases.MOST_COUNTED,
        "reviewers": people,
        "names_reviewers": access.role_in(request.user, project) == Role.MANAGER,
        "page": page,
        "rows": [(case, first_words(case.prompt, alone=_text_alone(case))) for case in page],
        "query": "".join(asked),
    }
    return render(request, "labeling/review/queue.html", context)


def _whose_choices(request: SignedIn, project: Project) -> list[tuple[str, str, int]]:
    """Gives each with its words, and how many cases wait."""
    counts = cases.waiting_by_whose(project, reader=request.user)
    return [(name, str(words), counts[name]) for name, words in cases.Whose.choices]


def _whose(request: SignedIn, people: Sequence[Reviewer]) -> str:
    """Reads which cases are asked for; else a named reviewer's own, and everybody's for others."""
    asked = request.GET.get("whose", "")
    if asked in cases.Whose.values:
        return asked
    is_named = any(each.takes_cases and each.username == request.user.username for each in people)
    return cases.Whose.MINE if is_named else cases.Whose.ALL


@require_safe
@project_page(Role.REVIEWER)
def case(request: SignedIn, project: Project, case_id: int) -> HttpResponse:
    return _show(request, project, find_case(project, case_id))


@require_POST
@project_page(Role.REVIEWER)
def act(request: SignedIn, project: Project, case_id: int) -> HttpResponse:
    """Does what was chosen and says so. Who comes second, and whose reason is missing, is told why."""
    chosen, reason = find_case(project, case_id), request.POST.get("reason", "")
    wanted = ACTS.get(request.POST.get("act", ""))
    if wanted is None:
        raise Http404("no such act")
    try:
        said = wanted(request, chosen, reason)
    except (Invalid, Conflict) as error:
        status = 409 if isinstance(error, Conflict) else 422
        return _show(request, project, find_case(project, case_id), error=error.detail, status=status)
    messages.success(request, str(said))
    if wanted is _reserve:
        return redirect("review_case", project.slug, chosen.pk)
    return redirect("review", project.slug)


@require_POST
@project_page(Role.MANAGER)
def name_reviewers(request: SignedIn, project: Project) -> HttpResponse:
    """Sets who is given new cases."""
    names = request.POST.getlist("reviewer")
    try:
        reviewers.name_reviewers(project, names[: reviewers.MOST], by=request.user)
    except (Invalid, Conflict) as error:
        messages.error(request, error.detail)
        return redirect("review", project.slug)
    if names:
        messages.success(request, _("New reviews go to %(names)s, in equal shares.") % {"names": ", ".join(names)})
    else:
        messages.success(request, _("New reviews are any reviewer's."))
    return redirect(reverse("review", args=[project.slug]) + "?whose=all")


@require_POST
@project_page(Role.REVIEWER)
def ask(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Opens a case of a prompt that a reviewer wants to look into, or finds the one that is open."""
    try:
        found = cases.open_case(find_prompt(project, prompt_id), ReviewCase.Reason.ASKED, by=request.user)
    except Conflict as error:
        messages.error(request, error.detail)
        return redirect("prompt", project.slug, prompt_id)
    return redirect("review_case", project.slug, found.pk)


def find_case(project: Project, case_id: int) -> ReviewCase:
    """Raises Http404 for one of another project."""
    try:
        found = cases.find_case(project, case_id)
    except (ReviewCase.DoesNotExist, OverflowError) as error:
        raise Http404("no such case in this project") from error
    found.project = found.prompt.project = project
    return found


def _show(request: SignedIn, project: Project, case: ReviewCase, *, error: str = "", status: int = 200) -> HttpResponse:
    prompt = find_prompt(project, case.prompt_id)
    prompt.project = project
    completions = with_html(prompt)
    sides = sides_of(prompt, [completion for completion, *_ in completions])
    standing = [row.ranking for row in sides.rows]
    context = {
        "project": project,
        "case": case,
        "prompt": prompt,
        "also": [ReviewCase.Reason(each).label for each in case.also],
        "turns": dialogue(prompt.messages) if prompt.is_dialogue else [],
        "completions": completions,
        "sides": sides,
        "trail": [(each, _what(each.what)) for each in cases.trail(case)],
        "models_word": words_of(case, [completion for completion, *_ in completions], standing),
        "error": error,
        "sent": request.POST,
        "is_party": any(ranking.labeler_id == request.user.pk for ranking in standing),
        "can_be_asked": _can_be_asked(standing, request.user) if case.state == State.OPEN else [],
        "standing": standing,
        "may_act": acts.may_act(case, request.user),
        "reviewers": reviewers.reviewers_of(project) if case.state != State.CLOSED else [],
    }
    return render(request, "labeling/review/case.html", context, status=status)


def _can_be_asked(standing: list[Ranking], reviewer: User) -> list[Ranking]:
    mine = reviewer.pk
    return [each for each in standing if each.source == Ranking.Source.LABELED and each.labeler_id != mine]


def _what(what: str) -> Promise | str:
    """Gives a reason or an outcome in words."""
    labels = dict(ReviewCase.Reason.choices) | dict(ReviewCase.Outcome.choices)
    return labels.get(what, "")


def _text_alone(case: ReviewCase) -> str:
    return "" if case.prompt.is_dialogue else case.prompt.completions.all()[0].text


def _leave(request: SignedIn, case: ReviewCase, reason: str) -> Promise:
    acts.leave(case, by=request.user, words=reason)
    return gettext_lazy("Left as it is. The case is closed.")


def _put_back(request: SignedIn, case: ReviewCase, reason: str) -> Promise:
    acts.put_back(case, by=request.user, words=reason)
    return gettext_lazy("Put back into the queue. It goes to whoever has not had it yet.")


def _discard(request: SignedIn, case: ReviewCase, reason: str) -> Promise:
    acts.discard(case, by=request.user, words=reason)
    return gettext_lazy("Discarded: the prompt is withdrawn with its rankings. A manager can put it back.")


def _send_back(request: SignedIn, case: ReviewCase, reason: str) -> Promise:
    acts.send_back(case, _ranking(request, case), by=request.user, words=reason)
    return gettext_lazy("Sent back. The case returns to this queue with the answer.")


def _decide_as(request: SignedIn, case: ReviewCase, reason: str) -> Promise:
    decisions.decide_as(case, _ranking(request, case), by=request.user, words=reason)
    rankings.notify_ranked(case.project_id)
    return gettext_lazy("Decided. Your ranking stands for this prompt; the others stay as a record.")


def _reserve(request: SignedIn, case: ReviewCase, _reason: str) -> Promise:
    username = request.POST.get("reviewer", "")
    reviewers.reserve(case, username or None, by=request.user)
    if username == request.user.username:
        return gettext_lazy("Reserved for you. Nobody else decides it.")
    if username:
        return format_lazy(gettext_lazy("Reserved for {name}."), name=username)
    return gettext_lazy("Any reviewer may decide it now.")


def _ranking(request: SignedIn, case: ReviewCase) -> Ranking:
    chosen = key_of_text(request.POST.get("ranking", ""))
    found = Ranking.objects.filter(pk=chosen, prompt=case.prompt_id, purpose=Purpose.LABEL).first() if chosen else None
    if found is None:
        raise Invalid("ranking_required", _("Choose whose answer is meant."), attr="ranking")
    return found


def key_of_text(text: str) -> int | None:
    """Reads a key that a form sent; None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


ACTS: dict[str, Act] = {
    "leave": _leave,
    "put_back": _put_back,
    "discard": _discard,
    "send_back": _send_back,
    "decide_as": _decide_as,
    "reserve": _reserve,
}
