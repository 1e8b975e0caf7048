"""What the checks of several people say, for a list of them: one statement, however many they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from labeling.models import Project, Purpose
from labeling.models.functions import query
from labeling.quality.checks.results import NEWEST
from labeling.quality.comparisons import agreement_of_counts
from labeling.quality.shares import Share

# Of each the newest of either purpose, since they were let go on, by the index check_of_a_person; summed up here, for
# the interval asks only how many have so much right.
_COUNTS = """
SELECT who.id, kind.purpose, c.comparisons, c."right", count(*) AS n
FROM unnest(%(people)s::bigint[]) who(id)
LEFT JOIN labeling_membership m ON m.project_id = %(project)s AND m.user_id = who.id
CROSS JOIN (VALUES ('gold'), ('repeat')) kind(purpose)
CROSS JOIN LATERAL (
    SELECT comparisons, "right" FROM labeling_checkresult
    WHERE project_id = %(project)s AND labeler_id = who.id AND purpose = kind.purpose
      AND created_at > coalesce(m.checks_from, '-infinity')
    ORDER BY created_at DESC LIMIT %(newest)s) c
WHERE c.comparisons > 0 AND c."right" IS NOT NULL
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True)
class Checks:
    """The shares of comparisons that are right, with their intervals over checks."""

    gold: Share = field(default_factory=Share)
    repeats: Share = field(default_factory=Share)

    @property
    def is_any(self) -> bool:
        return bool(self.gold.n or self.repeats.n)


def checks_of_people(project: Project, people: Sequence[int]) -> dict[int, Checks]:
    """Gives them by the people's keys; nobody's of whom none was counted."""
    counts: dict[int, dict[str, dict[tuple[int, float], int]]] = {}
    for row in query(_COUNTS, {"project": project.pk, "people": list(people), "newest": NEWEST}):
        of = counts.setdefault(row["id"], {}).setdefault(row["purpose"], {})
        of[row["comparisons"], row["right"]] = row["n"]
    return {
        person: Checks(_share(of.get(Purpose.GOLD, {})), _share(of.get(Purpose.REPEAT, {})))
        for person, of in counts.items()
    }


def _share(counts: dict[tuple[int, float], int]) -> Share:
    found = agreement_of_counts(counts)
    return Share(found.value, found.low, found.high, found.n_pairs, found.n_prompts)
