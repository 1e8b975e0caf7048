"""A page of the list of prompts: in the order of import, or of a value of theirs."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from labeling.answers import finding_prompts, ordered_prompts
from labeling.answers.finding_prompts import PromptConditions
from labeling.answers.prompt_orders import Order, Place, read_place
from labeling.forms.finding import PromptsForm
from labeling.models import Project, Prompt
from labeling.views.doors import SignedIn
from labeling.views.prompts import counted
from labeling.views.stretches import Stretch, goes_back, is_whole, key_of, stretch_of, within


@dataclass(frozen=True)
class Look:
    """What a narrowed list went through: n prompts, up to this key or place, and there is more beyond."""

    end: int | Place
    n: int


@dataclass(frozen=True)
class Shown:
    """A page of the list. is_whole: it begins where the list does and has no other page."""

    page: Stretch[Prompt]
    look: Look | None
    goes_back: bool
    is_whole: bool


def page_of(request: SignedIn, project: Project, form: PromptsForm, asked: PromptConditions, *, size: int) -> Shown:
    """Gives the page that the address asks for."""
    if form.by_value:
        return _by_value(request, project, asked, form.by_value, size)
    rows, look = _within_a_look(request, project, asked, newest_first=form.newest_first)
    page: Stretch[Prompt] = stretch_of(request, rows, size=size, newest_first=form.newest_first)
    return Shown(page, look, goes_back(request), is_whole(request, page))


def _by_value(request: SignedIn, project: Project, asked: PromptConditions, order: Order, size: int) -> Shown:
    """Gives a page in the order of a value."""
    after, before = (read_place(request.GET.get(name, ""), order) for name in ("after", "before"))
    found = ordered_prompts.find_page(project, asked, order, size=size, after=after, before=before, or_last=True)
    rows = {prompt.pk: prompt for prompt in _with_texts(project).filter(pk__in=found.keys)}
    page = Stretch([rows[key] for key in found.keys if key in rows], found.before, found.after)
    begins = after is None and before is None and found.after is None
    look = None if found.end is None else Look(found.end, found.looked)
    return Shown(page, look, goes_back=after is None and before is not None, is_whole=begins)


def _with_texts(project: Project) -> QuerySet[Prompt]:
    rows = counted(project)
    return rows.prefetch_related("completions") if project.judgement.lists_texts else rows


def _within_a_look(
    request: SignedIn, project: Project, asked: PromptConditions, *, newest_first: bool
) -> tuple[QuerySet[Prompt], Look | None]:
    """Gives the prompts of one look, and where it ended; None where it went through all there are."""
    rows = finding_prompts.meeting(_with_texts(project), asked)
    if not asked.needs_a_look:
        return rows, None
    from_key = key_of(request, "before" if goes_back(request) else "after")
    down = newest_first != goes_back(request)
    end = finding_prompts.end_of_look(project, asked, from_key=from_key, down=down)
    look = None if end is None else Look(end, asked.looked_through)
    return within(rows, from_key=from_key, end=end, down=down), look
