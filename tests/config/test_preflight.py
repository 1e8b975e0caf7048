"""A database of the operator's that can't be used is said in one sentence, before anything begins."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from config import embedded, logs
from tests.config.helpers import free_port, manage


def test_a_database_that_cannot_be_used_is_one_sentence(servers: embedded.Lease, tmp_path: Path) -> None:
    there = embedded.database_url(settings.DATA_DIR)
    with psycopg.connect(there, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN")
    said = {
        f"postgresql://me:word@127.0.0.1:{free_port()}/podium": "can't be reached: Connection refused",
        "postgresql://me:word@nowhere.invalid/podium": "can't be reached",
        there.replace("/podium?", "/nothing?"): 'database "nothing" does not exist',
        there.replace("podium@", "nobody@"): 'role "nobody" does not exist',
        there.replace("podium@", "guest@"): "may not make tables there",
    }
    for url, words in said.items():
        done = manage("migrate", DATABASE_URL=url, PODIUM_DATA_DIR=str(tmp_path))
        assert done.returncode == 1, url
        (line,) = done.stderr.splitlines()
        assert line.startswith("podium: ")
        assert words in line
        assert "word@" not in line


def test_up_says_that_a_redis_cannot_be_reached(tmp_path: Path) -> None:
    url = f"redis://:word@127.0.0.1:{free_port()}/0"
    done = manage("up", "--no-sample", REDIS_URL=url, PODIUM_DATA_DIR=str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "of REDIS_URL" in line
    assert "can't be reached: Connection refused" in line
    assert "word" not in line


@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()])
def test_a_log_line_carries_its_time(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("podium", logging.INFO, "", 0, 'said "%s"\n', ("ä",), None)
    record.created = 0.5
    line = formatter.format(record)
    assert "1970-01-01T00:00:00.500Z" in line
    if isinstance(formatter, logs.Json):
        assert json.loads(line)["message"] == 'said "ä"\n'
