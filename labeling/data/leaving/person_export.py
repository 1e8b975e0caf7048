"""A person's own data in a zip of JSON Lines: what they are known by, what they did and wrote, and what is kept of it.

Nothing of others: neither their names nor what they wrote, and what labelers never see (models, ids of files, the order
of an import) isn't in it either. Completions have the ids that the person saw. Rows are read some at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef, Prefetch, QuerySet

from formats import zips
from labeling.models import (
    Assignment,
    BulkAct,
    CohortMember,
    DatasetVersion,
    GoldAnswer,
    Import,
    Invitation,
    Membership,
    QualificationAnswer,
    QualificationAttempt,
    RankedCompletion,
    Ranking,
    ReviewAct,
    SavedView,
    User,
)
from labeling.queue import shown_ids

ROWS_AT_ONCE = 500
SETTINGS = ("language", "daily_goal", "break_minutes", "single_keys", "tour_seen_at")
ACCOUNT = ("username", "first_name", "last_name", "email", "date_joined", "last_login", "is_active", "deactivated_at")

Row = dict[str, Any]


def file_name(person: User) -> str:
    """Names it after the account's key: a name may have letters that no file has."""
    return f"podium-account-{person.pk}.zip"


def stream(person: User) -> Iterator[bytes]:
    """Yields the zip in pieces, with no more than some rows in memory."""
    return zips.stream(
        zips.Member(f"{name}.jsonl", None, partial(_lines, rows, person)) for name, rows in _CONTENTS.items()
    )


def _lines(rows: Callable[[User], Iterator[Row]], person: User) -> Iterator[bytes]:
    for row in rows(person):
        yield json.dumps(row, ensure_ascii=False, default=_as_text).encode() + b"\n"


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _each(rows: QuerySet[Any]) -> Iterator[Any]:
    """Walks over them by their keys, so that nothing is held open while somebody's network is slow."""
    last, rows = 0, rows.order_by("pk")
    while found := list(rows.filter(pk__gt=last)[:ROWS_AT_ONCE]):
        yield from found
        last = found[-1].pk


def _account(person: User) -> Iterator[Row]:
    yield {**{name: getattr(person, name) for name in ACCOUNT}, "is_administrator": person.is_superuser}


def _preferences(person: User) -> Iterator[Row]:
    yield {name: getattr(person, name) for name in SETTINGS}


def _memberships(person: User) -> Iterator[Row]:
    """Yields each with the cohorts that the person is in there, by which their prompts are chosen."""
    mine = CohortMember.objects.filter(membership=OuterRef("pk"), cohort__deleted_at=None)
    names = ArraySubquery(mine.order_by("cohort").values("cohort__name"))
    rows = Membership.objects.filter(user=person).select_related("project")
    for each in _each(rows.annotate(cohort_names=names)):
        said = {"name": each.project.name, "role": each.role, "since": each.created_at, "cohorts": each.cohort_names}
        yield {"project": each.project.slug, **said}


def _rankings(person: User) -> Iterator[Row]:
    ranked = RankedCompletion.objects.order_by("shown_position", "pk")
    rows = Ranking.objects.filter(labeler=person).select_related("assignment", "project")
    for each in _each(rows.prefetch_related(Prefetch("ranked", ranked))):
        yield {
            "project": each.project.slug,
            "task": each.assignment_id,
            "revision": each.revision,
            "stands": each.stands,
            "made": each.created_at,
            "ended": each.ended_at,
            "imported": each.source == Ranking.Source.IMPORTED,
            "active_seconds": each.active_seconds,
            "strength": each.strength,
            "acceptable": each.acceptable,
            "reasons": each.reasons,
            "rewrite": each.rewrite and {"of": shown_ids.of(each.assignment, each.rewrite_of_id), "text": each.rewrite},
            "top_k": each.top_k,
            "comment": each.comment,
            "completions": sorted(
                (
                    {
                        "id": shown_ids.of(each.assignment, place.completion_id),
                        "rank": place.rank,
                        "shown_at": place.shown_position,
                        "flags": place.flags,
                        "note": place.note,
                        "attributes": place.attributes,
                    }
                    for place in each.ranked.all()
                ),
                key=lambda said: str(said["id"]),  # by nothing that the person wasn't shown
            ),
        }


def _tasks(person: User) -> Iterator[Row]:
    """Yields all tasks: drafts and skips are of one."""
    for each in _each(Assignment.objects.filter(labeler=person).select_related("prompt__project")):
        yield {
            "project": each.prompt.project.slug,
            "task": each.pk,
            "state": each.state,
            "taken": each.claimed_at,
            "finished": each.finished_at,
            "withdrawn": each.withdrawn_at,
            "skip_reason": each.skip_reason,
            "draft": shown_ids.draft_of(each),
        }


