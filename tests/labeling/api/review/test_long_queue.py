"""A very long queue of reviews: each list by its index, and a look at who is left goes through what waits alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from labeling.data.reviewing import cases
from labeling.models import Project, ReviewCase, Role
from labeling.models.functions import call
from tests.factories import join, make_project
from tests.labeling.api.client import as_user
from tests.labeling.plans import explained, fill

pytestmark = pytest.mark.django_db

BASE = "/api/v1/projects/long/reviews/"
ROWS = 4000
READ = re.compile(r"Scan.* on labeling_reviewcase\b.*actual rows=(\d+)|Rows Removed by Filter: (\d+)")
CASES = """
INSERT INTO labeling_reviewcase (project_id, prompt_id, reason, state, outcome, also, opened_at, closed_at)
SELECT project_id, id, CASE WHEN id %% 500 = 0 THEN 'champion' ELSE 'asked' END,
    CASE WHEN id %% 3 = 0 THEN 'open' ELSE 'closed' END, CASE WHEN id %% 3 = 0 THEN '' ELSE 'left' END, '[]', now(),
    CASE WHEN id %% 3 = 0 THEN NULL ELSE now() END
FROM labeling_prompt WHERE project_id = %s
"""


@pytest.fixture
def project() -> Project:
    project = make_project(slug="long")
    fill(project, join(project), ROWS)
    with connection.cursor() as cursor:
        cursor.execute(CASES, [project.pk])
        cursor.execute("ANALYZE labeling_reviewcase")
    return project


@pytest.mark.parametrize(
    "query", ["", "?state=closed", "?reason=champion", "?state=closed&reason=champion", "?prompt=row+3000"]
)
def test_a_page_reads_its_own_rows_of_a_long_queue(project: Project, query: str) -> None:
    client = as_user(join(project, Role.REVIEWER))
    sep = "&" if query else "?"
    with explained("labeling_reviewcase") as plans:
        answer: Any = client.get(f"{BASE}{query}{sep}page_size=5")
    assert answer.status_code == 200
    read = sum(int(n) for plan in plans for found in READ.findall(plan) for n in found if n)
    assert plans
    assert read <= 12, "\n".join(plans)


def test_counts_of_whose_they_are_end_after_some(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1,333 cases that wait 3 are hers: one statement, and no more rows than are told."""
    reviewer = join(project, Role.REVIEWER)
    waiting = ReviewCase.objects.filter(project=project, state="open")
    waiting.filter(pk__in=list(waiting.order_by("-pk").values_list("pk", flat=True)[:3])).update(reviewer=reviewer)
    client = Client()
    client.force_login(reviewer)
    assert cases.waiting_by_whose(project, reader=reviewer) == {"all": 1001, "mine": 3, "nobodys": 1001}
    assert "1,000+" in client.get("/p/long/review/").content.decode()
    monkeypatch.setattr(cases, "MOST_COUNTED", 10)
    with explained("labeling_reviewcase") as plans:
        assert cases.waiting_by_whose(project, reader=reviewer) == {"all": 11, "mine": 3, "nobodys": 11}
    [plan] = plans
    assert sum(int(n) for found in READ.findall(plan) for n in found if n) == 11 + 3 + 11, plan


def test_a_look_at_whoever_is_left_goes_through_what_waits_alone(project: Project) -> None:
    """Of 4,000 prompts 1,500 wait: a quarter is held, of the others every second is ranked."""
    waiting = list(project.prompts.filter(held_at=None, ranked=0).order_by("pk").values_list("pk", flat=True))
    seen, after = [], -1
    while after is not None:
        after = call("podium_look_after", project=project.pk, after=after, most=500)["last"]
        seen.append(after)
    assert seen == [*waiting[499::500], None][: len(seen)]
    assert ReviewCase.objects.filter(reason="skipped").count() == 0
