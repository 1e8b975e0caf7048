"""Gold: the list of it with how each was answered, and making a prompt gold or taking it back."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from labeling.board.pictures import Picture, picture_of_gold
from labeling.errors import Missing, PodiumError
from labeling.models import Completion, GoldAnswer, Project, Prompt, Ranking, Role
from labeling.people import access
from labeling.projects import counters
from labeling.projects.projects import read_whole
from labeling.quality.checks import acting, golds, lists
from labeling.quality.practising import standing
from labeling.views.doors import SignedIn, project_page
from labeling.views.prompts import find_prompt, first_words
from labeling.views.stretches import stretch_of

SHOWN = 50
MOST = 2**63 - 1  # of a key


@require_safe
@project_page(Role.REVIEWER)
def index(request: SignedIn, project: Project) -> HttpResponse:
    places = Completion.objects.only("prompt_id", "position")  # long texts stay where they are
    rows = GoldAnswer.objects.filter(project=project).select_related("prompt", "created_by")
    rows = rows.prefetch_related(Prefetch("prompt__completions", places))
    page = stretch_of(request, rows, size=SHOWN, newest_first=True)
    found = lists.answered(page.rows)
    read_whole(project)
    context = {
        "project": project,
        "n": counters.of(project).total.gold,
        "page": page,
        "rows": [(each, *_shown(each.gold)) for each in found],
        "people": acting.waiting_for_a_decision(project),
        "failed": standing.waiting_for_a_decision(project),
        "is_reviewer": access.role_in(request.user, project) != Role.MANAGER,
        "query": "",
    }
    return render(request, "labeling/checks/golds.html", context)


def _shown(gold: GoldAnswer) -> tuple[str, Picture]:
    prompt = gold.prompt
    return first_words(prompt) or prompt.external_id, picture_of_gold(gold, prompt.completions.all())


@require_POST
@project_page(Role.MANAGER)
def gold(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Makes the prompt gold by one of its rankings, to check or to practise on, or takes it back. Twice is harmless."""
    prompt = find_prompt(project, prompt_id)
    try:
        if request.POST.get("act") == "take_back":
            golds.take_back(project, prompt)
            messages.success(request, _("It is gold no more, and in the queue again."))
        elif request.POST.get("act") == "practise":
            golds.use_for_practice(project, prompt)
            messages.success(request, _("Labelers practise on it now, and read why once they answered."))
        else:
            messages.success(request, _made(request, project, prompt))
    except PodiumError as error:
        messages.error(request, error.detail)
    return redirect("prompt", project.slug, prompt.pk)


def _made(request: SignedIn, project: Project, prompt: Prompt) -> str:
    ranking = _ranking_of(prompt.pk, request.POST.get("ranking", ""))
    explanation, practice = request.POST.get("explanation", ""), request.POST.get("use") == "practice"
    made = golds.make_from(project, ranking, by=request.user, explanation=explanation, practice=practice)
    if made.practice:
        return _("Labelers practise on it now, and read why once they answered.")
    return _("It is gold now: labelers get it among other tasks, and can't tell.")


def _ranking_of(prompt: int, key: str) -> Ranking:
    wanted = int(key) if key.isascii() and key.isdigit() and len(key) < 20 else 0
    found = Ranking.objects.filter(pk=min(wanted, MOST), prompt=prompt).first()
    if found is None:
        message = _("There is no ranking %(key)s of this prompt. Choose one that is on its page.")
        raise Missing("unknown_ranking", message % {"key": key[:20]}, attr="ranking")
    return found
