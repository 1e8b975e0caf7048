from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from labeling.answers import rankings
from labeling.data.exporting import exports, pair_groups, table_writers
from labeling.data.exporting.wanted import Wanted
from labeling.data.versions import datasets
from labeling.errors import Invalid
from labeling.models import Project, Ranking
from tests.factories import join, make_project, make_prompt, rank, rank_next

TEXTS = ("standard", "conversational")
AWKWARD = ['=HYPERLINK("x")', 'a "quoted", text\r\nin two lines', "数学 ∑ 👩‍🔬 \u2028 é", "+1", "\ttab ", "NA", "\\n"]


@pytest.fixture
def project(db: None) -> Project:
    """Two labelers, ties, every split, awkward texts."""
    project = make_project(slug="helpful", overlap=2)
    make_prompt(project, split="train", external_id="q1", question="One?", texts=["best", "middle", "worst"])
    make_prompt(project, split="validation", external_id="q2", question="Two?", texts=AWKWARD)
    make_prompt(project, split="test", external_id="q3", question="Three?", texts=["yes", "no"])
    make_prompt(project, split="train", external_id="q4", question="Nobody ranked me?")
    for labeler, ranks in [(join(project), [[1, 2, 3], [1, 2, 2, 3, 4, 5, 6], [2, 1]]), (join(project), [[2, 1, 1]])]:
        for said in ranks:
            rank(project, labeler, said)
    return project


def export(project: Project, **asked: Any) -> bytes:
    return b"".join(exports.stream_pairs(project, **{"file_format": "jsonl", "layout": "standard", **asked}))


def rows_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n") if line]


def test_the_order_is_prompt_ranking_and_ranks(project: Project) -> None:
    rows = rows_of(export(project, split="train"))
    assert [(row["prompt"], row["chosen"], row["rejected"]) for row in rows] == [
        ("One?", "best", "middle"),
        ("One?", "best", "worst"),
        ("One?", "middle", "worst"),
        ("One?", "middle", "best"),
        ("One?", "worst", "best"),
    ]


def test_all_splits_hold_every_pair_of_the_database(project: Project) -> None:
    assert len(rows_of(export(project, split="all"))) == project.pairs.count()


def test_test_prompts_leave_only_when_asked_for(project: Project) -> None:
    def prompts(split: str | None) -> set[str]:
        return {row["prompt"] for row in rows_of(export(project, split=split))}

    assert prompts(None) == prompts("") == prompts("train,validation") == {"One?", "Two?"}
    assert prompts("test") == {"Three?"}
    assert prompts("all") == {"One?", "Two?", "Three?"}


@pytest.mark.parametrize("file_format", exports.FORMATS)
@pytest.mark.parametrize("layout", TEXTS)
@pytest.mark.parametrize("split", [None, "test", "all"])
def test_a_frozen_version_gives_the_very_same_bytes(
    project: Project, file_format: str, layout: str, split: str | None
) -> None:
    version = datasets.freeze(project)
    live = export(project, file_format=file_format, layout=layout, split=split)
    assert live == export(project, file_format=file_format, layout=layout, split=split, version=version)
    assert live == export(project, file_format=file_format, layout=layout, split=split)


def test_a_frozen_version_stays_while_labelers_go_on(project: Project) -> None:
    version = datasets.freeze(project)
    before = export(project, version=version)
    rank(project, join(project))
    assert export(project, version=version) == before != export(project)


def test_json_lines_are_compact_and_readable(project: Project) -> None:
    first = export(project).split(b"\n")[0]
    assert first == b'{"prompt":"One?","chosen":"best","rejected":"middle"}'
    assert "数学 ∑ 👩‍🔬".encode() in export(project)


# What is hard to write: control characters, both reading directions, characters beyond 16 bits, seeming escapes,
# separators of CSV and JSON, a byte-order mark within, and a long text.
ODD = [
    "".join(map(chr, range(1, 32))),
    "\x7f\x80\x9f\u2028\u2029\ufeff\uffff",
    "\u05e9\u05dc\u05d5\u05dd \u202e x \u200f",
    "\U0001f600\U0001d173\U0010ffff",
    "\\u0000 \\n \\\\",
    '"',
    "a,b;c'd",
    "\n",
    " lead",
    "</script>&amp;",
    "null",
    "x" * 70_000,
]


