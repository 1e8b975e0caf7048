"""The expansion of a ranking into chosen/rejected pairs."""

from __future__ import annotations

from django.db import connection

from labeling.models import Ranking

# Completions of equal rank make no pair: a tie stays in the ranking, where training can read it. The ids stand at both
# sides of the join as well: where statistics say that the tables are empty, as they do when a new database is filled,
# PostgreSQL else walks each index whole for every row (minutes for 200 rankings instead of a tenth of a second).
_EXPAND = """
INSERT INTO labeling_preferencepair
    (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id,
     rank_gap, margin, chosen_position, rejected_position, created_at)
SELECT prompt.project_id, ranking.prompt_id, ranking.id, ranking.labeler_id, better.completion_id, worse.completion_id,
       worse.rank - better.rank, ranking.strength, better.shown_position, worse.shown_position, now()
FROM labeling_ranking ranking
JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = ranking.id AND worse.rank > better.rank
WHERE ranking.id = ANY(%(rankings)s)
  AND better.ranking_id = ANY(%(rankings)s) AND worse.ranking_id = ANY(%(rankings)s)
ORDER BY ranking.id, better.rank, worse.rank, better.id, worse.id
"""


def expand(rankings: list[Ranking]) -> int:
    """Writes the C(K, 2) minus ties pairs of each ranking by one INSERT ... SELECT; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPAND, {"rankings": [ranking.pk for ranking in rankings]})
        return int(cursor.rowcount)
