"""An import in a web process stores small parts and rests while others work in the database."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.data.importing.import_pace import BUSY, PARTS, Pace, is_busy
from labeling.data.importing.imports import import_lines
from labeling.models import Prompt
from tests.factories import make_project
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db


def test_a_site_is_busy_from_some_transactions_a_second_on() -> None:
    assert not is_busy(BUSY, 1)
    assert is_busy(BUSY + 1, 1)
    assert not is_busy(10 * BUSY, 10)


def test_an_import_of_a_command_gives_way_to_nobody_and_asks_nothing() -> None:
    pace = Pace(gives_way=False)
    with CaptureQueriesContext(connection) as queries:
        pace.rest(1000)
    assert (pace.parts, len(queries)) == (1, 0)


def test_parts_are_a_tenth_of_a_batch_and_all_of_it_goes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labeling.data.importing.import_pace.BUSY", -1)  # whatever else happens here is enough
    monkeypatch.setattr("labeling.data.importing.import_pace.LOOK_EVERY", 0)
    project = make_project()
    lines = [json.dumps(row(f"q{n}")).encode() for n in range(1_250)]
    with CaptureQueriesContext(connection) as queries:
        report = import_lines(project, lines, gives_way=True)
    assert (report.created, report.n_errors, Prompt.objects.count()) == (1_250, 0, 1_250)
    locks = sum("pg_advisory_xact_lock" in query["sql"] for query in queries)
    assert locks == 1 + -(-250 // (1_000 // PARTS))  # it looks after the first one