def written_plainly(pairs: list[dict[str, Any]], file_format: str, layout: str) -> bytes:
    """Each row by itself, by the library's plainest call."""
    if layout == "conversational":
        pairs = [
            {
                "prompt": [{"role": "user", "content": pair["prompt"]}],
                **{side: [{"role": "assistant", "content": pair[side]}] for side in ("chosen", "rejected")},
            }
            for pair in pairs
        ]
    if file_format == "jsonl":
        return b"".join(compact(pair).encode() + b"\n" for pair in pairs)
    if file_format == "csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(["prompt", "chosen", "rejected"])
        writer.writerows([cell if isinstance(cell, str) else compact(cell) for cell in pair.values()] for pair in pairs)
        return text.getvalue().encode()
    kind = (
        pa.string() if layout == "standard" else pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    )
    schema = pa.schema([(name, kind) for name in ("prompt", "chosen", "rejected")])
    file = io.BytesIO()
    if file_format == "arrow":
        with pa.ipc.new_stream(file, schema) as stream:
            stream.write_table(pa.Table.from_pylist(pairs, schema=schema))
        return file.getvalue()
    pq.write_table(pa.Table.from_pylist(pairs, schema=schema), file, compression="zstd", row_group_size=1_000)
    return file.getvalue()


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize("layout", TEXTS)
@pytest.mark.parametrize("file_format", exports.FORMATS)
def test_odd_texts_are_written_as_they_are(db: None, file_format: str, layout: str) -> None:
    project = make_project()
    labeler = join(project)
    expected = []
    for number, odd in enumerate(ODD):
        question, texts = f"{number} {odd}", [odd + "!", f"{odd} {odd[:9]}?", f"{number}{odd}"]
        make_prompt(project, split="train", question=question, texts=texts)
        for better, worse in ((2, 0), (2, 1), (0, 1)):
            expected.append({"prompt": question, "chosen": texts[better], "rejected": texts[worse]})
        rank(project, labeler, [2, 3, 1])
    for version in (None, datasets.freeze(project)):
        written = export(project, file_format=file_format, layout=layout, version=version)
        assert written == written_plainly(expected, file_format, layout)


def test_the_conversational_layout_has_messages(project: Project) -> None:
    row = rows_of(export(project, layout="conversational"))[0]
    assert row == {
        "prompt": [{"role": "user", "content": "One?"}],
        "chosen": [{"role": "assistant", "content": "best"}],
        "rejected": [{"role": "assistant", "content": "middle"}],
    }


def test_csv_gives_every_text_back_unchanged(project: Project) -> None:
    table = csv.DictReader(io.StringIO(export(project, file_format="csv").decode(), newline=""))
    assert table.fieldnames == ["prompt", "chosen", "rejected"]
    rows = list(table)
    assert rows == rows_of(export(project))
    assert {row["chosen"] for row in rows} >= set(AWKWARD[:6])


def test_conversational_cells_of_csv_are_json(project: Project) -> None:
    data = export(project, file_format="csv", layout="conversational").decode()
    rows = [
        {name: json.loads(cell) for name, cell in row.items()} for row in csv.DictReader(io.StringIO(data, newline=""))
    ]
    assert rows == rows_of(export(project, layout="conversational"))


@pytest.mark.parametrize("layout", TEXTS)
def test_parquet_holds_the_same_rows(project: Project, layout: str) -> None:
    table = pq.read_table(io.BytesIO(export(project, file_format="parquet", layout=layout)))
    assert table.to_pylist() == rows_of(export(project, layout=layout))


@pytest.mark.parametrize(("file_format", "rows"), [("jsonl", b""), ("csv", b"prompt,chosen,rejected\r\n")])
def test_without_pairs_the_file_is_empty(db: None, file_format: str, rows: bytes) -> None:
    assert export(make_project(), file_format=file_format) == rows


def test_without_pairs_parquet_still_has_its_columns(db: None) -> None:
    table = pq.read_table(io.BytesIO(export(make_project(), file_format="parquet")))
    assert (table.num_rows, table.column_names) == (0, ["prompt", "chosen", "rejected"])


def test_a_ranking_that_was_withdrawn_is_left_out(project: Project) -> None:
    before = len(rows_of(export(project, split="all")))
    gone = Ranking.objects.order_by("pk")[0]
    n_pairs = gone.pairs.count()
    rankings.withdraw(gone.assignment)
    assert len(rows_of(export(project, split="all"))) == before - n_pairs


def test_parquet_comes_in_pieces_as_it_is_written(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_writers, "ROWS_AT_ONCE", 2)
    project = make_project()
    make_prompt(project, split="train", k=4)
    rank(project, join(project))
    pieces = list(exports.stream_pairs(project, file_format="parquet", layout="standard"))
    assert [pieces[0], len(pieces)] == [b"PAR1", 5]
    assert pq.read_table(io.BytesIO(b"".join(pieces))).num_rows == 6


