"""Where a person's name and words are, table by table, and what becomes of each row: twice is harmless."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from allauth.account.models import EmailAddress
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import F, Q, QuerySet

from jobs import lifecycle
from labeling.data.exporting import pseudonyms
from labeling.models import (
    Assignment,
    Attempts,
    BulkAct,
    GoldAnswer,
    Import,
    Invitation,
    LabelerCounter,
    Membership,
    Project,
    Prompt,
    QueuePosition,
    RankedCompletion,
    Ranking,
    ReviewAct,
    SavedView,
    User,
    account_names,
)

ROWS_AT_ONCE = 1_000
NO_DIGEST = "0" * 64  # of a ranking: it covered comment and notes
NO_REASON = "The reason was erased with the person who gave it."  # of what still is set aside, or paused


def erase_words(person: User) -> None:
    """Empties what the person wrote: comments, notes, reasons, drafts; and checksums of it, which could be guessed."""
    for keys in _batches(Ranking.objects.filter(labeler=person).exclude(payload_sha256=NO_DIGEST)):
        RankedCompletion.objects.filter(ranking__in=keys).exclude(note="").update(note="")
        Ranking.objects.filter(pk__in=keys).update(comment="", rewrite="", rewrite_of=None, payload_sha256=NO_DIGEST)
    written = Assignment.objects.filter(labeler=person).exclude(skip_reason="", draft__isnull=True)
    for keys in _batches(written):
        _erase_held_reasons(keys)
        Assignment.objects.filter(pk__in=keys).update(skip_reason="", draft=None)
    for keys in _batches(ReviewAct.objects.filter(by=person).exclude(words="")):
        ReviewAct.objects.filter(pk__in=keys).update(words="")
    Project.objects.filter(paused_by=person).update(pause_reason=NO_REASON)
    GoldAnswer.objects.filter(created_by=person).exclude(explanation="").update(explanation="")
    for hold in BulkAct.objects.filter(requested_by=person, act=BulkAct.Act.HOLD).exclude(value=""):
        _end([hold])
        held = Prompt.objects.filter(project=hold.project_id, hold_at=F("held_at"), held_reason=hold.value)
        for keys in _batches(held):
            Prompt.objects.filter(pk__in=keys).update(held_reason=NO_REASON)
        BulkAct.objects.filter(pk=hold.pk).update(value="")


def _erase_held_reasons(tasks: list[int]) -> None:
    """A prompt that can't be ranked says why in the words of who set it aside."""
    skipped = Assignment.objects.filter(pk__in=tasks).exclude(skip_reason="")
    for prompt, reason in skipped.values_list("prompt", "skip_reason"):
        Prompt.objects.filter(pk=prompt, held_reason=reason).update(held_reason=NO_REASON)


def erase_account(person: User) -> None:
    """Deletes what belongs to the account, and takes its name out of what belongs to others."""
    Membership.objects.filter(user=person).delete()
    QueuePosition.objects.filter(labeler=person).delete()
    SavedView.objects.filter(owner=person).delete()
    Invitation.objects.filter(Q(created_by=person, accepted_by=None) | Q(account=person)).delete()
    Invitation.objects.filter(username=person.username).delete()
    Invitation.objects.filter(Q(accepted_by=person) | Q(note__icontains=person.username)).update(note="")
    if full_name := person.get_full_name().strip():
        Invitation.objects.filter(note__icontains=full_name).update(note="")
        Invitation.objects.filter(name__icontains=full_name).update(name="")
    if person.email:
        Invitation.objects.filter(email__iexact=person.email).delete()
    for each in _relations(person):
        each.delete()
    Import.objects.filter(file_name__icontains=person.username).update(file_name="")
    _erase_filters(person)
    _erase_attempts(person)
    _erase_admin_log(person)
    _end_sessions(person)


def _erase_filters(person: User) -> None:
    """Takes the name out of what lists were narrowed by. An act that waits would then mean others, so it ends."""
    naming = list(BulkAct.objects.filter(filters__icontains=json.dumps(person.username, ensure_ascii=False)[1:-1]))
    _end(naming)
    name = person.username.casefold()
    for each in naming:
        kept = {key: value for key, value in each.filters.items() if name not in value.casefold()}
        BulkAct.objects.filter(pk=each.pk).update(filters=kept)
    # A view of whoever is somebody else now would find others.
    SavedView.objects.filter(filters__icontains=json.dumps(person.username, ensure_ascii=False)[1:-1]).delete()


def _end(acts: Iterable[BulkAct]) -> None:
    for act in acts:
        lifecycle.cancel(act)


def _relations(person: User) -> Iterator[QuerySet[Any]]:
    yield person.auth_token_set.all()  # type: ignore[attr-defined]
    yield person.authenticator_set.all()  # type: ignore[attr-defined]
    yield EmailAddress.objects.filter(user=person)


def _erase_attempts(person: User) -> None:
    key = account_names.key(person.username)
    names = Q(username__iexact=person.username)
    if person.email:
        names |= Q(username__iexact=person.email)
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        model.objects.filter(names).delete()
    of_name = Q(subject=key) | Q(subject__startswith=f"{key} ") | Q(subject__startswith=f"{person.username} by ")
    Attempts.objects.filter(of_name).delete()


def _erase_admin_log(person: User) -> None:
    """What the person did there; and of what others did to rows that were named after them, the name."""
    LogEntry.objects.filter(user=person).delete()
    LogEntry.objects.filter(object_repr__icontains=person.username).update(object_repr="")


def _end_sessions(person: User) -> None:
    """Deletes what refuses already (User.deactivated_at), for it holds the name under which somebody logged in, or was
    asked for a second factor. Whose it is only its content says, so all are read, some at a time."""
    last = ""
    while rows := list(Session.objects.filter(session_key__gt=last).order_by("session_key")[:ROWS_AT_ONCE]):
        last = rows[-1].session_key
        own = [row.session_key for row in rows if _is_of(person, row.get_decoded())]
        Session.objects.filter(session_key__in=own).delete()


def _is_of(person: User, said: dict[str, Any]) -> bool:
    return said.get("_auth_user_id") == str(person.pk) or person.username.casefold() in _texts(said)


def _texts(said: Any) -> Iterator[str]:
    """Yields every text in it, however deep."""
    if isinstance(said, str):
        yield said.casefold()
    elif isinstance(said, dict | list):
        for each in said.values() if isinstance(said, dict) else said:
            yield from _texts(each)


def rename(person: User, name: str) -> None:
    """Makes the account a pseudonym that nobody logs in with. The last act: by the old name the others were found."""
    if person.is_imported and (kept := pseudonyms.imported_as(person.username)):  # it stands for them in files
        LabelerCounter.objects.filter(labeler=person).update(pseudonym=kept)
    person.username, person.first_name, person.last_name, person.email = name, "", "", ""
    person.is_active = person.is_staff = person.is_superuser = False
    person.language, person.daily_goal, person.tour_seen_at, person.last_login = "", None, None, None
    person.set_unusable_password()
    person.save()
    person.groups.clear()
    person.user_permissions.clear()


def _batches(rows: QuerySet[Any]) -> Iterator[list[int]]:
    last, keys_of = 0, rows.order_by("pk").values_list("pk", flat=True)
    while keys := list(keys_of.filter(pk__gt=last)[:ROWS_AT_ONCE]):
        yield keys
        last = keys[-1]
