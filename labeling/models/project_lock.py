"""Lets those who decide something for a whole project do it one after another: every such lock is written here, but for
that of the queue, which podium_claim takes (labeling/queue/sql/claim.sql).

Each function is called in a transaction and holds until its end; it raises TransactionManagementError without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext as _

from jobs.locks import is_alive, own_transaction
from labeling.errors import Conflict
from labeling.models import Project

_FILES = "hashtextextended('labeling.files', 0)"


def lock_project(project: Project) -> Project:
    """Reads the project anew, for a decision on what it has by now: its next number, its active run, its champion.

    FOR NO KEY UPDATE, not FOR UPDATE: whatever refers to the project, a prompt or the pairs of a ranking, takes FOR KEY
    SHARE of its row and goes on meanwhile. A labeler waits for no freeze, which writes a file.

    Raises Conflict('project_deleted') where it is being deleted, or gone: nothing is decided for it any more.
    """
    locked = Project.objects.select_for_update(no_key=True).filter(pk=project.pk, deleted_at=None).first()
    if locked is None:
        raise Conflict("project_deleted", _("The project %(name)s is being deleted.") % {"name": project.name})
    return locked


def lock_imports(project: Project) -> None:
    """Waits until nobody stores prompts into the project, and keeps others from it.

    Two imports that bring the same prompt put it on one side of the split; and who changes what holds for a project
    without prompts sees those of an import that has begun. FOR UPDATE of the project's row can't do that: Django's
    foreign keys are checked at the commit, and only then wait. An advisory lock, for with the row's own a freeze would
    wait for an import, and an import for a freeze.
    """
    _lock("hashtextextended('labeling.import', %s)", project.pk)


def lock_cohorts(project: Project) -> None:
    """Waits until nobody puts prompts into cohorts by the rules that are about to change, and keeps others from it.

    Shared, by the trigger of prompts that get tags (migration 0068) and by labeling/data/bulk/sql/cohorts.sql: each of
    their prompts is either seen by whoever holds this, or goes by the new rules. An advisory lock, taken after the
    project's row: it locks no prompt.
    """
    _lock("hashtextextended('labeling.cohorts', %s)", project.pk)


def lock_candidates(project: Project) -> None:
    """One upload of candidates at a time takes its number.

    An advisory lock: an upload is read as slowly as it is sent, and with the row's own nobody could freeze, promote or
    change the policy until its last line is there.
    """
    _lock("hashtextextended('rewardtrain.candidates', %s)", project.pk)


def lock_accounts() -> None:
    """Who takes a right from somebody, to a project or to the site, sees what others took: somebody has it still."""
    _lock("hashtextextended('labeling.accounts', 0)")


def lock_person(person: int) -> None:
    """Waits until whatever is being written in a person's name is written or given up.

    Each of it holds the same lock shared, by a trigger (migration 0053), and sees the erasure that was asked for
    before.
    """
    _lock("hashtextextended('labeling.person', %s)", person)


def lock_mending() -> None:
    """What counters lack is added once, however many look for it. Nobody else waits. Of all projects, not of one."""
    _lock("hashtextextended('labeling.counters', 0)")


def lock_files() -> None:
    """Who replaces a frozen version's file keeps backups from beginning, for its row and it belong together.

    Raises Conflict('backup_active') while one is made.
    """
    _check_transaction()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({_FILES})")
        [is_free] = cursor.fetchone()
    if not is_free:
        raise Conflict("backup_active", _("A backup is being made: the files of frozen versions stay until its end."))


@contextmanager
def files_stay() -> Iterator[None]:
    """Keeps others from replacing the files of frozen versions, in or outside of a transaction, until the block's end.

    The lock is held by a transaction of a connection of its own (jobs/locks.py).

    Raises Conflict('files_unlocked') at the end where that connection was lost meanwhile.
    """
    with own_transaction() as own:
        with own.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock_shared({_FILES})")
        yield
        if not is_alive(own):
            message = _(
                "The connection to PostgreSQL that kept the files of frozen versions from being replaced was lost: "
                "begin again. A pool such as PgBouncer may be set to end transactions that wait "
                "(idle_transaction_timeout)."
            )
            raise Conflict("files_unlocked", message)


def _lock(key: str, *values: int) -> None:
    _check_transaction()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_advisory_xact_lock({key})", values)


def _check_transaction() -> None:
    if not connection.in_atomic_block:  # it would be given back at once, and hold nobody up
        raise TransactionManagementError("A project's lock is taken in a transaction.")
