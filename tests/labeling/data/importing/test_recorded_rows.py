"""What a file records of rankings is kept to the end, or refused by its line: nothing of it is dropped in silence."""

from __future__ import annotations

import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from formats.prompts import prompt_key, split_of
from labeling.data.exporting import exports
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets
from labeling.models import PreferencePair, Project, Prompt, Ranking
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset
from rewardtrain.core.data.groups import read_groups
from tests.factories import make_project
from tests.labeling.api.client import row

pytestmark = pytest.mark.django_db
ANN = {"labeler": "ann", "ranks": [2, 1]}


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")


def imported(project: Project, *rows: dict[str, object]) -> Report:
    return import_lines(project, [json.dumps(each).encode() for each in rows])


def split(name: str) -> str:
    """Where a prompt of row() falls."""
    return split_of(prompt_key([("user", f"Question {name}?")], []))


def refusals(report: Report) -> list[tuple[int, str]]:
    return [(error.line, error.field) for error in report.errors]


def of_training(n: int) -> list[str]:
    return [name for name in (f"q{number}" for number in range(3 * n)) if split(name) == "train"][:n]


def test_a_strength_survives_import_pairs_export_freezing_and_training(project: Project) -> None:
    """Margins are the mean of those who preferred the one to the other: ann says 3, bob says nothing, so 1.5."""
    one, two, three = of_training(3)
    bob = {"labeler": "bob", "ranks": [2, 1], "strength": None}
    report = imported(
        project,
        row(one, rankings=[{**ANN, "strength": 3}, bob]),
        row(two, rankings=[{**ANN, "ranks": [1, 7], "strength": 1}]),
        row(three, rankings=[{**ANN, "ranks": [1, 1]}]),
    )
    assert (report.created, report.rankings, report.errors) == (3, 4, [])
    assert list(Ranking.objects.order_by("pk").values_list("strength", flat=True)) == [3, None, 1, None]
    assert list(PreferencePair.objects.order_by("pk").values_list("margin", flat=True)) == [3, None, 1]

    version = datasets.freeze(project)
    for source in (None, version):
        pieces = exports.stream_pairs(project, file_format="jsonl", layout="standard", split="train", version=source)
        said = [json.loads(line) for line in b"".join(pieces).splitlines()]
        assert [(pair["chosen"], pair["margin"]) for pair in said] == [("Two.", 3), ("Two.", 0), ("One.", 1)]

    groups = read_groups(datasets.path_of(version))
    data = build_dataset(groups, TrainConfig(margin="strength"))
    assert [merged.margins for merged in data.comparisons["train"]] == [{(1, 0): 1.5}, {(0, 1): 1.0}]
    assert [merged.weights for merged in data.comparisons["train"]] == [{(1, 0): 2.0}, {(0, 1): 1.0}]


