"""What reviewers sent back to a labeler, as she may know it: her own answer and a word, and nobody's name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from labeling.data.reviewing.acts import checked_words
from labeling.data.reviewing.cases import lock_prompt
from labeling.errors import Conflict
from labeling.models import Assignment, Project, ReviewAct, ReviewCase, User
from labeling.models.functions import call

Act = ReviewAct.Act
MOST = 100  # that are listed


@dataclass(frozen=True)
class Word:
    """What was said about one answer: a reviewer's, or hers. act: sent_back, changed or stays."""

    act: str
    words: str
    at: datetime


def sent_back_to(labeler: User, project: Project | None = None) -> QuerySet[ReviewCase]:
    """Gives the cases that await the labeler's answer, the oldest first, each with `words` and `sent_at`."""
    last = ReviewAct.objects.filter(case=OuterRef("pk"), act=Act.SENT_BACK).order_by("-pk")
    rows = ReviewCase.objects.filter(awaits=labeler, state=ReviewCase.State.SENT_BACK)
    rows = rows if project is None else rows.filter(project=project)
    said = rows.annotate(words=Subquery(last.values("words")[:1]), sent_at=Subquery(last.values("at")[:1]))
    return said.select_related("prompt", "project").order_by("pk")


def n_sent_back(labeler: User, project: Project) -> int:
    return ReviewCase.objects.filter(awaits=labeler, state=ReviewCase.State.SENT_BACK, project=project).count()


def case_awaiting(assignment: Assignment) -> ReviewCase | None:
    """Finds what awaits an answer about this task."""
    return sent_back_to(assignment.labeler).filter(sent_back=assignment).first()


def stays(assignment: Assignment, words: str) -> None:
    """Tells the reviewers that the answer stays as it is, with a word. Raises Invalid, Conflict('not_sent_back')."""
    words = checked_words(words, required=True)
    with transaction.atomic():
        lock_prompt(assignment.prompt_id)
        row = call(
            "podium_answer_sent_back",
            task=assignment.pk,
            labeler=assignment.labeler_id,
            how=Act.STAYS,
            said=words,
        )
    if row["answered"] is None:
        message = _("Nobody awaits an answer about this any more: it was answered, or a reviewer went on without it.")
        raise Conflict("not_sent_back", message)


def words_about(assignments: Iterable[int]) -> dict[int, list[Word]]:
    """Gives what was said about each task that was ever sent back, oldest first. One statement."""
    acts = ReviewAct.objects.filter(assignment__in=list(assignments), act__in=(Act.SENT_BACK, Act.CHANGED, Act.STAYS))
    found: dict[int, list[Word]] = {}
    for act in acts.order_by("pk"):
        assert act.assignment_id is not None
        found.setdefault(act.assignment_id, []).append(Word(act.act, act.words, act.at))
    return found
