"""Deletes the rows of a project, of all tables that lead to it, whatever app they are of: a new one is found by itself.

In batches, each a transaction of its own, so that nobody waits for long and what is killed half-way goes on. Rows are
looked for by the keys of those that they belong to, so that a row of another project is never met.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import CASCADE, PROTECT, ForeignObjectRel, Model
from django.utils import timezone

from labeling.models import Project, ProjectDeletion, Prompt
from labeling.models.functions import by_index

PROMPTS_AT_ONCE = (
    500  # with all that hangs on them, so that a labeler whose answer is on its way waits for less than a second
)
ROUNDS = 5  # of what came late, from a request that had begun before


def delete(project_key: int) -> Iterator[int]:
    """Deletes all of it and the project itself, and yields after each batch how many prompts that was.

    Raises IntegrityError where something new comes again and again.
    """
    for rounds_left in reversed(range(ROUNDS)):
        yield from _delete_all_of_it(project_key)
        try:
            _delete_itself(project_key)
        except IntegrityError:
            if not rounds_left:
                raise
        else:
            return


def _delete_all_of_it(project_key: int) -> Iterator[int]:
    for model, column in belongings(Project):
        last = 0
        while keys := _delete_some(model, column, project_key, last):
            last = keys[-1]
            yield len(keys) if model is Prompt else 0


def _delete_some(model: type[Model], column: str, project_key: int, after: int) -> Sequence[int]:
    """Deletes the next rows that belong to the project itself, and what belongs to them."""
    # One that has rows of its own may have very many.
    most = PROMPTS_AT_ONCE if model is Prompt or not belongings(model) else 1
    table = model._meta.db_table
    with transaction.atomic(), by_index(), connection.cursor() as cursor:
        # Prompts are locked before their tasks and in the order of their keys, as by whoever else works on them.
        cursor.execute(
            f'SELECT id FROM "{table}" WHERE "{column}" = %s AND id > %s ORDER BY id LIMIT %s FOR UPDATE',
            [project_key, after, most],
        )
        keys = [key for (key,) in cursor.fetchall()]
        if keys:
            _delete_with_belongings(cursor, model, keys)
    return keys


def _delete_with_belongings(cursor: Any, model: type[Model], keys: Sequence[int]) -> None:
    for each, column in belongings(model):
        table = each._meta.db_table
        if not belongings(each):
            cursor.execute(f'DELETE FROM "{table}" WHERE "{column}" = ANY(%s)', [keys])
            continue
        cursor.execute(f'SELECT id FROM "{table}" WHERE "{column}" = ANY(%s)', [keys])
        if found := [key for (key,) in cursor.fetchall()]:
            _delete_with_belongings(cursor, each, found)
    cursor.execute(f'DELETE FROM "{model._meta.db_table}" WHERE id = ANY(%s)', [keys])


def _delete_itself(project_key: int) -> None:
    """Its counters go with it by the database's own rule."""
    with transaction.atomic():
        ProjectDeletion.objects.filter(project=project_key).update(project=None, heartbeat_at=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM labeling_project WHERE id = %s AND deleted_at IS NOT NULL", [project_key])


@cache
def belongings(model: type[Model]) -> tuple[tuple[type[Model], str], ...]:
    """Finds the tables whose rows are nothing without a row of this one, with their column for it: those that have
    none themselves first, and prompts before what is made of them."""
    found: list[tuple[type[Model], str]] = [
        (relation.related_model, str(relation.field.column))
        for relation in model._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel) and relation.on_delete in (CASCADE, PROTECT)
    ]
    return tuple(sorted(found, key=lambda each: (each[0] is not Prompt, bool(belongings(each[0])), each[0].__name__)))
