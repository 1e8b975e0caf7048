"""How far people agree: the ceiling that a reward model's accuracy is read against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from formats.wilson import wilson
from labeling.models import Project

# Every two rankings of a prompt, every two completions that neither of the two tied. Only live rankings have pairs: the
# database holds that.
_COMPARISONS = """
SELECT count(*) AS n, count(*) FILTER (WHERE one.chosen_id = two.chosen_id) AS agreed
FROM labeling_preferencepair one
JOIN labeling_preferencepair two
  ON two.prompt_id = one.prompt_id AND two.ranking_id > one.ranking_id
 AND (two.chosen_id = one.chosen_id AND two.rejected_id = one.rejected_id
      OR two.chosen_id = one.rejected_id AND two.rejected_id = one.chosen_id)
WHERE one.project_id = %s
GROUP BY one.prompt_id
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


def project_agreement(project: Project) -> Agreement:
    with connection.cursor() as cursor:
        cursor.execute(_COMPARISONS, [project.pk])
        return agreement_of([(n, agreed) for n, agreed in cursor.fetchall()])


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