def test_a_frozen_version_is_the_import_format_and_goes_in_again_elsewhere(project: Project) -> None:
    """Whoever writes the Parquet file as JSON Lines has a file to import: the same prompts, rankings and bytes."""
    flags = [{"rude": True}, {}]
    names = of_training(2)
    imported(project, *(row(name, rankings=[{**ANN, "strength": 2, "flags": flags}]) for name in names))
    frozen = pq.read_table(datasets.path_of(datasets.freeze(project))).to_pylist()
    elsewhere = make_project()
    report = imported(elsewhere, *frozen)
    assert (report.created, report.rankings, report.errors) == (2, 2, [])
    [first, second] = Prompt.objects.filter(project=elsewhere)
    assert [first.split, second.split] == ["train", "train"]
    again = list(datasets.read_groups(datasets.freeze(elsewhere)))

    def without_names(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        of_here = ("id", "labeler")  # the labeler is ann@helpful@..., for names are each project's own
        kept = [[{k: v for k, v in said.items() if k not in of_here} for said in row["rankings"]] for row in rows]
        return [{**row, "rankings": rankings} for row, rankings in zip(rows, kept, strict=True)]

    for said in (said for each in frozen for said in each["rankings"]):
        said["flags"] = json.loads(said["flags"])
    assert without_names(again) == without_names(frozen)


def test_a_frozen_version_of_lone_texts_goes_in_again_too() -> None:
    flags = [{"name": "rude", "label": "Rude"}]
    alone = {
        "id": "1",
        "prompt": "",
        "completions": [{"text": "one"}],
        "rankings": [{"labeler": "ann", "ranks": [1], "flags": [{"rude": True}]}],
    }
    first, second = (make_project(kind="classification", flags=flags) for _ in range(2))
    assert imported(first, alone).errors == []
    frozen = pq.read_table(datasets.path_of(datasets.freeze(first))).to_pylist()
    report = imported(second, *frozen)
    assert (report.created, report.rankings, report.errors) == (1, 1, [])


def test_a_split_that_a_project_can_not_keep_is_named_by_its_line(project: Project) -> None:
    here, other = split("q1"), next(each for each in ("train", "test") if each != split("q1"))
    for _ in ("new", "known"):
        report = imported(project, row("q1", split=here), row("q2", split="dev"), row("q3"))
        assert refusals(report) == [(2, "split")]
        report = imported(project, row("q1", split=other))
        assert refusals(report) == [(1, "split")]
        assert f"this prompt is in {here}, by its text and for ever: leave the split out" in report.errors[0].detail
    report = imported(project, row("q9", split="train" if split("q9") != "train" else "test"), row("q4"))
    assert (report.created, refusals(report)) == (1, [(1, "split")])
    assert set(Prompt.objects.values_list("external_id", flat=True)) == {"q1", "q3", "q4"}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"rankings": [{**ANN, "ranks": [1, 2]}]}, "rankings[0].labeler", "with another ranking of this prompt"),
        ({"rankings": [{**ANN, "strength": 3}]}, "rankings[0].labeler", "with another ranking of this prompt"),
        ({"rankings": [ANN]}, "rankings[0].labeler", "with another ranking"),
        (
            {"rankings": [{"labeler": "bob", "ranks": [1, 2]}, {**ANN, "strength": 2, "flags": [{}, {"rude": True}]}]},
            "rankings[1].labeler",
            "which stays: leave it out, or name another labeler",
        ),
        ({"metadata": {"from": "elsewhere"}}, "metadata", "is other than the stored one, which stays"),
        (
            {"completions": [{"id": "a", "text": "One.", "model": "other"}, {"id": "b", "text": "Two."}]},
            "completions[0].model",
            "is another than the stored one, which stays",
        ),
    ],
)
def test_what_a_known_row_says_otherwise_is_named_and_what_is_stored_stays(
    project: Project, change: dict[str, Any], field: str, words: str
) -> None:
    """It was counted as unchanged before, and the file's ranking was gone without a word."""
    stored = {**ANN, "strength": 2, "flags": [{}, {"rude": False}]}
    imported(project, row("q1", rankings=[stored], metadata={"from": "here"}))
    report = imported(project, row("q0"), row("q1", **change), row("q2"))
    assert (report.created, report.skipped, refusals(report)) == (2, 0, [(2, field)])
    assert words in report.errors[0].detail
    assert (Ranking.objects.get().strength, Ranking.objects.count()) == (2, 1)
    assert Prompt.objects.get(external_id="q1").metadata == {"from": "here"}


def test_what_a_known_row_leaves_out_says_nothing(project: Project) -> None:
    stored = {**ANN, "strength": 2, "flags": [{}, {"rude": False}]}
    full = row("q1", rankings=[stored], metadata={"from": "here", "n": [1.0, 2e3, None]})
    imported(project, full)
    bare = [{"id": "a", "text": "One."}, {"id": "b", "text": "Two."}]
    report = imported(project, row("q1", completions=bare))
    assert (report.skipped, report.errors) == (1, [])
    assert imported(project, full).skipped == 1
    report = imported(project, {**full, "rankings": [stored, {"labeler": "bob", "ranks": [1, 2], "strength": 1}]})
    assert (report.updated, report.rankings, report.errors) == (1, 1, [])


@pytest.mark.parametrize("layout", ["standard", "conversational"])
@pytest.mark.parametrize("file_format", exports.FORMATS)
def test_margins_are_the_same_bytes_now_and_from_a_version_in_every_split(
    project: Project, file_format: str, layout: str
) -> None:
    """A file has the column where anybody of the project said one, also where its split's labelers did not."""
    names = [f"q{number}" for number in range(20)]
    strengths = {names[0]: {"strength": 2}}
    imported(project, *(row(name, rankings=[{**ANN, **strengths.get(name, {})}]) for name in names))
    version = datasets.freeze(project)
    for each in ("all", "train", "validation", "test"):
        live, frozen = (
            b"".join(exports.stream_pairs(project, file_format=file_format, layout=layout, split=each, version=source))
            for source in (None, version)
        )
        assert live == frozen
        assert b"margin" in live


def test_an_export_without_a_strength_has_no_margin(project: Project) -> None:
    imported(project, row("q1", rankings=[ANN]))
    version = datasets.freeze(project)
    for source in (None, version):
        pieces = exports.stream_pairs(project, file_format="csv", layout="standard", split="all", version=source)
        assert b"".join(pieces).splitlines()[0] == b"prompt,chosen,rejected"
