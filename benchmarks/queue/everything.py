"""A project with all that the queue can do: gold, repeats, limits, shares, cohorts, and more than an order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.queue.labelers import Said
from benchmarks.queue.load import filled

if TYPE_CHECKING:
    from labeling.models import Project

GOLD, REPEATS = 5, 3  # percent of tasks
GOLDS = 150  # more than anybody gets in a run
CHECKS = {"gold_percent": GOLD, "repeat_percent": REPEATS, "repeat_after": 20, "repeat_minutes": 0}
ATTRIBUTES = ("helpful", "correct", "clear")
ASKS = {
    "ask_acceptable": True,
    "ask_reasons": [{"name": "correct", "label": "More correct"}, {"name": "short", "label": "Shorter"}],
    "justification": "optional",
    "attributes": [{"name": name, "label": name.title(), "scale": 5} for name in ATTRIBUTES],
}
SHARED = """
UPDATE labeling_prompt p SET overlap = podium_overlap_of(p.content_sha256, j.overlap, j.extra_overlap, j.extra_percent)
FROM labeling_project j WHERE j.id = p.project_id AND j.id = %s
"""
UNHELD = "UPDATE labeling_prompt SET held_at = NULL, held_reason = '' WHERE project_id = %s AND held_at IS NOT NULL"


INTO_COHORT = """
UPDATE labeling_prompt SET cohort_id = %(cohort)s, cohort_by_hand = true
WHERE project_id = %(project)s AND id %% 10 = %(place)s
"""


def careful(task: Said) -> Said:
    """Ranks by the texts, as gold does, and says all that is asked."""
    return _said([shown["id"] for shown in sorted(task["completions"], key=lambda shown: str(shown["text"]))])


def guessing(task: Said) -> Said:
    """Ranks at random, and says all that is asked."""
    keys = [shown["id"] for shown in task["completions"]]
    return _said(random.sample(keys, len(keys)))


def _said(keys: list[str]) -> Said:
    rated = {key: dict.fromkeys(ATTRIBUTES, max(1, 5 - place)) for place, key in enumerate(keys)}
    return {"tiers": [[key] for key in keys], "acceptable": 2, "reasons": ["correct"], "attributes": rated}


@cache
def everything(
    prompts: int,
    slug: str,
    *,
    overlap: int = 1,
    extra_percent: int = 15,
    daily_limit: int = 5_000,
    lease: int = 20,
    golds: int = GOLDS,
) -> Project:
    """Makes a project of so many prompts with all of it on, of which so many have gold besides those to be labeled."""
    from django.db import connection

    from labeling.projects import counters, projects

    project = filled(prompts + golds, slug)
    projects.update_project(
        project, overlap=overlap, extra_percent=extra_percent, extra_overlap=3, daily_limit=daily_limit,
        lease_minutes=lease, **CHECKS, **ASKS,
    )  # fmt: skip
    with connection.cursor() as cursor:
        # By statements that no trigger follows: of a million prompts they would take many minutes, one by one.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(SHARED, [project.pk])
        cursor.execute(UNHELD, [project.pk])
        cursor.execute("RESET session_replication_role")
        counters.mend(project)
        make_golds(project, golds)
        cursor.execute("VACUUM ANALYZE labeling_prompt")
    return project


def make_cohorts(project: Project, usernames: Sequence[str]) -> None:
    """Gives two tenths of the prompts to a cohort each. A quarter of the people are in the one, a quarter in the other,
    a quarter in both, and the rest in none."""
    from django.db import connection

    from labeling.data.bulk import cohorts

    for place, name in enumerate(("first", "second")):
        people = usernames[place * len(usernames) // 4 :][: len(usernames) // 2]
        made, _act = cohorts.save(project, {"name": name, "people": people}, by=None)
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(INTO_COHORT, {"project": project.pk, "cohort": made.pk, "place": place})
            cursor.execute("RESET session_replication_role")
            cursor.execute("VACUUM ANALYZE labeling_prompt")


def make_golds(project: Project, n: int = GOLDS) -> None:
    """Every so manieth prompt is gold: its completions are the better the earlier they stand in the file."""
    from labeling.models import GoldAnswer, Prompt
    from labeling.quality.checks import golds

    keys = list(Prompt.objects.filter(project=project).order_by("pk").values_list("pk", flat=True))
    for key in keys[:: len(keys) // n][:n]:
        prompt = Prompt.objects.get(pk=key)
        ranks = {each.pk: each.position + 1 for each in prompt.completions.all()}
        golds.make(project, prompt, golds.Known(ranks), source=GoldAnswer.Source.TYPED, by=None)
