"""The prompts of a project with each one's state, narrowed by what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods
from django_htmx.http import push_url

from labeling.answers import finding_prompts, ordered_prompts
from labeling.answers.finding_prompts import FARTHEST, PromptConditions
from labeling.answers.prompt_orders import Place
from labeling.data.reviewing import cases
from labeling.data.revising import tags
from labeling.errors import Invalid
from labeling.forms.data import PromptsFileForm
from labeling.forms.finding import PLACES, PromptsForm
from labeling.judgements.phrases import whole
from labeling.models import Project, Prompt, Role, SavedView
from labeling.people import access
from labeling.projects import counters
from labeling.queue import skips
from labeling.views.answers.prompt_pages import page_of
from labeling.views.answers.saved_views import views_of_list
from labeling.views.doors import SignedIn, project_page
from labeling.views.prompts import first_words
from labeling.views.stretches import Stretch


@dataclass(frozen=True)
class Filter:
    """A state of prompts as the list shows it; each number has a counter."""

    label: Promise
    number: str  # of counters.Numbers


FILTERS = {
    "all": Filter(gettext_lazy("All"), "stored"),
    "waiting": Filter(gettext_lazy("Waiting"), "waiting"),
    "ranked": Filter(gettext_lazy("Ranked"), "ranked"),
    "held": Filter(gettext_lazy("Set aside"), "held"),
    "gold": Filter(gettext_lazy("Gold"), "gold"),
    "withdrawn": Filter(gettext_lazy("Withdrawn"), "withdrawn"),
}
SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(Role.REVIEWER)
def prompts(request: SignedIn, project: Project) -> HttpResponse:
    if request.method == "POST":
        return _tag(request, project)
    form = _form(request, project)
    asked = form.conditions()
    if (name := form.cleaned_data.get("go")) and (going := _go(project, form, name)):
        return going
    n, n_withdrawn = _numbers(project, asked)
    pages = _pages(n) if _has_pages(form, asked) else None
    if (number := form.cleaned_data.get("page")) and (going := _to_page(project, form, number, pages)):
        return going
    shown = page_of(request, project, form, asked, size=SHOWN)
    page, look = shown.page, shown.look
    alone = skips.left_to_nobody(prompt.pk for prompt in page)
    for prompt in page:
        prompt.nobody_left = prompt.pk in alone
    chosen = asked.state or "all"
    is_manager = access.role_in(request.user, project) == Role.MANAGER
    is_narrowed = bool(replace(asked, state=""))
    context = {
        "project": project,
        "is_manager": is_manager,
        "n_reviews": cases.n_waiting(project),
        "file_form": PromptsFileForm(),
        "form": form,
        **views_of_list(request, project, SavedView.Of.PROMPTS, form.query_without(*PLACES)),
        "go": form["go"],
        "pages": pages,
        "carried": [(name, value) for name, value in form.data.items() if value and name not in PLACES],
        "filters": _filters(form),
        "chosen": chosen,
        "kept_state": asked.state,
        "is_narrowed": is_narrowed,
        "takes_files": is_manager and not (page.rows or is_narrowed or asked.state or form.errors),
        "n": n,
        "n_withdrawn": n_withdrawn,
        "page": page,
        "look": look if (page.before if shown.goes_back else page.after) is None else None,
        "here": request.GET.urlencode(),
        "bulk_query": form.query_without(*PLACES, "order"),
        "goes_back": shown.goes_back,
        "fitting": _fitting(project, page, asked, is_all=look is None and shown.is_whole),
        "rows": [(prompt, first_words(prompt, alone=_text_of(prompt))) for prompt in page],
        "query": f"{form.query_without(*PLACES)}&" if form.query_without(*PLACES) else "",
    }
    response = render(request, "labeling/data/prompts.html", context)
    # A form says all its fields, and most of them nothing: whoever copies the address gets those that narrow.
    return push_url(response, f"{request.path}?{form.query}" if form.query else request.path)


def _tag(request: SignedIn, project: Project) -> HttpResponse:
    """Gives the chosen prompts a tag or takes it from them, and leads back to the list as it was."""
    access.get_project(request.user, project.slug, at_least=Role.MANAGER)
    asked = request.POST
    keys = [int(key) for key in asked.getlist("chosen")[:SHOWN] if key.isascii() and key.isdecimal() and len(key) < 19]
    try:
        tag = tags.read(asked.get("tag", ""))
        removes = asked.get("act") == "remove"
        n = tags.change(project, keys, remove=tag) if removes else tags.change(project, keys, add=tag)
    except Invalid as error:
        notices.error(request, error.detail)
    else:
        if not keys:
            notices.error(request, _("No prompt is chosen: mark the boxes beside them first."))
        elif removes:
            words = ngettext("%(n)s prompt has lost “%(tag)s”.", "%(n)s prompts have lost “%(tag)s”.", n)
            notices.success(request, words % {"n": n, "tag": tag})
        else:
            words = ngettext("%(n)s prompt has got “%(tag)s”.", "%(n)s prompts have got “%(tag)s”.", n)
            notices.success(request, words % {"n": n, "tag": tag})
    if "one" in asked and keys:  # from the prompt's own page
        return redirect("prompt", project.slug, keys[0])
    back = request.GET.urlencode()
    address = redirect("prompts", project.slug)
    address["Location"] += f"?{back}" if back else ""
    return address


def _form(request: SignedIn, project: Project) -> PromptsForm:
    """Reads the address; `show` is an older name of `state`, and all is no state."""
    data = request.GET.dict()
    data.setdefault("state", data.get("show", ""))
    if data["state"] == "all":
        del data["state"]
    return PromptsForm(data, project=project)


def _go(project: Project, form: PromptsForm, name: str) -> HttpResponse | None:
    """Leads to the list from this prompt on; None where there is no such prompt, which the form says."""
    key = finding_prompts.place_of(project, name)
    if key is None:
        message = _("“%(name)s” is no prompt's id here, and no number of one: from 1, in the order of import.")
        form.add_error("go", message % {"name": name})
        return None
    place = ordered_prompts.place_of(project, form.by_value, key) if form.by_value else key
    return None if place is None else _from(project, form, place)


def _to_page(project: Project, form: PromptsForm, number: int, pages: int | None) -> HttpResponse | None:
    """Leads to the page of this number; None where there is none, which the form says."""
    if pages is None:
        message = (
            _("In this order pages have numbers where nothing narrows the list.")
            if form.by_value
            else _("Pages have numbers where the list is narrowed by nothing but the state.")
        )
        form.add_error("page", message)
        return None
    place = _place_at(project, form, SHOWN * (number - 1)) if number <= pages else None
    if place is None:
        words = ngettext("The list has %(n)s page; got %(number)s.", "The list has %(n)s pages; got %(number)s.", pages)
        form.add_error("page", words % {"n": whole(pages), "number": whole(number)})
        return None
    return _from(project, form, place)


def _has_pages(form: PromptsForm, asked: PromptConditions) -> bool:
    """Tells whether an index has just these prompts in this order, by which pages are counted off."""
    if form.by_value:
        return ordered_prompts.has_pages(asked, form.by_value)
    return asked.counted_by_split and not asked.split


def _place_at(project: Project, form: PromptsForm, n: int) -> int | Place | None:
    state = form.cleaned_data.get("state", "")
    if form.by_value:
        return ordered_prompts.place_at(project, PromptConditions(state=state), form.by_value, n)
    return finding_prompts.key_at(project, state, n, down=form.newest_first)


def _pages(n: int | None) -> int | None:
    """Counts the pages that can be gone to by their numbers; None where nobody knows how many prompts there are."""
    return None if n is None else -(-min(n, FARTHEST) // SHOWN)


def _from(project: Project, form: PromptsForm, place: int | Place) -> HttpResponse:
    """Leads to the list from this prompt on."""
    query = form.query_without(*PLACES)
    if isinstance(place, Place):
        after: object = ordered_prompts.just_before(place, form.by_value) if form.by_value else place
    else:
        after = place + 1 if form.newest_first else place - 1
    address = redirect("prompts", project.slug)
    address["Location"] += f"?{query}&after={after}" if query else f"?after={after}"
    return address


def _fitting(project: Project, page: Stretch[Prompt], asked: PromptConditions, *, is_all: bool) -> int | None:
    """Tells how many there are, where all are on the page or words are rare; None where nobody knows."""
    if is_all:
        return len(page.rows)
    if asked.found is None or asked.needs_a_look:
        return None
    return finding_prompts.meeting(project.prompts.all(), asked).count()


def _filters(form: PromptsForm) -> list[tuple[str, Promise, str]]:
    """Gives each state's name, words and address, with what else narrows the list."""
    rest = form.query_without("state", *PLACES)
    queries = {name: "&".join(filter(None, [f"state={name}" if name != "all" else "", rest])) for name in FILTERS}
    return [(name, each.label, f"?{queries[name]}") for name, each in FILTERS.items()]


def _numbers(project: Project, asked: PromptConditions) -> tuple[int | None, int]:
    """Tells how many there are, where the counters know it, and of all how many are withdrawn, which no other page's
    number has."""
    if not asked.counted_by_split:
        return None, 0
    counts = counters.of(project)
    numbers = counts.of(asked.split) if asked.split else counts.total
    return int(getattr(numbers, FILTERS[asked.state or "all"].number)), 0 if asked.state else numbers.withdrawn


def _text_of(prompt: Prompt) -> str:
    """Gives what stands in for a prompt where there is none: the text that stands alone. Of an erased one nothing is
    left, and where no texts are listed none were read."""
    has_text = prompt.project.judgement.lists_texts and not prompt.is_dialogue
    return prompt.completions.all()[0].text if has_text else ""