@pytest.mark.parametrize("file_format", exports.FORMATS)
def test_an_export_takes_as_many_statements_however_long_it_is(db: None, file_format: str) -> None:
    """Fetches of its one cursor are none: each is a part of the answer."""
    project = make_project(overlap=3)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            export(project, file_format=file_format, split="all")
        return len(queries)

    for _ in range(pair_groups.PROMPTS_AT_ONCE // 10):
        make_prompt(project)
    rank_next(project, join(project), 5)
    few = cost()
    for _ in range(2 * pair_groups.PROMPTS_AT_ONCE):
        make_prompt(project)
    rank_next(project, join(project), 2 * pair_groups.PROMPTS_AT_ONCE)
    assert cost() == few <= 7


def test_long_exports_come_in_pieces(db: None) -> None:
    project = make_project()
    labeler = join(project)
    for number in range(3):
        make_prompt(
            project, split="train", texts=[f"{number}{letter}" * table_writers.BYTES_AT_ONCE for letter in "ab"]
        )
        rank(project, labeler)
    pieces = list(exports.stream_pairs(project, file_format="jsonl", layout="standard"))
    assert len(pieces) == 3


@pytest.mark.parametrize(
    ("asked", "attr"),
    [({"file_format": "xml"}, "format"), ({"layout": "chat"}, "layout"), ({"split": "train,dev"}, "split")],
)
def test_what_there_is_not_is_refused_before_the_first_byte(db: None, asked: dict[str, str], attr: str) -> None:
    with pytest.raises(Invalid) as refused:
        exports.stream_pairs(make_project(), **{"file_format": "jsonl", "layout": "standard", **asked})
    assert refused.value.attr == attr


def test_the_file_is_named_for_what_is_in_it(project: Project) -> None:
    version = datasets.freeze(project)
    assert exports.filename(project, Wanted(file_format="csv")) == "helpful-live-train-validation.csv"
    name = exports.filename(project, Wanted(layout="conversational", split="test", version=version))
    assert name == "helpful-v1-test-conversational.jsonl"


@given(st.lists(st.integers(1, 4), min_size=2, max_size=6))
def test_expansion_has_each_untied_pair_once_the_better_first(ranks: list[int]) -> None:
    pairs = pair_groups.expand(ranks)
    assert all(ranks[chosen] < ranks[rejected] for chosen, rejected in pairs)
    untied = {frozenset((i, j)) for i in range(len(ranks)) for j in range(i) if ranks[i] != ranks[j]}
    assert {frozenset(pair) for pair in pairs} == untied
    assert len(pairs) == len(untied)


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_writes_the_same_bytes(project: Project, tmp_path: Path) -> None:
    datasets.freeze(project)
    for name, asked in [("a.jsonl", {}), ("a.csv", {"split": "all"}), ("a.parquet", {"layout": "conversational"})]:
        path = tmp_path / name
        call_command("export_pairs", "helpful", str(path), **asked)
        expected = export(project, file_format=path.suffix[1:], **asked)
        assert path.read_bytes() == expected
        call_command("export_pairs", "helpful", str(path), dataset=1, **asked)
        assert path.read_bytes() == expected
    assert len(list(tmp_path.iterdir())) == 3


def test_the_command_writes_to_standard_output(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", out)
    call_command("export_pairs", "helpful", "-")
    assert out.buffer.getvalue() == export(project)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "x.jsonl"], "no project 'nowhere'. There are: helpful"),
        (["helpful", "x.jsonl", "--dataset", "9"], "no dataset version 9"),
        (["helpful", "x.jsonl", "--split", "dev"], "split is one of train, validation, test, all; got 'dev'"),
        (["helpful", "/nowhere/x.jsonl"], "Can't write /nowhere/x.jsonl: No such file or directory"),
    ],
)
def test_the_command_says_what_is_wrong(project: Project, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("export_pairs", *arguments)


def test_a_failed_export_leaves_the_file_that_was_there(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text("yesterday's")
    version = datasets.freeze(project)
    datasets.path_of(version).write_bytes(b"broken")
    with pytest.raises(pa.ArrowInvalid):
        call_command("export_pairs", "helpful", str(path), dataset=1)
    assert [file.name for file in tmp_path.iterdir()] == ["pairs.jsonl"]
    assert path.read_text() == "yesterday's"


# --- While labelers go on ---------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_export_is_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_groups, "PROMPTS_AT_ONCE", 1)
    project = make_project(overlap=2)
    first, second = join(project), join(project)
    for number in range(2):
        make_prompt(
            project, split="train", texts=[f"{number}{letter}" * table_writers.BYTES_AT_ONCE for letter in "ab"]
        )
        rank(project, first)
    pieces = exports.stream_pairs(project, file_format="jsonl", layout="standard")
    begun = next(pieces)
    in_another_connection(lambda: [rank(project, second), rank(project, second)])
    assert len(rows_of(begun + b"".join(pieces))) == 2
    assert len(rows_of(export(project))) == 4


@pytest.mark.django_db(transaction=True)
def test_a_download_that_is_broken_off_leaves_the_connection_usable() -> None:
    project = make_project()
    make_prompt(project, split="train")
    rank(project, join(project))
    pieces = exports.stream_pairs(project, file_format="jsonl", layout="standard")
    next(pieces)
    pieces.close()
    assert not connection.in_atomic_block
    make_prompt(project)  # writes: what was read-only has ended


def in_another_connection(work: Callable[[], object]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_an_unknown_source_is_refused_and_a_version_has_none_but_people(project: Project) -> None:
    with pytest.raises(Invalid, match=r"source is one of people, labeled, imported, model; got 'robots'"):
        export(project, source="robots")
    with pytest.raises(Invalid, match="A frozen version holds people's labels alone"):
        export(project, source="model", version=datasets.freeze(project))
