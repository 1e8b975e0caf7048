"""Attempts at a project's qualification: begun, answered item by item, and counted once all is answered.

Whoever begins or answers locks their membership first, so that of two at once the second sees what the first did. Each
act is one transaction: what is killed half-way has happened or not, and an attempt goes on where it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from labeling.errors import Conflict, Missing
from labeling.models import GoldAnswer, Membership, Project, QualificationAnswer, QualificationAttempt, User
from labeling.quality.checks.verdicts import Checked, share_of
from labeling.quality.practising.items import Answer, Item, items_of, with_texts
from labeling.quality.practising.standing import Standing, standing_of


def begin(project: Project, person: User) -> QualificationAttempt:
    """Gives the person's open attempt, or begins one. Its items are those that they answered longest ago, or never.
    Of an open one it leaves out what is a practice item no more.

    Raises Conflict('no_attempt') where there is none to begin: qualified, no attempts left, too soon, or no items.
    """
    with transaction.atomic():
        found = _open_or_new(project, person)
    if isinstance(found, Standing):  # said outside: what was counted on the way stays counted
        raise Conflict("no_attempt", _why_not(found))
    return found


def _open_or_new(project: Project, person: User) -> QualificationAttempt | Standing:
    member = _locked(project, person)
    standing = standing_of(project, member)
    if standing.open is not None:
        if not _is_over(standing.open, member):
            return standing.open
        standing = standing_of(project, member)
    if not standing.may_begin:
        return standing
    last = QualificationAttempt.objects.filter(project=project, labeler=person).aggregate(n=Max("number"))["n"]
    attempt = QualificationAttempt.objects.create(
        project=project,
        labeler=person,
        number=(last or 0) + 1,
        percent=project.qualify_percent,
        seed=secrets.randbelow(2**63),
        started_at=timezone.now(),
    )
    QualificationAnswer.objects.bulk_create(
        QualificationAnswer(attempt=attempt, prompt_id=prompt, place=place)
        for place, prompt in enumerate(_drawn(project, person), start=1)
    )
    return attempt


def _why_not(standing: Standing) -> str:
    if not standing.is_asked:
        return _("You need no qualification to rank here.")
    if not standing.left:
        return _("There is no attempt left. A reviewer or the project's manager can let you try again.")
    if standing.next_at is not None:
        return _("It is too soon for the next attempt. Its time is on the page of your qualification.")
    return _("The project has no practice items at present. Its manager has to mark some first.")


def _drawn(project: Project, person: User) -> list[int]:
    """Draws prompts: never seen ones at random, then those of the earliest attempts."""
    had = QualificationAnswer.objects.filter(attempt__project=project, attempt__labeler=person)
    seen = dict(had.order_by().values_list("prompt").annotate(last=Max("attempt__number")))
    prompts = list(items_of(project).order_by().values_list("prompt", flat=True))
    secrets.SystemRandom().shuffle(prompts)
    return sorted(prompts, key=lambda prompt: seen.get(prompt, 0))[: project.qualify_items]


def find(project: Project, person: User, number: int, place: int) -> tuple[QualificationAnswer, Item | None]:
    """Finds a person's own item, None where it is one no more. Raises Missing('no_such_item') for any other."""
    row = (
        QualificationAnswer.objects.select_related("attempt")
        .filter(attempt__project=project, attempt__labeler=person, attempt__number=number, place=place)
        .first()
    )
    if row is None:
        raise Missing("no_such_item", _("There is no such item in an attempt of yours."))
    gold = with_texts(GoldAnswer.objects.filter(prompt=row.prompt_id, practice=True)).first()
    return row, Item(gold, row.attempt.seed) if gold else None


def next_place(attempt: QualificationAttempt) -> int | None:
    """Finds the first item that is not answered."""
    return attempt.answers.filter(answered_at=None).order_by("place").values_list("place", flat=True).first()


def answer(project: Project, person: User, number: int, place: int, given: Answer) -> QualificationAnswer:
    """Stores an answer and counts it: once, for what is right is shown then. Twice is harmless, the first one stands.

    Raises Missing('no_such_item') for what is no item of an attempt of theirs, or none any more.
    """
    with transaction.atomic():
        member = _locked(project, person)
        row, item = find(project, person, number, place)
        if row.answered_at is not None:
            return row
        if item is None:
            raise Missing("no_such_item", _("The project's manager took this item back. Go on with the next one."))
        ranks, flags = item.said(given)
        marked = item.marked(project, ranks, flags)
        row.ranks = {str(key): rank for key, rank in ranks.items()}
        row.flags = {str(key): named for key, named in flags.items()}
        row.comparisons, row.right, row.answered_at = marked.total, marked.right, timezone.now()
        row.save(update_fields=["ranks", "flags", "comparisons", "right", "answered_at"])
        if not row.attempt.answers.filter(answered_at=None).exists():
            _finish(row.attempt, member)
    return row


def said_in(row: QualificationAnswer) -> tuple[dict[int, int], dict[int, dict[str, bool]]]:
    """Gives the ranks and flags of an answer by the completions' keys, as Item.marked takes them."""
    ranks: Mapping[str, int] = row.ranks or {}
    flags: Mapping[str, dict[str, bool]] = row.flags or {}
    return {int(key): rank for key, rank in ranks.items()}, {int(key): named for key, named in flags.items()}


def _is_over(attempt: QualificationAttempt, member: Membership | None) -> bool:
    """Leaves out what is a practice item no more. Tells whether nothing is left to answer: then it is counted."""
    waiting = attempt.answers.filter(answered_at=None)
    waiting.exclude(prompt__in=items_of(attempt.project).values("prompt")).delete()
    if waiting.exists():
        return False
    _finish(attempt, member)
    return True


def _finish(attempt: QualificationAttempt, member: Membership | None) -> None:
    """Counts an attempt, or drops one of which nothing was answered: its items were all taken back."""
    rows: list[Any] = list(attempt.answers.exclude(answered_at=None).values_list("comparisons", "right"))
    if not rows:
        attempt.delete()
        return
    share = share_of(Checked(comparisons, right, float(comparisons)) for comparisons, right in rows if comparisons)
    now = timezone.now()
    attempt.finished_at, attempt.items = now, len(rows)
    attempt.comparisons, attempt.right = share.n, sum(right for _comparisons, right in rows)
    attempt.low, attempt.high = share.low, share.high
    attempt.passed = share.n > 0 and 100 * attempt.right >= attempt.percent * share.n
    attempt.save()
    if attempt.passed and member is not None and member.qualified_at is None:
        member.qualified, member.qualified_at = Membership.Qualified.PASSED, now
        member.save(update_fields=["qualified", "qualified_at"])


def _locked(project: Project, person: User) -> Membership | None:
    return Membership.objects.select_for_update().filter(project=project, user=person).first()
