"""How far people agree: the ceiling that a reward model's accuracy is read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection

from formats.wilson import wilson
from labeling.models import PreferencePair, Project

LATEST = 20_000  # pairs of the newest rankings, whose prompts are looked at: half a percent either way

# Of every two rankings of a prompt each two completions that neither of them tied. Only live rankings have pairs: the
# database holds that. n people who judged the same two completions are n (n - 1) / 2 comparisons, so none is made.
_COMPARISONS = """
WITH latest AS MATERIALIZED (
    SELECT prompt_id FROM labeling_preferencepair WHERE project_id = %(project)s
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
    (SELECT count(*) FROM latest)
FROM judged GROUP BY prompt_id
"""


@dataclass(frozen=True)
class Agreement:
    """Share of comparisons on which two people chose the same completion, with its 95 % interval.

    `value` is None, and so is the interval, until two people have ranked one prompt.
    """

    value: float | None
    low: float | None
    high: float | None
    n_pairs: int
    n_prompts: int
    of_latest: bool = False  # not of all prompts: there are more


def project_agreement(project: Project, *, latest: int = LATEST) -> Agreement:
    """Measures it on the prompts of the latest pairs, all of them in most projects: the same at any size."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPARISONS, {"project": project.pk, "latest": latest})
        rows = cursor.fetchall()
    found = agreement_of([(n, agreed) for n, agreed, _looked_at in rows])
    return replace(found, of_latest=any(looked_at >= latest for *_, looked_at in rows[:1]))


def latest_prompts(project: Project, *, pairs: int = LATEST) -> list[int]:
    """Gives the keys of the prompts that the latest pairs are of: of all pairs, where there are no more."""
    newest = PreferencePair.objects.filter(project=project).order_by("-project_id", "-ranking_id")
    return sorted(set(newest.values_list("prompt_id", flat=True)[:pairs]))


def agreement_of(prompts: Sequence[tuple[int, int]]) -> Agreement:
    """Computes it from (comparisons, agreed) of each prompt.

    A prompt's comparisons are not independent, so the variance is that of a ratio of cluster totals
    (Cochran, Sampling Techniques, 1977, eq. 6.9), and the interval Wilson's at the sample size which that
    variance is worth. Where all agree, or none do, each prompt counts as one observation. So has every
    share of a model's report, by a rule of its own that a test holds to this one.
    """
    m = len(prompts)
    n = sum(comparisons for comparisons, _ in prompts)
    if n == 0:
        return Agreement(None, None, None, 0, 0)
    p = sum(agreed for _, agreed in prompts) / n
    residual = sum((agreed - p * comparisons) ** 2 for comparisons, agreed in prompts)
    variance = residual * m / (m - 1) / n**2 if m > 1 else 0.0
    effective = float(m)
    if m > 1 and 0 < p < 1:
        effective = min(p * (1 - p) / variance, float(n)) if variance > 0 else float(n)
    low, high = wilson(p, effective)
    return Agreement(p, low, high, n, m)