def _invitations(person: User) -> Iterator[Row]:
    """Yields those that the person made, without whom they were for, and those that they were given."""
    for made, rows in ((True, {"created_by": person}), (False, {"accepted_by": person}), (False, {"account": person})):
        for each in _each(Invitation.objects.filter(**rows).select_related("project")):
            yield {
                "made_by_you": made,
                "project": each.project.slug,
                "role": each.role,
                "made": each.created_at,
                "ends": each.expires_at,
                "accepted": each.accepted_by_id is not None,
            }


def _tokens(person: User) -> Iterator[Row]:
    """Yields no name, for they have none, and no secret, which is kept nowhere."""
    for each in person.auth_token_set.order_by("created"):  # type: ignore[attr-defined]
        yield {"made": each.created, "ends": each.expiry}


def _second_factors(person: User) -> Iterator[Row]:
    for each in person.authenticator_set.order_by("pk"):  # type: ignore[attr-defined]
        yield {"kind": each.type, "made": each.created_at, "last_used": each.last_used_at}


def _logins(person: User) -> Iterator[Row]:
    kinds: tuple[tuple[str, type[Model]], ...] = (
        ("login", AccessLog),
        ("failures", AccessAttempt),
        ("failure", AccessFailureLog),
    )
    for kind, model in kinds:
        for each in _each(model._default_manager.filter(username=person.username)):
            at, address = each.attempt_time, each.ip_address
            yield {"kind": kind, "at": at, "address": address, "browser": each.user_agent}


def _acts(person: User) -> Iterator[Row]:
    for version in _each(DatasetVersion.objects.filter(created_by=person).select_related("project").defer("counts")):
        at = version.created_at
        yield {"act": "froze a version", "project": version.project.slug, "number": version.number, "at": at}
    for job in _each(Import.objects.filter(requested_by=person).select_related("project").defer("errors")):
        said = {"file_name": job.file_name, "number": job.number, "at": job.requested_at}
        yield {"act": "imported", "project": job.project.slug, **said}
    for gold in _each(GoldAnswer.objects.filter(created_by=person).select_related("project")):
        said = {"explanation": gold.explanation, "at": gold.created_at}
        yield {"act": "made gold", "project": gold.project.slug, **said}
    for bulk in _each(BulkAct.objects.filter(requested_by=person).select_related("project")):
        said = {"what": bulk.act, "value": bulk.value, "at": bulk.requested_at}
        yield {"act": "changed prompts", "project": bulk.project.slug, **said}


def _qualification_attempts(person: User) -> Iterator[Row]:
    """Yields attempts with what was answered in each: the project's order is the manager's, and not among it."""
    rows = QualificationAttempt.objects.filter(labeler=person).select_related("project")
    for each in _each(rows.prefetch_related("answers")):
        answered = [answer for answer in each.answers.all() if answer.answered_at is not None]
        said = {"comparisons": each.comparisons, "right": each.right, "passed": each.passed}
        yield {
            "project": each.project.slug,
            "number": each.number,
            "began": each.started_at,
            "ended": each.finished_at,
            **said,
            "answers": [
                {"ranks": _shown(each, one, one.ranks), "flags": _shown(each, one, one.flags), "at": one.answered_at}
                for one in answered
            ],
        }


def _shown(attempt: QualificationAttempt, answer: QualificationAnswer, said: Row) -> Row:
    """Names completions as the person saw them."""
    return {shown_ids.hashed(answer.prompt_id, attempt.seed, int(key)): value for key, value in said.items()}


def _views(person: User) -> Iterator[Row]:
    """Yields views of lists, without what they ask for, which may be somebody's name."""
    for each in _each(SavedView.objects.filter(owner=person).select_related("project")):
        said = {"name": each.name, "shared": each.is_shared, "at": each.created_at}
        yield {"project": each.project.slug, "list": each.of, **said}


def _reviews(person: User) -> Iterator[Row]:
    """Yields what the person did and said in reviews, and what reviewers, who are not named, said of her answers."""
    rows = ReviewAct.objects.select_related("case__project")
    for each in _each(rows.filter(by=person)):
        said = {"project": each.case.project.slug, "words": each.words, "at": each.at}
        yield {"act": each.act, "done_by_you": True, "task": None, **said}
    sent_back = rows.filter(act=ReviewAct.Act.SENT_BACK, assignment__labeler=person).exclude(by=person)
    for each in _each(sent_back):
        said = {"project": each.case.project.slug, "words": each.words, "at": each.at}
        yield {"act": each.act, "done_by_you": False, "task": each.assignment_id, **said}


_CONTENTS: dict[str, Callable[[User], Iterator[Row]]] = {
    "account": _account,
    "preferences": _preferences,
    "memberships": _memberships,
    "rankings": _rankings,
    "tasks": _tasks,
    "qualification_attempts": _qualification_attempts,
    "invitations": _invitations,
    "tokens": _tokens,
    "second_factors": _second_factors,
    "logins": _logins,
    "acts": _acts,
    "reviews": _reviews,
    "views": _views,
}
