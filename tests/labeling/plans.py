"""A project of thousands of prompts, and how the database carries out what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from labeling.models import Project, User


def fill(project: Project, labeler: User, rows: int) -> None:
    """Every fourth prompt is held, of the others every second ranked by this labeler.

    Thousands stand for a million, where to read all of them is never cheaper: a hundred keys of a table whose rows
    lie in no order would be, at the price of a page on a spinning disk.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        cursor.execute(FILLED, {"project": project.pk, "labeler": labeler.pk, "rows": rows})
        cursor.execute("ANALYZE")


FILLED = """
WITH prompt AS (
    INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, metadata,
                                 created_at, held_at, held_reason, withdrawn_at)
    SELECT %(project)s, 'row ' || n, '[{"role": "user", "content": "why?"}]', md5(n::text), 'train', 1, '{}', now(),
           CASE WHEN n %% 4 = 0 THEN now() END, '', CASE WHEN n %% 8 = 0 THEN now() END
    FROM generate_series(1, %(rows)s) n RETURNING id, held_at
), text AS (
    INSERT INTO labeling_completion (prompt_id, external_id, text, model_name, position)
    SELECT id, 'a', 'because', '', 0 FROM prompt RETURNING id, prompt_id
), task AS (
    INSERT INTO labeling_assignment (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, keys_shown,
                                     draft_revision, skip_reason, claimed_at, expires_at, finished_at)
    SELECT id, %(labeler)s, 'ranked', 1, 1, 1, jsonb_build_array(text), false, 0, '', now(), now(), now()
    FROM (SELECT prompt.*, text.id AS text FROM prompt JOIN text ON prompt_id = prompt.id) prompt
    WHERE held_at IS NULL AND id %% 2 = 0 RETURNING id, prompt_id
), ranking AS (
    INSERT INTO labeling_ranking (assignment_id, prompt_id, labeler_id, revision, live, source, comment,
                                  payload_sha256, created_at)
    SELECT id, prompt_id, %(labeler)s, 1, true, 'labeled', '', '', now() FROM task RETURNING id, prompt_id
)
INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, prompt_id, rank, flags)
SELECT ranking.id, text.id, prompt_id, 1, '{}' FROM ranking JOIN text USING (prompt_id)
"""

READ = re.compile(r"Scan.* on labeling_(?:prompt|ranking)\b.*actual rows=(\d+)|Rows Removed by Filter: (\d+)")


@contextmanager
def explained(*tables: str) -> Iterator[list[str]]:
    """Gathers how the database carries out each look at one of these tables."""
    plans: list[str] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith("SELECT") and any(f'FROM "{table}"' in sql for table in tables):
            with connection.connection.cursor() as cursor:  # of psycopg: this wrapper isn't asked again
                cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {sql}", params)
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield plans
