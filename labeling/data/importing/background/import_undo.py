"""Takes back what an import brought: its recorded rankings, its prompts on which nobody worked since, and tags.

In batches, each its own transaction that notes how far it is, as the import itself: it may be killed and goes on. What
is frozen stays as it is. Counters follow, for the rows are deleted by statements of their tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import CASCADE

from jobs import lifecycle
from labeling.models import Completion, Import, Prompt
from labeling.models.functions import by_index
from labeling.models.project_lock import lock_imports

BATCH = 500

_RANKINGS = """
SELECT id, prompt_id, assignment_id FROM labeling_ranking
WHERE id > %s AND id <= %s AND imported_by_id = %s ORDER BY id LIMIT %s
"""
# Of prompts that stay the number of their rankings follows from this (a trigger looks at updates, not at deletions).
_RELEASE = "UPDATE labeling_assignment SET state = 'released' WHERE id = ANY(%s)"
# A prompt grew to hold them. It asks for as many people as one of its project does, or as its other rankings need.
_SHRINK = """
UPDATE labeling_prompt prompt SET overlap = wanted.overlap
FROM (
    SELECT each.id, greatest(taken.most, podium_overlap_of(
        each.content_sha256, project.overlap, project.extra_overlap, project.extra_percent)) AS overlap
    FROM labeling_prompt each JOIN labeling_project project ON project.id = each.project_id CROSS JOIN LATERAL (
        SELECT coalesce(max(slot), 1) AS most FROM labeling_assignment a
        WHERE a.prompt_id = each.id AND a.state IN ('claimed', 'ranked') AND a.purpose = 'label'
    ) taken
    WHERE each.id = ANY(%s)
) wanted
WHERE prompt.id = wanted.id AND prompt.overlap > wanted.overlap
"""
# What somebody took away meanwhile is gone already; all others stay, in their order.
_UNTAG = """
UPDATE labeling_prompt prompt SET tags = ARRAY(
    SELECT each.tag FROM unnest(prompt.tags) WITH ORDINALITY AS each (tag, place)
    WHERE each.tag <> ALL (gone.tags) ORDER BY each.place)
FROM (
    SELECT given.prompt_id, array_agg(tag) AS tags FROM labeling_importedtags given, unnest(given.tags) AS tag
    WHERE given.id = ANY(%s) GROUP BY given.prompt_id
) gone
WHERE prompt.id = gone.prompt_id AND prompt.id = ANY(%s)
"""
# The project's own index leads to the range.
_PROMPTS = """
SELECT id FROM labeling_prompt
WHERE project_id = %s AND id > %s AND id <= %s AND imported_by_id = %s ORDER BY id LIMIT %s FOR UPDATE
"""
_WORKED_ON = "SELECT DISTINCT prompt_id FROM labeling_assignment WHERE prompt_id = ANY(%s)"


def carry_out(job: Import, halt_if_asked: Callable[[], None]) -> None:
    """Takes back all that is left. `halt_if_asked` is called between batches, and raises to stop there."""
    for step in (_take_tags, _take_rankings, _take_prompts):
        while step(job):
            halt_if_asked()


def _take_tags(job: Import) -> bool:
    """Takes the next of the tags that it gave to prompts that were here before; False where there are none."""
    with transaction.atomic(), by_index(), connection.cursor() as cursor:
        lock_imports(job.project)
        rows = list(job.tags_given.order_by("pk").values_list("pk", "prompt_id")[:BATCH])
        if not rows:
            return False
        keys, prompts = [key for key, _ in rows], sorted({prompt for _, prompt in rows})
        cursor.execute("SELECT 1 FROM labeling_prompt WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [prompts])
        cursor.execute(_UNTAG, [keys, prompts])
        cursor.execute("DELETE FROM labeling_importedtags WHERE id = ANY(%s)", [keys])
        _note(job, undone_tagged=job.undone_tagged + len(keys))
    return True


def _take_rankings(job: Import) -> bool:
    """Takes back the next of its rankings, each with its pairs and its place; False where there are none."""
    if job.last_ranking is None or job.undo_ranking >= job.last_ranking:
        return False
    with transaction.atomic(), by_index(), connection.cursor() as cursor:
        lock_imports(job.project)
        after = max(job.undo_ranking, (job.first_ranking or 0) - 1)
        cursor.execute(_RANKINGS, [after, job.last_ranking, job.pk, BATCH])
        rows = cursor.fetchall()
        if rows:
            rankings, prompts, assignments = (sorted(set(keys)) for keys in zip(*rows, strict=True))
            cursor.execute("SELECT 1 FROM labeling_prompt WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [prompts])
            for table in ("preferencepair", "rankedcompletion"):
                cursor.execute(f"DELETE FROM labeling_{table} WHERE ranking_id = ANY(%s)", [rankings])
            cursor.execute("DELETE FROM labeling_ranking WHERE id = ANY(%s)", [rankings])
            cursor.execute(_RELEASE, [assignments])
            cursor.execute("DELETE FROM labeling_assignment WHERE id = ANY(%s)", [assignments])
            cursor.execute(_SHRINK, [prompts])
        last = rows[-1][0] if len(rows) == BATCH else job.last_ranking
        _note(job, undo_ranking=last, undone_rankings=job.undone_rankings + len(rows))
    return True


def _take_prompts(job: Import) -> bool:
    """Takes back the next of its prompts, but for those that a person or another import has worked on."""
    if job.last_prompt is None or job.undo_prompt >= job.last_prompt:
        return False
    with transaction.atomic(), by_index(), connection.cursor() as cursor:
        lock_imports(job.project)
        after = max(job.undo_prompt, (job.first_prompt or 0) - 1)
        cursor.execute(_PROMPTS, [job.project_id, after, job.last_prompt, job.pk, BATCH])
        prompts = [key for (key,) in cursor.fetchall()]
        # A new snapshot, which sees who took one before it was locked.
        cursor.execute(_WORKED_ON, [prompts])
        kept = {key for (key,) in cursor.fetchall()}
        _delete_prompts(cursor, [key for key in prompts if key not in kept])
        last = prompts[-1] if len(prompts) == BATCH else job.last_prompt
        gone = job.undone_prompts + len(prompts) - len(kept)
        _note(job, undo_prompt=last, undone_prompts=gone, kept_prompts=job.kept_prompts + len(kept))
    return True


def _delete_prompts(cursor: Any, prompts: Sequence[int]) -> None:
    """Deletes them with all that goes with a prompt in any app, a statement for each table."""
    if not prompts:
        return
    relations = [relation for relation in Prompt._meta.related_objects if relation.on_delete is CASCADE]
    for relation in sorted(relations, key=lambda relation: relation.related_model is Completion):  # others name these
        table, column = relation.related_model._meta.db_table, relation.field.column
        cursor.execute(f'DELETE FROM "{table}" WHERE "{column}" = ANY(%s)', [prompts])
    cursor.execute("DELETE FROM labeling_prompt WHERE id = ANY(%s)", [prompts])


def _note(job: Import, **changes: int) -> None:
    lifecycle.heartbeat(job, **changes, attempts=1)
    for name, value in changes.items():
        setattr(job, name, value)
