"""An import of strange rows: each is named with a reason, nothing good is lost, and no answer says SQL."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from labeling.data.importing import upload_lines as reader
from labeling.data.importing.background import import_worker
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import BATCH, MOST_BAD, import_lines
from labeling.judgements.row_limits import MAX_MESSAGES, MAX_METADATA, MAX_RANKINGS
from labeling.models import Project, Prompt, Ranking
from tests.factories import make_project, make_user
from tests.labeling.api.client import as_user, row
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db
SQL = ("INSERT", "SELECT", "labeling_", "LINE 1", "psycopg", "DETAIL", "Traceback")


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful", manager=make_user("manager"))


def raw(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


def imported(project: Project, *rows: object) -> Report:
    return import_lines(project, reader.lines_of(io.BytesIO(b"".join(map(raw, rows)))))


def api(project: Project, body: bytes, tmp_path: Path) -> str:
    client: APIClient = as_user(project.created_by)
    response = client.generic("POST", "/api/v1/projects/helpful/prompts/", body, content_type="application/x-ndjson")
    return str(response.content.decode())


def page(project: Project, body: bytes, tmp_path: Path) -> str:
    """Sends a file, starts what its page shows, and gives the words of the page when a worker is done with it."""
    assert project.created_by is not None
    client = Client()
    client.force_login(project.created_by)
    with models_in(tmp_path / "models"):
        sent = client.post("/p/helpful/imports/", {"file": SimpleUploadedFile("prompts.jsonl", body)})
        if sent.status_code == 422:
            return words(sent.content)
        looked_at = words(client.get(sent["Location"]).content)
        client.post(f"{sent['Location']}act/", {"act": "start"})
        import_worker.work(project.imports.latest("pk").pk)
        return (
            words(client.get(sent["Location"]).content) if project.imports.latest("pk").state != "draft" else looked_at
        )


def words(content: bytes) -> str:
    _before, _, main = content.decode().partition("<main")
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", f"<main{main}").split()))


def command(project: Project, body: bytes, tmp_path: Path) -> str:
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(body)
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_prompts", "helpful", str(file), stdout=out, stderr=err)
    except CommandError as error:
        err.write(str(error))
    return out.getvalue() + err.getvalue()


Door = Callable[[Project, bytes, Path], str]
doors = pytest.mark.parametrize("door", [api, page, command])


@doors
def test_a_number_beyond_all_is_named_at_every_door_and_the_ten_others_go_in(
    project: Project, door: Door, tmp_path: Path
) -> None:
    bad = raw(row("bad", metadata={"reward": 0})).replace(b'"reward": 0', b'"reward": 1e999')
    said = door(
        project,
        b"".join([*(raw(row(f"q{n}")) for n in range(5)), bad, *(raw(row(f"r{n}")) for n in range(5))]),
        tmp_path,
    )
    assert Prompt.objects.count() == 10
    assert "metadata.reward: is a number beyond all that can be stored" in said.replace("reward is", "reward: is")
    assert not any(words in said for words in SQL)


FLAGGED = raw(row("p", rankings=[{"labeler": "a", "ranks": [1, 2], "flags": [{"x": True}, {}]}]))


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"metadata": {"a": [{"b": "x\x00"}]}}, "metadata.a[0].b", "NUL character"),
        ({"metadata": {"a": "\ud800"}}, "metadata.a", "half a surrogate pair"),
        ({"metadata": {"\ud800": 1}}, "metadata", "half a surrogate pair"),
        ({"metadata": {"a": "x" * MAX_METADATA}}, "metadata", "1025 KiB as JSON, 1024 at most"),
        ({"metadata": [1]}, "metadata", "must be an object"),
        (
            {"metadata": {"a": json.loads("[" * 70 + "]" * 70)}},
            "metadata.a" + "[0]" * 63,
            "nested deeper than 64 levels",
        ),
        ({"id": "x" * 201}, "id", "is 201 characters long, 200 at most"),
        ({"id": "a\ud800"}, "id", "half a surrogate pair"),
        (
            {"prompt": [{"role": "user", "content": "x"}] * (MAX_MESSAGES + 1)},
            "prompt",
            "is a list of 2001, 2000 at most",
        ),
        ({"prompt": [{"role": "\ud800", "content": "x"}]}, "prompt[0].role", "must be one of"),
        (
            {"completions": [{"id": "a", "text": "x" * 10_000_000}, {"id": "b", "text": "y"}]},
            "completions[0].text",
            "1000000 at most",
        ),
        (
            {"completions": [{"id": str(n), "text": str(n)} for n in range(100_000)]},
            "completions",
            "must be a list of 2 to 10",
        ),
        (
            {"rankings": [{"labeler": str(n), "ranks": [1, 2]} for n in range(MAX_RANKINGS + 1)]},
            "rankings",
            "10000 at most",
        ),
        ({"rankings": [{"labeler": "ann", "ranks": [1.5, 2]}]}, "rankings[0].ranks[0]", "must be a whole number"),
        (
            {
                "rankings": [
                    {"labeler": "ann", "ranks": [10**400, 1], "flags": [{str(n): True for n in range(101)}, {}]}
                ]
            },
            "rankings[0].flags[0]",
            "100 at most",
        ),
        (
            {"rankings": [{"labeler": "ann", "ranks": [2, 1], "flags": [{"a\x00": True}, {}]}]},
            "rankings[0].flags[0]",
            "NUL character",
        ),
        ({"completion": []}, "completion", "unknown key; did you mean completions?"),
        (
            {"zzz": 1},
            "zzz",
            "unknown key; these are known: id, split, prompt, completions, rankings, gold, tags, metadata",
        ),
        ({"x" * 10_000_000: 1}, "x" * 77 + "...", "unknown key"),
        ({"prompt": [{"role": "user", "contents": "x"}]}, "prompt[0].contents", "did you mean content?"),
        (
            {"completions": [{"id": "a", "texts": "x"}, {"id": "b", "text": "y"}]},
            "completions[0].texts",
            "did you mean text?",
        ),
        ({"rankings": [{"labeller": "ann", "ranks": [1, 2]}]}, "rankings[0].labeller", "did you mean labeler?"),
        (b'{"id": "p", "id": "q"}', "id", "this key stands twice in one object"),
        (
            b'{"id": "p", "prompt": [{"role": "user", "content": "a", "content": "b"}], "completions": []}',
            "completions",
            "must be a list",
        ),
        (
            raw(row("p")).replace(b'"text": "One."', b'"text": "One.", "text": "Two"'),
            "completions[0].text",
            "stands twice",
        ),
        (FLAGGED.replace(b'"x": true', b'"x": true, "x": false'), "rankings[0].flags[0].x", "stands twice"),
        (b"[" * 100_000, "line", "nested too deep"),
        (b'{"id": ' + b"9" * 5000 + b"}", "line", "a number has more than 4,300 digits"),
        (b'{"id": "p", "metadata": {"a": NaN}}', "line", "NaN is not JSON"),
    ],
)
def test_a_strange_row_is_named_and_the_others_go_in(project: Project, change: Any, field: str, said: str) -> None:
    strange = change if isinstance(change, bytes) else {**row("strange"), **change}
    report = imported(project, row("before"), raw(strange).rstrip() + b"\n", row("after"))
    assert (report.created, report.n_errors) == (2, 1)
    [error] = report.errors
    assert (error.line, error.field) == (2, field)
    assert said in error.detail
    assert len(error.detail) < 600
    error.detail.encode()


def test_a_misspelt_flag_of_the_project_is_named_and_another_s_is_taken() -> None:
    project = make_project(flags=[{"name": "hateful", "label": "Hateful"}])
    ranked = {"labeler": "ann", "ranks": [1, 2]}
    report = imported(
        project,
        row("q1", rankings=[{**ranked, "flags": [{"hatefull": True}, {}]}]),
        row("q2", rankings=[{**ranked, "flags": [{"funny": True}, {"hateful": True}]}]),
    )
    assert (report.created, report.errors[0].field) == (1, "rankings[0].flags[0].hatefull")
    assert "did you mean hateful?" in report.errors[0].detail


def test_what_only_looks_like_a_nul_and_what_is_free_in_metadata_goes_in(project: Project) -> None:
    metadata = {"pattern": r"[^\u0000-\u007F]+", r"\u0000": 10**4000, "completion": {"any": ["thing", None, 0.5]}}
    text = raw(row("q1", prompt=r"What is \u0000?", metadata=metadata))
    report = imported(project, text.replace(b'"any"', b'"any": 1, "any"'))
    assert report.errors == []
    assert Prompt.objects.get().metadata == metadata


# What the database alone refuses: a rule that is not ours to check before, made here by a trigger.
REFUSE = """
CREATE FUNCTION refuse_some() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.external_id LIKE 'bad%%' THEN
        RAISE EXCEPTION 'INSERT INTO labeling_prompt is refused' USING ERRCODE = '{state}';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse_some BEFORE INSERT ON labeling_prompt FOR EACH ROW EXECUTE FUNCTION refuse_some();
