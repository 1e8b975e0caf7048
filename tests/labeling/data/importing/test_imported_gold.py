"""What a file says is known of completions makes its new prompts gold: in no queue, and no data."""

from __future__ import annotations

import io
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.data.exporting import exports
from labeling.data.exporting.wanted import Wanted
from labeling.data.importing.background import import_files, import_jobs, import_worker
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_lines
from labeling.models import CheckResult, GoldAnswer, Import, Project, Prompt, Ranking, ReviewCase
from labeling.projects import counters
from labeling.quality.checks import acting, golds
from labeling.queue import claims
from tests.factories import claimed, join, make_project, rank
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db
GOLD = {"ranks": [2, 1], "explanation": "b is right"}


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful", flags=[{"name": "rude", "label": "Rude"}])


def imported(project: Project, *rows: dict[str, object], dry_run: bool = False) -> Report:
    return import_lines(project, [json.dumps(each).encode() for each in rows], dry_run=dry_run)


def brought(project: Project, *rows: object) -> Import:
    received = import_files.receive(project, io.BytesIO(b"".join(json.dumps(each).encode() + b"\n" for each in rows)))
    job = import_jobs.receive(project, received, file_name="rows.jsonl", start=True)
    import_worker.work(job.pk)
    job.refresh_from_db()
    return job


def known(prompt: Prompt) -> tuple[list[int], list[dict[str, bool]]]:
    gold = GoldAnswer.objects.get(prompt=prompt)
    keys = [str(key) for key in prompt.completions.order_by("position").values_list("pk", flat=True)]
    return [gold.ranks[key] for key in keys if key in gold.ranks], [gold.flags.get(key, {}) for key in keys]


def test_a_row_with_gold_is_gold_from_the_beginning(project: Project) -> None:
    report = imported(
        project, row("plain"), row("gold", gold=GOLD), row("asked", gold={"flags": [{"rude": True}, {"rude": False}]})
    )
    assert (report.created, report.errors) == (3, [])
    assert known(Prompt.objects.get(external_id="gold")) == ([2, 1], [{}, {}])
    assert known(Prompt.objects.get(external_id="asked")) == ([], [{"rude": True}, {"rude": False}])
    gold = GoldAnswer.objects.get(prompt__external_id="gold")
    assert (gold.explanation, gold.source, gold.practice, gold.created_by) == ("b is right", "import", False, None)
    assert claimed(project, join(project)).prompt.external_id == "plain"
    counted = counters.of(project).total
    assert (counted.prompts, counted.gold, counted.held, counted.waiting) == (1, 2, 0, 1)
    assert not counters.differences()
    assert not ReviewCase.objects.exists()


@pytest.mark.parametrize(("ranks", "right"), [((1, 2), 0), ((2, 1), 1)])
def test_people_are_checked_by_it(project: Project, ranks: tuple[int, int], right: int) -> None:
    imported(project, row("plain"), row("gold", gold=GOLD))
    Project.objects.filter(pk=project.pk).update(gold_percent=50)
    labeler = join(project)
    for _ in range(200):
        task = claimed(project, labeler)
        if task.prompt.external_id == "gold":
            break
        claims.release(task)
    rank(project, labeler, ranks)
    acting.look(project.pk)
    result = CheckResult.objects.get()
    assert (result.comparisons, result.right) == (1, right)


def test_recorded_rankings_beside_it_stay_data(project: Project) -> None:
    imported(project, row("gold", gold=GOLD, rankings=[{"labeler": "ann", "ranks": [1, 2]}]))
    assert Ranking.objects.filter(live=True).count() == 1
    assert known(Prompt.objects.get())[0] == [2, 1]
    assert not counters.differences()


def test_the_same_file_again_changes_nothing_and_another_gold_is_refused(project: Project) -> None:
    imported(project, row("gold", gold=GOLD), row("plain"))
    again = imported(project, row("gold", gold=GOLD), row("gold-less", gold=None))
    assert (again.skipped, again.created, again.errors) == (1, 1, [])
    other = imported(project, row("gold", gold={"ranks": [1, 2]}), row("plain", gold=GOLD))
    assert [(error.line, error.field) for error in other.errors] == [(1, "gold"), (2, "gold")]
    assert "a file changes none" in other.errors[0].detail
    assert known(Prompt.objects.get(external_id="gold"))[0] == [2, 1]
    golds.take_back(project, Prompt.objects.get(external_id="gold"))
    assert imported(project, row("gold", gold=GOLD)).errors  # what a manager took back doesn't come with a file


def test_a_row_that_leaves_gold_out_says_nothing_of_it(project: Project) -> None:
    imported(project, row("gold", gold=GOLD))
    again = imported(project, row("gold"))
    assert (again.skipped, again.errors) == (1, [])
    assert GoldAnswer.objects.count() == 1


def test_it_goes_with_an_import_that_is_undone_and_a_dry_run_makes_none(project: Project) -> None:
    assert imported(project, row("gold", gold=GOLD), dry_run=True).created == 1
    assert not GoldAnswer.objects.exists()
    job = brought(project, row("gold", gold=GOLD), row("plain"))
    assert GoldAnswer.objects.count() == 1
    import_jobs.undo(job)
    import_worker.work(job.pk)
    assert not GoldAnswer.objects.exists()
    assert not Prompt.objects.exists()
    assert not counters.differences()


def test_a_classification_takes_answers_and_no_order() -> None:
    project = make_project(kind="classification", flags=[{"name": "rude", "label": "Rude"}])
    alone = {"id": "t", "prompt": "", "completions": [{"id": "a", "text": "You fool."}]}
    report = imported(project, {**alone, "gold": {"flags": [{"rude": True}]}}, {**alone, "id": "u", "gold": GOLD})
    assert (report.created, [error.field for error in report.errors]) == (1, ["gold.ranks"])
    assert known(Prompt.objects.get()) == ([], [{"rude": True}])


def test_gold_costs_one_copy_a_batch_however_much_there_is(project: Project) -> None:
    costs = []
    for n in (2, 40):
        with CaptureQueriesContext(connection) as asked:
            imported(project, *(row(f"{n}-{place}", gold=GOLD) for place in range(n)))
        costs.append(len(asked))
    assert costs[0] == costs[1]
    assert GoldAnswer.objects.count() == 42


def test_no_export_tells_it(project: Project) -> None:
    imported(project, row("gold", gold=GOLD, rankings=[{"labeler": "ann", "ranks": [1, 2]}]))
    written = b"".join(exports.stream(project, Wanted(what="rankings")))
    assert b"Question gold?" in written
    assert b"b is right" not in written
