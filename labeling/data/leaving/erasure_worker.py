"""Erases a person as far as it gets: it may be killed anywhere, and goes on from the beginning, which is harmless."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction

from artifacts.errors import StorageAway
from jobs import lifecycle, shutdown
from labeling.data.leaving import erased_rows, erasures, frozen_names
from labeling.data.versions import kept_results
from labeling.data.withdrawing import work as works
from labeling.errors import Conflict
from labeling.models import PersonErasure, Project, User
from labeling.models.database_errors import in_words
from labeling.models.project_lock import lock_imports, lock_person, lock_project

logger = logging.getLogger(__name__)

_erase: list[Callable[[User, str], None]] = []  # what else names people, given the person and the pseudonym


def also(erase: Callable[[User, str], None]) -> None:
    """Calls it before the account is renamed; twice must be harmless."""
    _erase.append(erase)


def work_all() -> None:
    """Takes each that waits, once: one that an import keeps waiting is taken the next time."""
    for pk in PersonErasure.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True):
        if not shutdown.requested.is_set():
            work(pk)


def work(pk: int) -> None:
    """Takes the erasure if it is still to be had. Doing it twice is harmless."""
    job = lifecycle.claim(PersonErasure, pk)
    if job is None:
        return
    try:
        _work(job)
        lifecycle.end(job, job.State.SUCCEEDED, error="")
        logger.info("%s is done", job)
    except lifecycle.ClaimLost:
        logger.warning("%s: another worker has taken it over", job)
    except Conflict as error:  # an import that began meanwhile, or a backup
        lifecycle.put_back(job, error=error.code)
    except StorageAway as error:  # the name is gone from the rows; versions follow when the storage answers
        lifecycle.put_back(job, error=str(error))
    except Exception as error:
        lifecycle.try_again(job, in_words(error))
        raise


def _work(job: PersonErasure) -> None:
    person = job.person
    with transaction.atomic():
        lock_person(person.pk)  # what began before the erasure was asked for ends; what begins now is refused
    if job.with_work:
        for project in erasures.projects_of(person):
            works.withdraw(project, person, by=job.requested_by)
            lifecycle.heartbeat(job)
    erased_rows.erase_words(person)
    lifecycle.heartbeat(job)
    for project in erasures.projects_of(person):
        _erase_of_project(project)
        lifecycle.heartbeat(job)
    for erase in _erase:
        erase(person, erasures.pseudonym(person))
        lifecycle.heartbeat(job)
    with transaction.atomic():
        erased_rows.erase_account(person)
        erased_rows.rename(person, erasures.pseudonym(person))
    for project in erasures.projects_of(person).filter(deleted_at=None):
        frozen_names.replace(job, project, erasures.pseudonym(person), partial(lifecycle.heartbeat, job))


def _erase_of_project(project: Project) -> None:
    """Forgets what is kept on the disk that may name the person."""
    with transaction.atomic():
        if project.deleted_at is None:
            lock_project(project)
            lock_imports(project)
            erasures.forget_imports(project)
    kept_results.forget(project.pk)
