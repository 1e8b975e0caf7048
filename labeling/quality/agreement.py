"""How far people agree: the ceiling that a reward model's accuracy is read against."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.db import connection

from labeling.models import Project
from labeling.quality.comparisons import Agreement, agreement_of

LATEST = 20_000  # pairs of the newest rankings, whose prompts are looked at: half a percent either way
STRETCHES = 10  # that share out a time of more pairs than are looked at

# Of every two rankings of a prompt each two completions that neither of them tied. Only live rankings have pairs: the
# database holds that. n people who judged the same two completions are n (n - 1) / 2 comparisons, so none is made.
_COMPARISONS = """
WITH latest AS MATERIALIZED (
    SELECT prompt_id, created_at FROM labeling_preferencepair WHERE project_id = %(project)s
    ORDER BY project_id DESC, ranking_id DESC LIMIT %(latest)s
), judged AS (
    SELECT prompt_id, count(*) AS n, count(*) FILTER (WHERE chosen_id < rejected_id) AS one
    FROM (SELECT DISTINCT prompt_id FROM latest) prompt
    CROSS JOIN LATERAL (  -- OFFSET 0: prompt by prompt, or PostgreSQL walks past the pairs of all
        SELECT chosen_id, rejected_id FROM labeling_preferencepair pair
        WHERE pair.prompt_id = prompt.prompt_id OFFSET 0) pair
    GROUP BY prompt_id, least(chosen_id, rejected_id), greatest(chosen_id, rejected_id)
    HAVING count(*) > 1
)
SELECT sum(n * (n - 1) / 2)::bigint, sum(one * (one - 1) / 2 + (n - one) * (n - one - 1) / 2)::bigint,
    (SELECT count(*) FROM latest), (SELECT min(created_at) FROM latest)
FROM judged GROUP BY prompt_id
"""


def project_agreement(project: Project, *, latest: int = LATEST) -> Agreement:
    """Measures it on the prompts of the latest pairs, all of them in most projects: the same at any size."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPARISONS, {"project": project.pk, "latest": latest})
        rows = cursor.fetchall()
    found = agreement_of([(n, agreed) for n, agreed, *_ in rows])
    of_latest = [since for *_, looked_at, since in rows[:1] if looked_at >= latest]
    return replace(found, of_latest=True, since=of_latest[0]) if of_latest else found


@dataclass(frozen=True)
class Looked:
    """The keys of prompts that have pairs."""

    prompts: list[int]
    are_all: bool  # of all pairs that were asked for: there are no more


def latest_prompts(project: Project, *, pairs: int) -> Looked:
    """Gives those of the latest pairs."""
    return _newest(project, 0, pairs)


def prompts_since(project: Project, after: int, *, pairs: int) -> Looked:
    """Gives those of so many pairs of rankings with a higher id, from first to last.

    Where there are more, half are the latest, and half the first ones of each of STRETCHES equal parts of that time: a
    course over all of it, which costs the same however long it is.
    """
    looked = _newest(project, after, pairs)
    if looked.are_all:
        return looked
    values = {"project": project.pk, "after": after, "stretches": STRETCHES, "each": pairs // 2 // STRETCHES}
    with connection.cursor() as cursor:
        cursor.execute(_OVER_TIME, values)
        earlier = {prompt for (prompt,) in cursor.fetchall()}
    return Looked(sorted(earlier.union(_newest(project, after, pairs // 2).prompts)), False)


def _newest(project: Project, after: int, pairs: int) -> Looked:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, {"project": project.pk, "after": after, "pairs": pairs})
        [(prompts, n)] = cursor.fetchall()
    return Looked(prompts or [], n <= pairs)


# One row: ten thousand pairs have few prompts, and a driver takes longer over rows than the server over these.
_NEWEST = """
SELECT array_agg(DISTINCT prompt_id ORDER BY prompt_id) FILTER (WHERE place <= %(pairs)s), count(*) FROM (
    SELECT prompt_id, row_number() OVER () AS place FROM (
        SELECT prompt_id FROM labeling_preferencepair WHERE project_id = %(project)s AND ranking_id > %(after)s
        ORDER BY project_id DESC, ranking_id DESC LIMIT %(pairs)s + 1) newest
) numbered
"""
_OVER_TIME = """
WITH whole AS (
    SELECT min(ranking_id) AS first, max(ranking_id) AS last FROM labeling_preferencepair
    WHERE project_id = %(project)s AND ranking_id > %(after)s
)
SELECT prompt_id FROM whole CROSS JOIN generate_series(0, %(stretches)s - 1) stretch
CROSS JOIN LATERAL (
    SELECT prompt_id FROM labeling_preferencepair
    WHERE project_id = %(project)s AND ranking_id >= first + (last - first) * stretch / %(stretches)s
    ORDER BY project_id, ranking_id LIMIT %(each)s
) pair
"""
