"""What the database itself takes for the same: COPY in and out, and the bare statement of pairs."""

from __future__ import annotations

import time
from pathlib import Path

BYTES_AT_ONCE = 2**20
JOINED = """
COPY (SELECT prompt.messages, chosen.text, rejected.text
      FROM labeling_preferencepair pair
      JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
      JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
      JOIN labeling_completion rejected ON rejected.id = pair.rejected_id) TO STDOUT
"""
RANKED = """
COPY (SELECT prompt.messages, completion.text, placed.rank
      FROM labeling_rankedcompletion placed
      JOIN labeling_ranking ranking ON ranking.id = placed.ranking_id
      JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
      JOIN labeling_completion completion ON completion.id = placed.completion_id) TO STDOUT
"""
EXPANDED = """
INSERT INTO labeling_preferencepair
    (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id,
     rank_gap, margin, chosen_position, rejected_position, created_at)
SELECT prompt.project_id, ranking.prompt_id, ranking.id, ranking.labeler_id, better.completion_id, worse.completion_id,
       worse.rank - better.rank, ranking.strength, better.shown_position, worse.shown_position, now()
FROM labeling_ranking ranking
JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = ranking.id AND worse.rank > better.rank
"""


def copied_seconds(folder: Path) -> float:
    """Takes the tables' rows out, and times their COPY in again, in one transaction with its commit."""
    from django.db import connection, transaction

    tables = {"labeling_prompt": folder / "prompts", "labeling_completion": folder / "completions"}
    with connection.cursor() as cursor:
        for table, path in tables.items():
            with path.open("wb") as file, cursor.copy(f"COPY {table} TO STDOUT") as out:
                for piece in out:
                    file.write(piece)
    empty("labeling_prompt")
    before = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, path in tables.items():
            with path.open("rb") as file, cursor.copy(f"COPY {table} FROM STDIN") as into:
                while piece := file.read(BYTES_AT_ONCE):
                    into.write(piece)
    seconds = time.perf_counter() - before
    for path in tables.values():
        path.unlink()
    return seconds


def copied_out_seconds(statement: str) -> float:
    from django.db import connection

    before = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(statement) as out:
        for _ in out:
            pass
    return time.perf_counter() - before


def expanded_seconds() -> tuple[float, float]:
    """Seconds of our expansion of all rankings, in the batches of an import, and of the bare statement."""
    from django.db import connection, transaction

    from labeling.answers import pairs
    from labeling.data.importing.imports import BATCH_RANKINGS
    from labeling.models import Ranking

    rankings = list(Ranking.objects.values_list("pk", flat=True))
    empty("labeling_preferencepair")
    analyze()
    before = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(EXPANDED)
    bare = time.perf_counter() - before
    empty("labeling_preferencepair")
    before = time.perf_counter()
    for start in range(0, len(rankings), BATCH_RANKINGS):
        with transaction.atomic():
            pairs.expand(rankings[start : start + BATCH_RANKINGS])
    return time.perf_counter() - before, bare


def empty(table: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table} CASCADE")
        cursor.execute("CHECKPOINT")


def analyze() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
