"""What the doors of the ranking desk share: the person's own task, its board, and answers for page and script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Avg, Count
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling import content
from labeling.board.form import RankingForm
from labeling.board.task import task_of
from labeling.data.reviewing import sent_back
from labeling.errors import PodiumError
from labeling.models import Assignment, Project, Ranking, Role, User
from labeling.models.rankings import said
from labeling.people import access
from labeling.quality.practising import items
from labeling.queue import skips
from labeling.queue.skips import UNDO_SECONDS
from labeling.views.doors import SignedIn
from labeling.views.history import own_rankings

SCRIPT = "rank-desk"


@dataclass(frozen=True)
class Pace:
    """The person's own day: never anyone else's."""

    today: int
    seconds: float | None
    goal: int | None

    @property
    def day(self) -> str:
        """Gives the day that it is of, as an address says it."""
        return timezone.localdate().isoformat()

    @property
    def in_words(self) -> str:
        """Says it as the page is sent; its script counts on in the same words."""
        words = _("%(today)s of %(goal)s today") if self.goal else _("%(today)s today")
        words %= {"today": self.today, "goal": self.goal}
        if not self.seconds:
            return words
        return f"{words}, " + _("%(seconds)s s each") % {"seconds": floatformat(self.seconds, 0)}


@dataclass(frozen=True)
class Undoable:
    assignment_id: int
    is_skip: bool


def by_script(request: SignedIn) -> bool:
    """Tells whether the page's script asks: it takes fragments and JSON where a browser takes pages and redirects."""
    return request.headers.get("X-Requested-With") == SCRIPT


def own_task(user: User, project: Project, pk: object, *, texts: bool = False) -> Assignment:
    """Raises Http404 for any other. texts: reads those of its completions with it, for what makes a form of them."""
    try:
        assignment = access.get_assignment(user, int(str(pk)), texts=texts)
    except (ValueError, OverflowError, Assignment.DoesNotExist) as error:
        raise Http404("no such task of yours") from error
    if assignment.prompt.project_id != project.pk:
        raise Http404("no such task in this project")
    assignment.prompt.project = project
    return assignment


def show_task(
    request: SignedIn, assignment: Assignment, form: RankingForm | None = None, *, error: str = "", status: int = 200
) -> HttpResponse:
    """Shows the whole page, or for the script the board alone."""
    project = assignment.prompt.project
    context: dict[str, Any] = {
        "project": project,
        "task": task_of(assignment, form or RankingForm.of(assignment)),
        "error": error,
    }
    if by_script(request):
        return render(request, "labeling/board/_task.html", context, status=status)
    context |= {
        "pace": pace_of(request.user, project),
        "guidelines": content.render(project.guidelines),
        "is_labeler": access.role_in(request.user, project) == Role.LABELER,
        "undo": undoable(request.user, project),
        "is_warned": project.warned_who_asked,
        "n_sent_back": sent_back.n_sent_back(request.user, project),
        "first_time": is_first_time(request.user) and items.can_practise(project),
    }
    return render(request, "labeling/board/rank.html", context, status=status)


def refuse(request: SignedIn, assignment: Assignment, form: RankingForm, detail: str) -> HttpResponse:
    """What was sent can't be taken as it is: the board again with what was chosen, and why."""
    if by_script(request):
        return JsonResponse({"detail": detail}, status=422)
    return show_task(request, assignment, form, error=detail, status=422)


def lost(request: SignedIn, project: Project, error: PodiumError) -> HttpResponse:
    """The task is not this person's any more, or is answered: on to the next one, with the reason."""
    if by_script(request):
        return JsonResponse({"detail": error.detail, "code": error.code}, status=409)
    messages.error(request, error.detail)
    return redirect("rank", project.slug)


def done(request: SignedIn, project: Project, words: str, *, undo: str = "") -> HttpResponse:
    if by_script(request):
        pace = pace_of(request.user, project)
        return JsonResponse(
            {
                "said": words,
                "undo": undo,
                "undo_seconds": UNDO_SECONDS,
                "today": pace.today,
                "seconds": pace.seconds and round(pace.seconds),
            }
        )
    messages.success(request, words)
    return redirect("rank", project.slug)


def pace_of(user: User, project: Project) -> Pace:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    today = Ranking.objects.filter(
        said(), labeler=user, created_at__gte=midnight, source=Ranking.Source.LABELED, project=project
    )
    row = today.order_by().aggregate(n=Count("pk"), mean=Avg("active_seconds"))
    return Pace(row["n"], row["mean"], user.daily_goal)


def undoable(user: User, project: Project) -> Undoable | None:
    """Finds what was sent last, a ranking or a skip, while it can still be taken back by one key."""
    ranked = own_rankings(user, project).filter(source=Ranking.Source.LABELED).first()
    if ranked and (timezone.now() - ranked.created_at).total_seconds() >= UNDO_SECONDS:
        ranked = None
    skipped = skips.just_skipped(user, project)
    if skipped and not (ranked and skipped.finished_at and ranked.created_at > skipped.finished_at):
        return Undoable(skipped.pk, is_skip=True)
    return Undoable(ranked.assignment_id, is_skip=False) if ranked else None


def is_first_time(user: User) -> bool:
    return user.tour_seen_at is None and not Ranking.objects.filter(labeler=user).exists()
