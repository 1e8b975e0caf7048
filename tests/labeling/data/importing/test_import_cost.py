"""What an import costs, counted in statements, changed rows and reads: never more than in proportion."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.data.importing.imports import BATCH_RANKINGS, import_lines
from labeling.judgements.row_limits import MAX_RANKINGS
from labeling.models import Assignment, PreferencePair, Project, Prompt, Ranking, User
from tests.factories import make_project
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project()


def lines(rows: Iterable[dict[str, object]]) -> list[bytes]:
    return [json.dumps(each).encode() for each in rows]


def rankings(n: int, start: int = 0) -> list[dict[str, object]]:
    return [{"labeler": f"labeler{place}", "ranks": [1, 2]} for place in range(start, start + n)]


def changed_rows(table: str) -> int:
    """How many row versions were written by UPDATE in this transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relname = %s", [table])
        return int(cursor.fetchone()[0])


def test_a_new_prompt_is_written_once_with_its_thousands_of_rankings(project: Project) -> None:
    """Each change of a row and each key to it walks past all its versions of the transaction: 8,000 took 235 s."""
    before = changed_rows("labeling_prompt")
    report = import_lines(project, lines([row("q1", rankings=rankings(4_000))]))
    assert (report.created, report.rankings, report.n_errors) == (1, 4_000, 0)
    assert changed_rows("labeling_prompt") == before
    prompt = Prompt.objects.get()
    assert (prompt.ranked, prompt.overlap) == (4_000, 4_000)
    slots = Assignment.objects.order_by("slot").values_list("slot", flat=True)
    assert list(slots) == list(range(1, 4_001))
    assert PreferencePair.objects.count() == 4_000


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_statements_do_not_grow_with_rows_nor_rankings(project: Project, known: bool) -> None:
    def cost(name: str, n_rows: int, n_rankings: int, start: int) -> int:
        if known:
            import_lines(project, lines(row(f"{name}{n}") for n in range(n_rows)))
        fresh = lines(row(f"{name}{n}", rankings=rankings(n_rankings, start)) for n in range(n_rows))
        with CaptureQueriesContext(connection) as queries:
            assert import_lines(project, fresh).rankings == n_rows * n_rankings
        return len(queries)

    costs = [cost("one", 1, 2, 0), cost("many", 50, 2, 2), cost("ranked", 50, 20, 4)]  # each by labelers who are new
    assert len(set(costs)) == 1
    assert costs[0] <= 20, costs


def test_batches_are_bounded_by_rankings_and_bytes_too(project: Project) -> None:
    with CaptureQueriesContext(connection) as queries:
        import_lines(project, lines(row(f"q{n}", rankings=rankings(BATCH_RANKINGS // 2)) for n in range(4)))
    assert sum("pg_advisory_xact_lock" in query["sql"] for query in queries) == 2
    with CaptureQueriesContext(connection) as queries:
        import_lines(project, lines(row(f"long{n}", prompt=f"{n}" + "x" * 900_000) for n in range(10)))
    assert sum("pg_advisory_xact_lock" in query["sql"] for query in queries) == 2


def test_rankings_of_a_prompt_have_a_limit_over_all_files(project: Project) -> None:
    assert import_lines(project, lines([row("q1", rankings=rankings(5))])).rankings == 5
    report = import_lines(project, lines([row("q1", rankings=rankings(MAX_RANKINGS, start=5)), row("q2")]))
    assert (report.created, report.updated, report.errors[0].line) == (1, 0, 1)
    assert f"{MAX_RANKINGS} at most (got {MAX_RANKINGS + 5})" in report.errors[0].detail
    assert Ranking.objects.count() == 5
    assert User.objects.filter(is_imported=True).count() == 5


def test_the_count_of_rankings_stays_right_however_assignments_change(project: Project) -> None:
    import_lines(project, lines([row("q1", rankings=rankings(3)), row("q2", rankings=rankings(2))]))
    ranked = Prompt.objects.order_by("pk").values_list("ranked", flat=True)
    assert list(ranked) == [3, 2]
    Assignment.objects.filter(slot=2).update(state="released")
    assert list(ranked.all()) == [2, 1]
    Assignment.objects.update(state="ranked")
    assert list(ranked.all()) == [3, 2]
    Assignment.objects.update(seed=1)
    assert list(ranked.all()) == [3, 2]
    import_lines(project, lines([row("q1", rankings=rankings(5)), row("q2", rankings=rankings(2))]))
    assert list(ranked.all()) == [5, 2]
    Prompt.objects.update(ranked=1)
    import_lines(project, lines([row("q1", rankings=rankings(6))]))
    assert list(ranked.all()) == [6, 1]
