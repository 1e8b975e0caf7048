"""A task costs as many rows however many others were ranked, also with plans made when there were none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from labeling.data.bulk import cohorts
from labeling.models import CohortMember, Project, User
from labeling.projects import projects
from tests.factories import join, make_project, make_prompt, rank
from tests.labeling.plans import FILLED

pytestmark = pytest.mark.django_db

# By an index, as the queue's functions do; PostgreSQL's own look at a key goes through a table that it thinks empty.
FETCHED = """
SELECT relname, idx_tup_fetch FROM pg_stat_xact_user_tables
WHERE relname IN ('labeling_prompt', 'labeling_assignment', 'labeling_ranking', 'labeling_membership')
"""


# What is known of a table that was never vacuumed or analyzed: that of prompts was, when they had come.
NEW = """
UPDATE pg_class SET reltuples = -1, relpages = 0
WHERE relkind = 'r' AND relname LIKE 'labeling\\_%' AND relname <> 'labeling_prompt';
ANALYZE labeling_prompt;
"""
GOLD = """
WITH prompt AS (
    INSERT INTO labeling_prompt (project_id, external_id, messages, content_sha256, split, overlap, metadata,
                                 created_at, held_at, held_reason, gold_at)
    SELECT %(project)s, 'gold ' || %(rows)s || ' ' || n, '[]', md5(n::text), 'train', 1, '{}', now(), now(), '', now()
    FROM generate_series(1, %(rows)s) n RETURNING id
)
INSERT INTO labeling_goldanswer (project_id, prompt_id, ranks, flags, explanation, practice, source, created_at)
SELECT %(project)s, id, '{}', '{}', '', false, 'typed', now() FROM prompt
"""


def answer(project: Project, labeler: User, tasks: int) -> None:
    for _ in range(tasks):
        rank(project, labeler)


def fetched(act: Callable[[], None]) -> dict[str, int]:
    """Counts the rows that it reads, of each table."""
    before = _rows()
    act()
    return {name: rows - before[name] for name, rows in _rows().items()}


def _rows() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(FETCHED)
        found: Any = cursor.fetchall()
        return dict(found)


def plans_of_an_empty_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
        cursor.execute(NEW)


def test_others_rankings_are_not_read_by_plans_of_an_empty_database() -> None:
    project = projects.update_project(make_project(), daily_limit=1000)
    labeler = join(project)
    for number in range(24):
        make_prompt(project, k=2, external_id=f"task {number}")
    plans_of_an_empty_database()
    answer(project, labeler, 10)  # a plan is kept from the sixth on
    let_others_rank(project)
    first = fetched(lambda: answer(project, labeler, 4))
    let_others_rank(project)
    then = fetched(lambda: answer(project, labeler, 4))
    assert first["labeling_prompt"] > 0
    for table, rows in then.items():  # what the labeler did since may be looked at, not what others did
        assert rows <= first[table] + 100, (table, first, then)


def let_others_rank(project: Project) -> None:
    labeler = join(project)
    names = FILLED.replace("'row '", f"'row of {labeler.username} '")  # once more in the same project
    with connection.cursor() as cursor:
        cursor.execute(names, {"project": project.pk, "labeler": labeler.pk, "rows": 800})


def test_others_in_a_cohort_are_not_read() -> None:
    project = make_project()
    labeler = join(project)
    cohort, _act = cohorts.save(project, {"name": "all of them", "people": [labeler.username]}, by=None)
    plans_of_an_empty_database()

    def look() -> None:
        with connection.cursor() as cursor:
            for _ in range(8):
                cursor.execute("SELECT podium_cohorts_for(%s, %s)", [project.pk, labeler.pk])
                assert cursor.fetchone() == ([cohort.pk, 0],)

    alone = fetched(look)
    CohortMember.objects.bulk_create(
        CohortMember(cohort=cohort, membership=join(project).memberships.get()) for _ in range(50)
    )
    assert fetched(look) == alone


def test_gold_is_found_by_its_key_by_plans_of_a_database_without_gold() -> None:
    project = make_project()
    labeler = join(project)

    def draw(golds: int) -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(GOLD, {"project": project.pk, "rows": golds})

            def look() -> None:
                for place in range(8):
                    cursor.execute(
                        "SELECT podium_gold_for(%s, %s, NULL, %s, ARRAY[0]::bigint[])",
                        [project.pk, labeler.pk, place / 8],
                    )
                    assert cursor.fetchone() != (None,)

            look()
            return fetched(look)

    with connection.cursor() as cursor:
        cursor.execute(FILLED, {"project": project.pk, "labeler": join(project).pk, "rows": 2000})
    plans_of_an_empty_database()
    few = draw(4)
    many = draw(200)
    for table, rows in many.items():
        assert rows <= few[table] + 40, (table, few, many)
