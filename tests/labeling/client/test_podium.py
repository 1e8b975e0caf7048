"""podium.py, the one file that people download, against the running site."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas
import podium
import pytest
from knox.models import AuthToken
from podium import BadRows, Refused, Report

from labeling.models import Project, Prompt, Ranking, User
from tests.factories import join, make_project, make_user, rank, rank_next

ROOT = Path(__file__).resolve().parents[3]
FILE, PAGE = ROOT / "static" / "podium.py", ROOT / "docs" / "client.md"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def manager() -> User:
    return make_user("manager")


@pytest.fixture
def stored(manager: User) -> Project:
    return make_project(manager=manager, slug="helpful", overlap=2)


@pytest.fixture
def token(manager: User) -> str:
    return str(AuthToken.objects.create(manager)[1])


@pytest.fixture
def project(live_server: Any, stored: Project, token: str, monkeypatch: pytest.MonkeyPatch) -> podium.Project:
    monkeypatch.setenv("PODIUM_TOKEN", token)
    return podium.Project(live_server.url, "helpful", patience=0)


def row(name: str, **more: Any) -> dict[str, Any]:
    completions = [{"id": letter, "text": f"{letter} to {name}", "model": f"m-{letter}"} for letter in "ab"]
    return {"id": name, "prompt": f"{name}?", "completions": completions, **more}


def test_what_was_pushed_is_read_back_and_the_same_again_changes_nothing(project: podium.Project) -> None:
    rows = [row(f"q{n}", metadata={"n": n}) for n in range(5)]
    assert project.push(rows) == Report(created=5)
    assert project.push(iter(rows)) == Report(skipped=5)
    read = project.prompts().to_list()
    assert [{**each, "prompt": each["messages"][0]["content"]}[name] for each in read for name in ("id", "prompt")] == [
        each[name] for each in rows for name in ("id", "prompt")
    ]
    assert [each["metadata"] for each in read] == [{"n": n} for n in range(5)]
    assert [(text["id"], text["model"]) for text in read[0]["completions"]] == [("a", "m-a"), ("b", "m-b")]
    assert project.push([]) == Report()
    assert project.push(row(f"d{n}") for n in range(3)).created == 3
    assert project.push([row("e")], dry_run=True).created == 1
    assert Prompt.objects.count() == 8


def test_a_chunk_that_came_half_through_is_gone_on_with(
    project: podium.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podium, "CHUNK_ROWS", 3)

    def broken() -> Iterator[dict[str, Any]]:
        yield from (row(f"q{n}") for n in range(7))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.push(broken())
    assert Prompt.objects.count() == 6
    assert project.push(row(f"q{n}") for n in range(8)) == Report(created=2, skipped=6)


def test_bad_rows_are_named_by_their_place_in_all_and_the_others_are_in(
    project: podium.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podium, "CHUNK_ROWS", 4)
    rows = [row(f"q{n}") if n % 5 else row(f"q{n}", completions=[{"text": "alone"}]) for n in range(12)]
    rows[7]["promt"] = rows[7].pop("prompt")
    with pytest.raises(BadRows) as bad:
        project.push(rows)
    report = bad.value.report
    assert (report.created, report.n_errors) == (8, 4)
    assert sorted(error["row"] for error in report.errors) == [0, 5, 7, 10]
    first, alike, other = str(bad.value).splitlines()
    assert first == "4 of 12 rows were refused:"
    assert alike.startswith("  row 0, 5, 10: completions: ")
    assert other.startswith("  row 7: ")
    assert "promt" in other
    assert project.push(rows, errors="report").n_errors == 4
    with pytest.raises(ValueError, match="'raise' or 'report'"):
        project.push(rows, errors="ignore")


def test_reading_stops_where_hardly_a_row_is_good(project: podium.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podium, "CHUNK_ROWS", 10)
    monkeypatch.setattr(podium, "MOST_BAD", 20)
    report = project.push(({"id": str(n), "prompt": "?"} for n in range(1000)), errors="report")
    assert report.n_errors == 20


@pytest.mark.parametrize("more", [0, 1])
def test_chunks_are_bounded_in_rows_and_in_bytes(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    monkeypatch.setattr(podium, "CHUNK_BYTES", 100)
    lines = [b"x" * (40 + more)] * 5 + [b"y" * 500] + [b"z"] * (podium.CHUNK_ROWS + 1)
    monkeypatch.setattr(podium, "CHUNK_ROWS", 50)
    chunks = list(podium._chunks(lines))
    assert [line for _, chunk in chunks for line in chunk] == lines
    assert [first for first, _ in chunks] == [sum(len(chunk) for _, chunk in chunks[:n]) for n in range(len(chunks))]
    assert all(len(chunk) == 1 or (sum(map(len, chunk)) <= 100 and len(chunk) <= 50) for _, chunk in chunks)


# --- Tables -----------------------------------------------------------------------------------------------------------


def test_a_data_frame_goes_in_with_what_numpy_and_pandas_hold(project: podium.Project) -> None:
    frame = pandas.DataFrame([row(f"q{n}") for n in range(3)], index=[7, 7, 9])
    frame["metadata"] = [
        {"at": pandas.Timestamp("2026-03-02T09:30"), "n": np.int64(2**40), "half": np.float32(0.5)},
        {"list": np.arange(3), "pair": (1, None), "gone": pandas.NaT, "yes": np.bool_(True)},
        np.nan,
    ]
    frame["split"] = [None, np.nan, pandas.NA]
    assert project.push(frame) == Report(created=3)
    assert [each["metadata"] for each in project.prompts()] == [
        {"at": "2026-03-02T09:30:00", "n": 2**40, "half": 0.5},
        {"list": [0, 1, 2], "pair": [1, None], "gone": None, "yes": True},
        {},
    ]


def test_a_frame_from_parquet_goes_in(project: podium.Project, tmp_path: Path) -> None:
    """Its lists are arrays."""
    pandas.DataFrame([row(f"q{n}") for n in range(2)]).to_parquet(tmp_path / "rows.parquet")
    assert project.push(pandas.read_parquet(tmp_path / "rows.parquet")).created == 2


def test_a_dataset_goes_in_streamed_or_not_and_in_any_format(project: podium.Project) -> None:
    rows = [row("q0", rankings=[{"labeler": "ann", "ranks": [1, 2]}]), row("q1", metadata={"n": 1})]
    dataset = datasets.Dataset.from_list(rows)
    assert project.push(dataset) == Report(created=2, rankings=1)
    assert project.push(dataset.to_iterable_dataset()) == Report(skipped=2)
    assert project.push(dataset.with_format("numpy")) == Report(skipped=2)
    with pytest.raises(ValueError, match="rows is a DatasetDict; give one of its splits"):
        project.push(datasets.DatasetDict({"train": dataset}))


def test_objects_of_lists_as_older_datasets_give_them_are_lists() -> None:
    assert podium._listed({"id": ["a", "b"], "text": ["One.", "Two."]}) == [
        {"id": "a", "text": "One."}, {"id": "b", "text": "Two."}
    ]  # fmt: skip
    for other in ({"tags": ["x"]}, {"text": "One."}, {"text": ["One."], "id": []}, {}, ["text"]):
        assert podium._listed(other) is other


class Strange:
    pass


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [row("q0"), row("q1", metadata={"a": [1, float("nan")]})],
            r"row 1, 'metadata', 'a'\[1\]: nan is no number in",
        ),
        ([row("q0", metadata={"a": np.float64("inf")})], "row 0, 'metadata', 'a': inf is no number"),
        ([row("q0", metadata={"a": np.array([1.0, np.nan])})], r"row 0, 'metadata', 'a'\[1\]: nan is no number"),
        (pandas.DataFrame([row("q0", metadata={"a": np.nan})]), "row 0, 'metadata', 'a': nan is no number"),
        ([row("q0", metadata={"a": Strange()})], "row 0, 'metadata', 'a': a Strange has no place in JSON"),
        ([row("q0", metadata={"a": b"x"})], "row 0, 'metadata', 'a': a bytes has no place"),
        ([row("q0", metadata={"a": Strange(), 3: 4})], "row 0, 'metadata', 'a': a Strange"),
        ([row("q0", metadata={3: b""})], "row 0, 'metadata': 3 is no name of a column"),
        ([["q0"]], "row 0 is a list; a row is a dict"),
        ({"id": "q0"}, "rows is a dict; give one of its splits"),
        ("rows.jsonl", "rows is a str; push takes a list of dicts, or a table"),
        (7, "rows is a int; push takes"),
        (pandas.DataFrame([[1, 2]], columns=["id", "id"]), "two columns are named 'id'"),
    ],
)
def test_what_is_no_json_is_named_by_row_and_column(rows: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(podium._lines(rows))


def test_what_is_nested_too_deep_ends_in_words() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="row 0 is nested too deep"):
        list(podium._lines([{"metadata": deep}]))


def test_half_a_surrogate_pair_is_the_servers_to_name(project: podium.Project) -> None:
    with pytest.raises(BadRows, match=r"row 1: .*surrogate"):
        project.push([row("q0"), row("q1", prompt="a\ud800")])


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_each_list_is_read_to_its_end(
    project: podium.Project, stored: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(podium, "PAGE_ROWS", 2)
    monkeypatch.setattr(podium, "MOST_IDS", 3)
    names = [f"q{n}" for n in range(7)]
    project.push([row(name) for name in names])
    ann = join(stored, username="ann")
    made = rank_next(stored, ann, 5)
    assert [each["id"] for each in project.prompts()] == names
    assert [each["id"] for each in project.prompts(ids=[*names[::-1], "q9"])] == [*names[4:], *names[1:4], "q0"]
    assert project.prompts(ids=[]).to_list() == []
    assert [each["id"] for each in project.rankings()] == [ranking.pk for ranking in made]
    assert [each["id"] for each in project.rankings(since=made[2].pk, labeler="ann")] == [made[3].pk, made[4].pk]
    assert {each["chosen_external_id"] for each in project.provenance()} == {"a"}
    assert project.prompt("q3")["rankings"][0]["labeler"] == "ann"
    assert project.rankings().to_list() == project.rankings().to_list() != []


def test_pairs_and_rankings_come_as_a_frame_and_as_a_dataset(project: podium.Project, stored: Project) -> None:
    project.push([row(f"q{n}", metadata={"n": n} if n else {"other": ["x"]}) for n in range(3)])
    rank_next(stored, join(stored), 3)
    Ranking.objects.update(comment="数学")
    pairs = project.pairs(split="all")
    assert sorted(pairs.to_pandas()["chosen"]) == ["a to q0", "a to q1", "a to q2"]
    assert pairs.to_dataset().column_names == ["prompt", "chosen", "rejected"]
    assert project.pairs(split="all", layout="conversational").to_list()[0]["prompt"][0]["role"] == "user"
    frame = project.rankings().to_pandas()
    assert [said["rank"] for said in frame["ranked"][0]] == [1, 2]
    assert set(project.rankings().to_dataset()["comment"]) == {"数学"}
    assert [json.loads(text) for text in project.prompts().to_dataset()["metadata"]] == [
        {"other": ["x"]}, {"n": 1}, {"n": 2}
    ]  # fmt: skip


def test_a_version_is_frozen_and_exported_whole_or_not_at_all(
    project: podium.Project, stored: Project, tmp_path: Path
) -> None:
    project.push([row(f"q{n}") for n in range(3)])
    rank_next(stored, join(stored), 2)
    version = project.freeze()
    assert project.freeze() == version
    assert project.versions().to_list() == [version]
    path = tmp_path / "pairs.parquet"
    assert project.export(str(path), version=version["number"], split="all") == path.stat().st_size
    rank(stored, join(stored))
    frozen = project.pairs(version=version["number"], split="all").to_list()
    assert pandas.read_parquet(path).to_dict("records") == frozen
    with pytest.raises(Refused, match="There is no such dataset version"):
        project.export(str(path), version=7)
    assert [each.name for each in tmp_path.iterdir()] == ["pairs.parquet"]
    with pytest.raises(ValueError, match=r"its name ends with \.jsonl, \.csv, \.parquet"):
        project.export("pairs.txt")


def test_a_frozen_file_comes_with_the_checksum_of_its_version(
    project: podium.Project, stored: Project, tmp_path: Path
) -> None:
    project.push([row(f"q{n}") for n in range(3)])
    rank_next(stored, join(stored), 2)
    version, path = project.freeze(), tmp_path / "v1.parquet"
    assert project.download(str(path), version["number"]) == path.stat().st_size == version["bytes"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == version["sha256"]
    with pytest.raises(Refused, match="There is no such dataset version"):
        project.download(str(tmp_path / "v7.parquet"), 7)
    assert [each.name for each in tmp_path.iterdir()] == ["v1.parquet"]


def test_what_is_wrong_is_told_in_the_servers_words(project: podium.Project, live_server: Any, token: str) -> None:
    for read, words in (
        (lambda: project.prompts(state="open").to_list(), "400: state: state is one of waiting, ranked, held"),
        (lambda: project.rankings(labeller="ann").to_list(), "400: labeller: There is no parameter"),
        (lambda: project.pairs(split="tset").to_list(), "400: split: "),
        (lambda: project.prompt("a/b c"), "404: There is no such prompt"),
        (lambda: podium.Project(live_server.url, "other", token).freeze(), "404: There is no such project"),
        (lambda: podium.Project(live_server.url, "helpful", "none").freeze(), "401: "),
    ):
        with pytest.raises(Refused, match=words):
            read()
    with pytest.raises(Refused) as refused:
        project.prompts(state="open").to_list()
    assert (refused.value.status, refused.value.code) == (400, "unknown_state")


def test_a_bar_is_where_somebody_looks(
    project: podium.Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project.push([row("q0")])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(project, "_progress", True)
    project.push([row("q0"), row("q1")])
    assert re.search(r"helpful: rows: 100%.* 2/2", capsys.readouterr().err)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    project.push([row("q0"), row("q1")])
    project.prompts().to_list()
    assert [line.split("\r")[-1] for line in capsys.readouterr().err.strip("\n").split("\n")] == [
        "helpful: rows 2 of 2 ", "helpful: prompts 2 "
    ]  # fmt: skip
    terminal = type("Terminal", (io.StringIO,), {"isatty": lambda self: True})()
    monkeypatch.setattr(project, "_progress", None)
    monkeypatch.setattr(sys, "stderr", terminal)
    project.push([row("q0")])
    assert "helpful: rows 1 of 1" in terminal.getvalue()


def test_a_library_that_is_missing_is_named(project: podium.Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pandas", "datasets"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(podium.PodiumError, match="pandas is not installed: pip install pandas"):
        project.prompts().to_pandas()
    with pytest.raises(podium.PodiumError, match="datasets is not installed"):
        project.prompts().to_dataset()


# --- The page and the file --------------------------------------------------------------------------------------------


def blocks() -> list[str]:
    """The page's blocks of Python."""
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [textwrap.dedent(block).strip() for block in found if "curl" not in block]


def test_the_pages_blocks_do_what_they_say(
    project: podium.Project, stored: Project, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, later, table = blocks()
    assert len(first.splitlines()) <= 11
    names: dict[str, Any] = {}
    exec(first.replace("https://podium.example", live_server.url), names)
    assert names["project"].prompts().to_pandas()["id"].tolist() == [f"q{n}" for n in range(10)]
    rank_next(stored, join(stored), 10)
    exec(later, names)
    assert names["pairs"].column_names == ["prompt", "chosen", "rejected"]
    assert len(pandas.read_parquet("pairs.parquet"))
    exec(table, names)
    assert Prompt.objects.count() == 10


def test_the_file_is_downloaded_from_the_site(live_server: Any) -> None:
    code = "import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())"
    got = subprocess.run(
        [sys.executable, "-c", code, f"{live_server.url}/static/podium.py"], capture_output=True, check=True
    )
    assert got.stdout == FILE.read_bytes()


def test_the_file_stands_alone_on_an_old_python() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = [node.names[0].name for node in ast.walk(tree) if isinstance(node, ast.Import)]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
