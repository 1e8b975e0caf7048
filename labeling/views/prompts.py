"""The prompts of a project: the list with each one's state, and the upload."""

from __future__ import annotations

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from labeling import access, intake, messages
from labeling.forms import UploadForm
from labeling.models import Assignment, Project, Prompt, Ranking, Role
from labeling.views.doors import SignedIn, page_of, posted, project_page

# The list's filters: name -> (label, condition on the counted rows).
FILTERS: dict[str, tuple[Promise, Q]] = {
    "all": (gettext_lazy("All"), Q()),
    "waiting": (gettext_lazy("Waiting"), Q(held_at=None, n_rankings__lt=F("overlap"))),
    "ranked": (gettext_lazy("Ranked"), Q(n_rankings__gte=F("overlap"))),
    "held": (gettext_lazy("Can't be ranked"), Q(held_at__isnull=False)),
}
SHOWN_ERRORS = 100
CLIP = 160


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.REVIEWER)
def prompts(request: SignedIn, project: Project) -> HttpResponse:
    is_manager = access.role_in(request.user, project) == Role.MANAGER
    form = UploadForm(posted(request), request.FILES or None)
    report = None
    if request.method == "POST":
        access.get_project(request.user, project.slug, at_least=Role.MANAGER)
        if form.is_valid():
            report = intake.import_lines(project, form.cleaned_data["file"])
            form = UploadForm()
    chosen = request.GET.get("show", "all")
    label, condition = FILTERS.get(chosen, FILTERS["all"])
    page = page_of(request, counted(project).filter(condition), size=50)
    context = {
        "project": project,
        "is_manager": is_manager,
        "form": form,
        "report": report,
        "shown_errors": report.errors[:SHOWN_ERRORS] if report else [],
        "filters": [(name, words) for name, (words, _) in FILTERS.items()],
        "chosen": chosen if chosen in FILTERS else "all",
        "chosen_label": label,
        "page": page,
        "rows": [(prompt, first_words(prompt)) for prompt in page],
        "query": f"show={chosen}&" if chosen in FILTERS and chosen != "all" else "",
    }
    return render(request, "labeling/prompts.html", context)


def counted(project: Project) -> QuerySet[Prompt]:
    """The prompts with the numbers their state is told by. Subqueries, because two joins would multiply the counts."""
    live = Ranking.objects.filter(prompt=OuterRef("pk"), live=True).order_by().values("prompt")
    open_now = Assignment.objects.filter(
        prompt=OuterRef("pk"), state=Assignment.State.CLAIMED, expires_at__gt=timezone.now()
    )
    return project.prompts.annotate(
        n_rankings=Coalesce(Subquery(live.annotate(n=Count("pk")).values("n")), 0),
        n_open=Coalesce(Subquery(open_now.order_by().values("prompt").annotate(n=Count("pk")).values("n")), 0),
        n_completions=Count("completions"),
    ).order_by("id")


def first_words(prompt: Prompt) -> str:
    text = " ".join(messages.as_text(prompt.messages[-1:]).split())
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"