"""


def refuse(state: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(REFUSE.format(state=state).replace("%%", "%"))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("22003", "a number is too large to be stored"),
        ("22001", "a text is too long to be stored"),
        ("22P02", "holds what can't be stored"),
        ("54000", "too large or nested too deep"),
        ("23514", "goes against a rule that the database keeps"),
        ("23505", "send it again"),
    ],
)
@doors
def test_what_the_database_refuses_costs_its_own_line_alone(
    project: Project, door: Door, tmp_path: Path, state: str, said: str
) -> None:
    refuse(state)
    names = [*(f"q{n}" for n in range(7)), "bad1", *(f"r{n}" for n in range(7)), "bad2"]
    told = door(
        project, b"".join(raw(row(name, rankings=[{"labeler": "ann", "ranks": [1, 2]}])) for name in names), tmp_path
    )
    assert sorted(Prompt.objects.values_list("external_id", flat=True)) == sorted(set(names) - {"bad1", "bad2"})
    assert Ranking.objects.count() == 14
    assert said in told.replace("&#x27;", "'")
    assert told.count("bad1") >= 1
    assert not any(words in told for words in SQL)


def test_finding_the_guilty_line_takes_few_statements(project: Project) -> None:
    """Halves of a batch: a guilty line among 1,000 costs what its 20 halves cost, not 1,000 transactions."""
    refuse("22003")
    names = [f"q{n}" for n in range(BATCH)]
    with CaptureQueriesContext(
        connection,
    ) as good:
        imported(project, *(row(name) for name in names))
    with CaptureQueriesContext(connection) as bad:
        report = imported(project, *(row(f"bad{name}" if name == "q57" else f"x{name}") for name in names))
    assert (report.created, report.n_errors, report.errors[0].line) == (BATCH - 1, 1, 58)
    assert len(bad) <= (2 * BATCH.bit_length() + 1) * len(good)


def test_a_database_that_is_away_is_no_line_s_fault(project: Project) -> None:
    refuse("57P01")
    with pytest.raises(DatabaseError):
        imported(project, row("q1"), row("bad"))


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_gone_is_no_line_s_fault_and_the_second_run_goes_on() -> None:
    """Nobody was there to say why, so that the error has no code. Each line was tried alone, seconds each."""
    project = make_project()
    names = [f"q{n}" for n in range(BATCH + 50)]

    def lines() -> Iterator[bytes]:
        yield from (raw(row(name)) for name in names[:-1])
        connection.connection.pgconn.finish()  # as where the server's machine is gone
        yield raw(row(names[-1]))

    with pytest.raises(OperationalError):
        import_lines(project, lines())
    connection.close()
    assert Prompt.objects.count() == BATCH
    report = imported(project, *(row(name) for name in names))
    assert (report.created, report.skipped, report.errors) == (50, BATCH, [])


GOOD, BAD = raw(row("good")), b"{oops\n"


@pytest.mark.parametrize(
    ("body", "said", "not_said"),
    [
        (GOOD, "New prompts 1", "could not be used"),
        (GOOD + BAD, "correct them and import that file. The rest went in.", "Nothing"),
        (BAD + BAD, "correct them and import that file. Nothing went in.", "rest went in"),
        (BAD + BAD, "2 lines could not be used", "before stays"),
        (b"\n \n", "There is no line in it.", "before stays"),
        (b"", "The submitted file is empty.", "rest went in"),
        (BAD + b"x" * 17 * 2**20, "hardly JSON Lines: write one object a line. Nothing went in.", "before stays"),
        (GOOD + b"x" * 17 * 2**20, "Of the lines before, 1 went in and 0 were here already", "rest went in"),
        (GOOD + b"x" * 17 * 2**20, "What went in before stays.", "Nothing"),
        ("{}".encode("utf-16"), "The file is in UTF-16: save it as UTF-8. Nothing went in.", "0 rows."),
        (b"\x1f\x8b\x08\x00rest", "The file breaks off in the middle of what gzip packed: send all of it.", "went in."),
    ],
)
def test_the_page_says_just_what_went_in(
    project: Project, tmp_path: Path, body: bytes, said: str, not_said: str
) -> None:
    text = page(project, body, tmp_path)
    assert said in text
    assert not_said not in text or not_said == "went in."
    assert Prompt.objects.count() == body.count(GOOD)


def test_the_page_says_of_what_was_here_already_that_it_was(project: Project, tmp_path: Path) -> None:
    page(project, GOOD, tmp_path)
    assert "The rest was here already." in page(project, GOOD + BAD, tmp_path)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (GOOD + BAD, "Imported: 1 created, 0 updated, 0 unchanged, 0 recorded rankings, 1 bad lines."),
        (BAD, "No line could be imported."),
        (b"\n", "There is no line in"),
        (GOOD + b"x" * 17 * 2**20, "Line 2 is longer than 16 MiB"),
        (GOOD + b"x" * 17 * 2**20, "1 went in and 0 were here already"),
        (b"PAR1", "The file is Parquet and can't be read after row 0"),
    ],
)
def test_the_command_says_just_what_went_in(project: Project, tmp_path: Path, body: bytes, said: str) -> None:
    assert said in command(project, body, tmp_path)
    assert Prompt.objects.count() == body.count(GOOD)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (GOOD + BAD, '"created":1,"updated":0,"skipped":0,"rankings":0,"n_errors":1'),
        (BAD, '"created":0,"updated":0,"skipped":0,"rankings":0,"n_errors":1'),
        (GOOD + b"x" * 17 * 2**20, "Of the lines before, 1 went in and 0 were here already"),
        (
            b"\x1f\x8b\x08\x00",
            "The file breaks off in the middle of what gzip packed: send all of it. Nothing went",
        ),
    ],
)
def test_the_api_says_just_what_went_in(project: Project, tmp_path: Path, body: bytes, said: str) -> None:
    assert said in api(project, body, tmp_path)
    assert Prompt.objects.count() == body.count(GOOD)


def test_a_file_that_breaks_off_keeps_what_went_in_and_the_second_run_goes_on(project: Project) -> None:
    names = [f"q{n}" for n in range(BATCH * 2 + 50)]
    ranking = {"labeler": "ann", "ranks": [1, 2]}
    whole = [raw(row(name, rankings=[ranking])) for name in names]

    def killed() -> Iterator[bytes]:
        yield from whole[: BATCH + 30]
        raise SystemExit

    with pytest.raises(SystemExit):
        import_lines(project, killed())
    assert Prompt.objects.count() == BATCH
    report = import_lines(project, whole)
    assert (report.created, report.skipped) == (BATCH + 50, BATCH)
    assert Prompt.objects.count() == Ranking.objects.count() == len(names)


MILLION = 10**6


def counted(lines: Iterable[bytes], read: list[int]) -> Iterator[bytes]:
    """The lines, as many of a million as somebody asks for; how many were is in `read`."""
    for number, line in enumerate(islice(lines, MILLION), start=1):
        read[:] = [number]
        yield line


@pytest.mark.parametrize("good", [0, 3])
def test_a_file_that_is_hardly_the_format_is_not_read_to_its_end(project: Project, good: int) -> None:
    read: list[int] = []
    lines = counted(chain((raw(row(f"q{n}")) for n in range(good)), repeat(b"{}")), read)
    report = import_lines(project, lines)
    assert read == [MOST_BAD + good]
    assert (report.created, report.n_errors) == (good, MOST_BAD)
    assert Prompt.objects.count() == good
    assert (
        f"stopped at line {MOST_BAD + good}, for {MOST_BAD} lines so far are bad and {good} are" in report.why_stopped
    )
    assert f"Line {good + 1}: completions: must be a list of 2 to 10 (got null)." in report.why_stopped
    assert ("3 went in and 0 were here already" if good else "Nothing went in.") in report.why_stopped


def test_many_bad_lines_do_not_cost_the_good_ones_that_are_more(project: Project) -> None:
    read: list[int] = []
    good = (raw(row(f"q{n}")) for n in range(MOST_BAD + 1))
    lines = counted(chain(chain.from_iterable(zip(good, repeat(b"0"), strict=False)), repeat(b"0")), read)
    report = import_lines(project, lines, dry_run=True)
    assert (report.created, report.n_errors) == (MOST_BAD + 1, MOST_BAD + 2)
    assert read == [2 * MOST_BAD + 3]


@pytest.mark.parametrize(
    ("door", "said"),
    [
        (api, '"code":"too_many_bad_lines","detail":"Reading stopped at line 10001,'),
        (page, "Reading stopped at line 10001,"),
        (command, "Reading stopped at line 10001,"),
    ],
)
def test_every_door_says_where_it_stopped_and_what_went_in(
    project: Project, tmp_path: Path, door: Door, said: str
) -> None:
    told = door(project, GOOD + BAD * MILLION, tmp_path)
    assert said in told
    assert "1 went in and 0 were here already" in told
    assert Prompt.objects.count() == 1
