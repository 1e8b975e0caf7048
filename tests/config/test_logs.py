"""Every line carries its time, and with PODIUM_LOG=json each is one object."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from config import logs
from config.processes import output
from tests.config.helpers import REPOSITORY, environ
from tests.factories import make_user


@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()])
def test_a_log_line_carries_its_time(formatter: logging.Formatter) -> None:
    record = logging.LogRecord("podium", logging.INFO, "", 0, 'said "%s"\n', ("ä\u2028\ud800",), None)
    record.created = 0.5
    line = formatter.format(record)
    assert "1970-01-01T00:00:00.500Z" in line
    if isinstance(formatter, logs.Json):
        assert json.loads(line)["message"] == 'said "ä\u2028\ud800"\n'
        assert line.isascii()


def test_a_text_with_line_breaks_cannot_pass_for_another_line() -> None:
    forged = "no such page: /x\n2026-11-28T10:00:00.000Z INFO podium: all is well\n\n"
    line = logs.Line().format(logging.LogRecord("podium", logging.WARNING, "", 0, "%s", (forged,), None))
    assert line.splitlines()[1:] == ["    2026-11-28T10:00:00.000Z INFO podium: all is well"]
    assert all("Z     2026" in line or "WARNING" in line for line in lines_of(line, as_json=False))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/v1/accounts/lena/erase/", "/api/v1/accounts/..."),
        ("/api/v1/projects/helpful/members/lena/", "/api/v1/projects/helpful/members/..."),
        ("/api/v1/accounts/a\nb/c", "/api/v1/accounts/..."),
        ("/accounts/login/", "/accounts/login/"),
        ("/p/helpful/", "/p/helpful/"),
    ],
)
def test_a_line_about_an_address_names_nobody(path: str, said: str) -> None:
    record = logging.LogRecord("django.request", logging.WARNING, "", 0, "%s: %s", ("Not Found", path), None)
    assert logs.WithoutAccounts().filter(record)
    assert record.getMessage() == f"Not Found: {said}"


def test_every_line_goes_through_it() -> None:
    """Also of what says itself which address was asked, such as the throttle."""
    for handler in settings.LOGGING["handlers"].values():
        assert handler["filters"] == ["accounts"]


@pytest.mark.django_db
@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()])
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE labeling_user SET username = 'Qxlena78'", "duplicate key value violates unique constraint"),
        ("UPDATE labeling_user SET username = NULL", "violates not-null constraint"),
        ("SELECT 'Qxlena78'::int", "invalid input syntax for type integer: ... (22P02)"),
        ("SELECT nothing, 'Qxlena78' FROM labeling_user", 'column "nothing" does not exist'),
    ],
)
def test_an_error_of_the_database_is_logged_without_the_row(
    formatter: logging.Formatter, statement: str, sentence: str
) -> None:
    """Its own text quotes the row, the statement or the value, and tracebacks, Celery's line and ours repeat it."""
    make_user("Qxlena78")
    make_user("otto")
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    error = caught.value
    try:
        raise ValueError("beside") from error
    except ValueError as outer:
        about = (type(outer), outer, outer.__traceback__)
    line = formatter.format(logging.LogRecord("celery", logging.ERROR, "", 0, "raised %s", (repr(error),), about))
    said = formatter.format(logging.LogRecord("podium", logging.ERROR, "", 0, "not told: %s", (error,), None))
    assert "qxlena78" in f"{error}".lower()
    for text in (line, said):
        assert "qxlena78" not in text.lower()
        assert sentence in (json.loads(text)["message"] if isinstance(formatter, logs.Json) else text)
    assert "ValueError: beside" in line


def lines_of(text: str, *, as_json: bool) -> list[str]:
    stream = io.StringIO()
    output.Output(stream, json=as_json).say("web", text)
    return stream.getvalue().splitlines()


def test_the_supervisor_puts_name_and_time_before_what_has_none() -> None:
    own = "2026-11-28T10:00:00.000Z INFO podium: well"
    assert lines_of(own, as_json=False) == [f"web     | {own}"]
    for line in lines_of("Traceback:\n\n  File\nValueError", as_json=False):
        assert line.startswith("web     | 2")
        assert line.endswith(("Z Traceback:", "Z   File", "Z ValueError"))


def test_the_supervisor_wraps_what_is_no_object_of_ours() -> None:
    own = '{"time": "t", "level": "ERROR", "logger": "a", "message": "m", "process": "x", "exception": "e"}'
    (line,) = lines_of(own, as_json=True)
    assert json.loads(line) == json.loads(own) | {"process": "web"}
    for text in (
        "a print", "{", "[1]", "3", "null", '"time"', '{"a": 1}', '{"message": 1, "time": 2}', "[" * 100_000,
        "\ud800\x00", "Traceback:\n  File\nValueError",
    ):  # fmt: skip
        (line,) = lines_of(text, as_json=True)
        fields = json.loads(line)
        assert (fields["process"], fields["message"], fields["level"]) == ("web", text, "INFO")
        assert logs.TIMED.match(fields["time"])


END = """
import sys, threading, warnings, django
django.setup()
warnings.warn("an old way")
if sys.argv[1] == "thread":
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
else:
    1 / 0
"""


@pytest.mark.parametrize("where", ["main", "thread"])
def test_an_error_that_nobody_catches_is_one_object(where: str) -> None:
    variables = environ(PODIUM_LOG="json", PODIUM_PROCESS="worker")
    command = [sys.executable, "-c", END, where]
    done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
    warning, error = map(json.loads, done.stderr.splitlines())
    assert "an old way" in warning["message"]
    assert (error["level"], error["process"]) == ("CRITICAL", "worker")
    assert "ZeroDivisionError: division by zero" in error["exception"]


def test_a_sentence_that_ends_a_process_is_an_object_too() -> None:
    for words in (["manage.py", "up", "--json"], ["-m", "config.processes.web"]):
        variables = environ(PODIUM_LOG="" if "--json" in words else "json", PODIUM_HTTPS="ture")
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert json.loads(line)["message"].startswith("podium: PODIUM_HTTPS is 'ture', but it is a switch")
