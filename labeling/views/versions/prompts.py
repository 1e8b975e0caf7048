"""The prompts of a version as they were frozen, by their place in its file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import messages as notices
from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from formats import messages
from labeling import content
from labeling.board.cards import dialogue
from labeling.data.versions import frozen_places
from labeling.data.versions.datasets import UNREADABLE
from labeling.data.versions.kept_results import file_missing
from labeling.models import DatasetVersion, Project, Role, Split
from labeling.views.doors import SignedIn, project_page
from labeling.views.versions.pages import version_of

SHOWN = 50
CLIP = 160
LONGEST_ID = 200


class _Places:
    """The rows of a version, as a paginator takes them."""

    def __init__(self, version: DatasetVersion, *, texts: bool) -> None:
        self.version, self.texts = version, texts

    def __len__(self) -> int:
        return self.version.n_prompts

    def __getitem__(self, part: slice) -> list[frozen_places.Placed]:
        return frozen_places.read_rows(self.version, part.start, part.stop - part.start, texts=self.texts)


@dataclass(frozen=True)
class Ranked:
    """A person's ranking as it was frozen: of each completion its rank and the flags that are true of it."""

    labeler: str
    strength: int | None
    ranks: list[tuple[int, list[str]]]


@require_safe
@project_page(Role.MANAGER)
def prompts(request: SignedIn, project: Project, number: int) -> HttpResponse:
    """Shows a page of them; with ?id= it goes to the one whose row has this id."""
    version = version_of(project, number)
    try:
        return _prompts(request, version)
    except UNREADABLE as error:
        return _unreadable(request, version, error)


def _prompts(request: SignedIn, version: DatasetVersion) -> HttpResponse:
    project, number = version.project, version.number
    if wanted := request.GET.get("id", ""):
        place = frozen_places.find(version, wanted) if len(wanted) <= LONGEST_ID else None
        if place is not None:
            return redirect("version_prompt", project.slug, number, place)
        message = _("Version %(number)s holds no prompt with the id %(id)s.")
        notices.info(request, message % {"number": number, "id": wanted[:LONGEST_ID]})
    rows: Any = _Places(version, texts=project.judgement.lists_texts)
    page: Page[Any] = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    context = {
        "project": project,
        "version": version,
        "page": page,
        "rows": [
            (placed.place, placed.row, Split(placed.row["split"]).label, _first_words(placed.row)) for placed in page
        ],
    }
    return render(request, "labeling/versions/prompts.html", context)


@require_safe
@project_page(Role.MANAGER)
def prompt(request: SignedIn, project: Project, number: int, place: int) -> HttpResponse:
    version = version_of(project, number)
    try:
        row = frozen_places.read_row(version, place)
    except (IndexError, OverflowError) as error:
        raise Http404("no such place in this version") from error
    except UNREADABLE as error:
        return _unreadable(request, version, error)
    turns = dialogue(row["prompt"]) if any(turn["content"].strip() for turn in row["prompt"]) else []
    rankings = list(_rankings(row, {flag["name"]: flag["label"] for flag in project.flags}))
    context = {
        "project": project,
        "version": version,
        "place": place,
        "row": row,
        "split": Split(row["split"]).label,
        "turns": turns,
        "completions": list(zip(row["completions"], _htmls(row), strict=True)),
        "rankings": rankings,
        "today": project.prompts.filter(external_id=row["id"]).only("pk").first(),
        "last": version.n_prompts - 1,
    }
    return render(request, "labeling/versions/prompt.html", context)


def _unreadable(request: SignedIn, version: DatasetVersion, error: Exception) -> HttpResponse:
    notices.error(request, file_missing(error).detail)
    return redirect("version", version.project.slug, version.number)


def _htmls(row: dict[str, Any]) -> list[SafeString]:
    return [content.render(completion["text"]) for completion in row["completions"]]


def _rankings(row: dict[str, Any], labels: dict[str, str]) -> Iterator[Ranked]:
    for ranking in row["rankings"]:
        flags = [[labels.get(name, name) for name, said in one.items() if said] for one in ranking["flags"]]
        yield Ranked(ranking["labeler"], ranking.get("strength"), list(zip(ranking["ranks"], flags, strict=True)))


def _first_words(row: dict[str, Any]) -> str:
    text = " ".join(messages.as_text(row["prompt"][-1:]).split())
    if not text and row.get("completions"):
        text = " ".join(row["completions"][0]["text"].split())
    return text if len(text) <= CLIP else text[: CLIP - 1] + "…"
