"""One filling of the board: what stands on it and where its answer goes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from labeling.board import sentences
from labeling.board.cards import Card, Turn, dialogue
from labeling.board.form import RankingForm
from labeling.judgements import RANKING
from labeling.models import Assignment

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class Task:
    """An empty address leaves its part out."""

    id: str
    action: str
    turns: list[Turn]
    form: RankingForm
    cards: list[Card]
    draft_url: str = ""
    draft_revision: int = 0
    keep_url: str = ""
    ahead_url: str = ""
    compare_url: str = ""
    skip_url: str = ""
    cannot_url: str = ""
    submit: StrOrPromise = RANKING.submit
    cannot: StrOrPromise = RANKING.cannot
    skip_reasons: tuple[str, ...] = sentences.SKIP_REASONS
    unrankable_reasons: tuple[str, ...] = RANKING.cannot_reasons

    @property
    def k(self) -> int:
        return len(self.cards)

    @property
    def best(self) -> int:
        """Gives how many at least are ranked, of which the board tells; 0 where all are."""
        return self.form.asked.top_k

    @property
    def has_slots(self) -> bool:
        """Tells whether completions are placed: one alone is not, and two may be put in order on a scale."""
        return self.k > 1 and not self.form.ask_strength

    @property
    def cards_label(self) -> str:
        return _("Completions") if self.k > 1 else _("Text")

    @property
    def rail_label(self) -> str:
        return _("Your ranking") if self.k > 1 else _("Your answer")

    @property
    def says(self) -> str:
        """Gives what the board's script says, as JSON: it has no words of its own."""
        return json.dumps({name: str(said) for name, said in sentences.SAYS.items()}, ensure_ascii=False)


def task_of(assignment: Assignment, form: RankingForm) -> Task:
    """Makes the board of a task from the queue."""
    project, pk = assignment.prompt.project, assignment.pk
    slug, judgement = project.slug, project.judgement
    return Task(
        id=str(pk),
        action=reverse("rank", args=[slug]),
        turns=dialogue(assignment.prompt.messages) if assignment.prompt.is_dialogue else [],
        form=form,
        cards=form.cards(),
        draft_url=reverse("rank_draft", args=[slug, pk]),
        draft_revision=assignment.draft_revision,
        keep_url=reverse("rank_keep", args=[slug, pk]),
        ahead_url=reverse("rank_ahead", args=[slug, pk]),
        compare_url=reverse("rank_compare", args=[slug, pk]) if len(form.completions) > 1 else "",
        skip_url=reverse("rank_skip", args=[slug, pk]),
        cannot_url=reverse("rank_cannot", args=[slug, pk]),
        submit=judgement.submit,
        cannot=judgement.cannot,
        unrankable_reasons=judgement.cannot_reasons,
    )
