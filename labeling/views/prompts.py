"""The prompts of a project: the list with each one's state, and one prompt with its completions."""

from __future__ import annotations

import json

from django.contrib import messages as notices
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from formats import messages
from labeling import content
from labeling.board.cards import dialogue
from labeling.board.pictures import Picture, picture_of_gold
from labeling.data.reviewing import cases
from labeling.data.revising import erasures, revisions
from labeling.data.versions.holding import versions_with
from labeling.errors import Outdated, PodiumError
from labeling.forms.revising import RevisionForm
from labeling.models import Assignment, Completion, Project, Prompt, PromptErasure, Purpose, Role
from labeling.people import access
from labeling.queue import claims, skips
from labeling.views.answers.sides import sides_of
from labeling.views.doors import SignedIn, posted, project_page

VERSIONS_SHOWN = 10
CLIP = 160


@require_safe
@project_page(Role.REVIEWER)
def prompt(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    chosen = find_prompt(project, prompt_id)
    is_manager = access.role_in(request.user, project) == Role.MANAGER
    completions = with_html(chosen)
    context = {
        "project": project,
        "prompt": chosen,
        "turns": dialogue(chosen.messages) if chosen.is_dialogue else [],
        "completions": completions,
        "sides": sides_of(chosen, [completion for completion, *_ in completions]),
        "is_manager": is_manager,
        "gold_picture": _picture_of_gold(chosen, [completion for completion, *_ in completions]),
        "review": cases.open_case_of(chosen),
        "erasure": erasures.erasure_of(chosen) if chosen.withdrawn_at else None,
        "revisions": [
            (each, dialogue(each.messages) if chosen.is_dialogue else []) for each in revisions.earlier(chosen)
        ],
        "revisions_shown": revisions.SHOWN,
        "versions": versions_with(chosen, most=VERSIONS_SHOWN + 1) if is_manager else [],
        "versions_shown": VERSIONS_SHOWN,
        "id_as_line": json.dumps(chosen.external_id),
    }
    return render(request, "labeling/data/prompt.html", context)


def _picture_of_gold(prompt: Prompt, completions: list[Completion]) -> Picture | None:
    gold = getattr(prompt, "gold", None) if prompt.gold_at else None  # it may be taken back meanwhile
    return picture_of_gold(gold, completions) if gold else None


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.MANAGER)
def revise(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Corrects its texts. Who comes second is told, and sees what they wrote; to save it again is to mean it."""
    chosen = find_prompt(project, prompt_id)
    if erasures.erasure_of(chosen):  # there is nothing to correct, and its page says so
        return redirect("prompt", project.slug, prompt_id)
    form, status = RevisionForm(posted(request), prompt=chosen), 200
    if form.is_valid():
        base = form.cleaned_data["revision"]
        try:
            revisions.revise(project, chosen, base=base, by=request.user, messages=form.messages(), texts=form.texts())
        except Outdated as error:
            form.data = {**request.POST.dict(), "revision": str(chosen.revision)}
            form.add_error(None, error.detail)
            status = 409
        except PodiumError as error:
            form.add_error(None, error.detail)
            status = 422
        else:
            return redirect("prompt", project.slug, prompt_id)
    context = {"project": project, "prompt": chosen, "form": form}
    status = 422 if form.errors and status == 200 else status
    return render(request, "labeling/data/prompt_revise.html", context, status=status)


@require_POST
@project_page(Role.REVIEWER)
def put_back(request: SignedIn, project: Project, prompt_id: int) -> HttpResponse:
    """Lets a prompt be ranked after all."""
    claims.return_to_queue(find_prompt(project, prompt_id))
    notices.success(request, _("Put back into the queue. It goes to whoever has not had it yet."))
    return redirect("prompt", project.slug, prompt_id)


def with_html(prompt: Prompt) -> list[tuple[Completion, SafeString, str]]:
    """Gives the completions with their HTML, and the numbers of those that look the same but are other texts."""
    completions = list(prompt.completions.all())
    texts = [completion.text for completion in completions]
    htmls = [content.render(text) for text in texts]
    return [
        (
            completion,
            content.source(completion.text, marks=True) if others else html,
            ", ".join(str(place + 1) for place in others),
        )
        for completion, html, others in zip(completions, htmls, content.look_alike(texts, htmls), strict=True)
    ]


def find_prompt(project: Project, prompt_id: int) -> Prompt:
    try:
        found = counted(project).get(pk=prompt_id)
    except (Prompt.DoesNotExist, OverflowError) as error:
        raise Http404("no such prompt in this project") from error
    found.nobody_left = bool(skips.left_to_nobody([found.pk]))
    return found


def counted(project: Project) -> QuerySet[Prompt]:
    """Gives the prompts with what their state is told by. Subqueries, which are asked of the rows that are shown
    alone."""
    open_now = Assignment.objects.filter(
        prompt=OuterRef("pk"), state=Assignment.State.CLAIMED, purpose=Purpose.LABEL, expires_at__gt=timezone.now()
    )
    completions = Completion.objects.filter(prompt=OuterRef("pk")).order_by().values("prompt")
    # The skip that set it aside, if it is: the last one that was finished when that was noted.
    set_aside = Assignment.objects.filter(
        prompt=OuterRef("pk"), state=Assignment.State.SKIPPED, finished_at__lte=OuterRef("held_at")
    ).order_by("-finished_at")
    return project.prompts.annotate(
        is_open=Exists(open_now),
        n_completions=Coalesce(Subquery(completions.annotate(n=Count("pk")).values("n")), 0),
        is_erased=Exists(PromptErasure.objects.filter(prompt=OuterRef("pk"))),
        held_by=Subquery(set_aside.values("labeler__username")[:1]),
    )


def first_words(prompt: Prompt, *, alone: str = "") -> str:
    text = " ".join(messages.as_text(prompt.messages[-1:]).split()) or " ".join(alone.split())
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"
