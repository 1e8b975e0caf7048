"""Cases: opened by a rule or a person, found, counted by their reasons, and each with its trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Count, IntegerField, QuerySet, Subquery, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from labeling.data.reviewing.evidence import Evidence
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Prompt, Purpose, Ranking, ReviewAct, ReviewCase, User
from labeling.models.functions import call
from labeling.people.access import Visitor

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

Reason, State = ReviewCase.Reason, ReviewCase.State
MOST_ACTS = 100  # of a trail that are shown, the newest
MOST_COUNTED = 1_000  # cases of some that are all, or one person's: what is more is "1,000+"


@dataclass(frozen=True)
class Waiting:
    """How many cases wait under a reason."""

    reason: str
    label: StrOrPromise
    n: int


def open_case(
    prompt: Prompt, reason: ReviewCase.Reason, *, by: User | None = None, evidence: Evidence | None = None
) -> ReviewCase:
    """Opens a case, or adds the reason to the one that is open, and evidence where it has none. Twice is harmless.

    Raises Conflict('prompt_withdrawn').
    """
    with transaction.atomic():
        lock_prompt(prompt.pk)
        row = call("podium_open_case", prompt=prompt.pk, why=reason, who=by and by.pk)
        if evidence is not None:
            opened = ReviewCase.objects.filter(pk=row["podium_open_case"], evidence__isnull=True)
            opened.update(evidence=evidence.stored())
    if row["podium_open_case"] is None:
        raise Conflict("prompt_withdrawn", _("This prompt was withdrawn, so there is nothing to review."))
    return ReviewCase.objects.get(pk=row["podium_open_case"])


def open_case_of(prompt: Prompt) -> ReviewCase | None:
    """Finds the case of the prompt that is not closed."""
    return ReviewCase.objects.filter(prompt=prompt).exclude(state=State.CLOSED).first()


class Whose(TextChoices):
    """Which cases, by whose they are to decide."""

    ALL = "all", gettext_lazy("All")
    MINE = "mine", gettext_lazy("Yours")
    NOBODYS = "nobodys", gettext_lazy("Any reviewer's")


def cases_of(
    project: Project,
    *,
    state: str = State.OPEN,
    reason: str = "",
    whose: str = Whose.ALL,
    reader: Visitor | None = None,
) -> QuerySet[ReviewCase]:
    """Gives a project's cases in a state, under a reason if one is named, and of those the reader's or nobody's."""
    rows = ReviewCase.objects.filter(project=project, state=state)
    if whose == Whose.MINE and reader is not None:
        rows = rows.filter(reviewer=reader.pk)
    elif whose == Whose.NOBODYS:
        rows = rows.filter(reviewer=None)
    return (rows.filter(reason=reason) if reason else rows).select_related("prompt", "awaits", "reviewer")


def find_case(project: Project, key: int) -> ReviewCase:
    """Raises ReviewCase.DoesNotExist for one of another project."""
    return ReviewCase.objects.select_related("prompt", "awaits", "reviewer").get(project=project, pk=key)


def find_ranking(case: ReviewCase, key: int) -> Ranking:
    """Finds a ranking of the case's prompt. Raises Invalid('unknown_ranking')."""
    found = Ranking.objects.filter(pk=key, prompt=case.prompt_id, purpose=Purpose.LABEL).first()
    if found is None:
        message = _("There is no ranking %(key)s of this prompt.")
        raise Invalid("unknown_ranking", message % {"key": key}, attr="ranking")
    return found


def waiting(project: Project, *, whose: str = Whose.ALL, reader: Visitor | None = None) -> list[Waiting]:
    """Counts the cases that wait, under the reasons that have some, the gravest first. By an index of these alone."""
    rows = cases_of(project, whose=whose, reader=reader).select_related(None).order_by().values_list("reason")
    counts = dict(rows.annotate(n=Count("pk")))
    return [Waiting(reason, reason.label, counts[reason]) for reason in Reason if reason in counts]


def waiting_by_whose(project: Project, *, reader: Visitor) -> dict[str, int]:
    """Counts the cases that wait, of each of Whose, by one statement: MOST_COUNTED + 1 where there are more."""
    all_rows = [cases_of(project, whose=whose, reader=reader).select_related(None).order_by() for whose in Whose.values]
    counts = [_Counted(rows.values("pk")[: MOST_COUNTED + 1]) for rows in all_rows]
    row: tuple[int, ...] = Project.objects.filter(pk=project.pk).order_by().values_list(*counts).get()
    return dict(zip(Whose.values, row, strict=True))


class _Counted(Subquery):
    """The number of rows of a query that ends after some."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def n_waiting(project: Project) -> int:
    return ReviewCase.objects.filter(project=project, state=State.OPEN).count()


def trail(case: ReviewCase) -> list[ReviewAct]:
    """Gives what was done about it, oldest first; of very much the newest MOST_ACTS."""
    acts = ReviewAct.objects.filter(case=case).select_related("by", "assignment__labeler", "whom").order_by("-pk")
    return list(acts[:MOST_ACTS])[::-1]


def lock_prompt(key: int) -> None:
    """Locks the prompt before its case, as whoever changes the prompt does by the trigger."""
    list(Prompt.objects.select_for_update().filter(pk=key).values_list("pk"))
