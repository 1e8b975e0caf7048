"""What else than pairs an export holds, and how each library has it laid out."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.layouts.training import nemo_rl
from formats.rows import parse_row
from labeling.answers import rankings
from labeling.data.exporting.contents.kinds import KINDS
from labeling.data.exporting.ranked_prompts import agreement_of
from labeling.data.versions import datasets
from labeling.errors import Invalid
from labeling.models import Project
from tests.factories import answer, claimed, join, make_project, make_prompt, rank, tiers_of
from tests.labeling.data.exporting.asked import export, rows

TURNS = [{"role": "user", "content": "One?"}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.fixture
def project(db: None) -> Project:
    """One prompt that three people ranked, with a tie and a flag, and one on which all tie."""
    project = make_project(overlap=3, flags=[{"name": "bad", "label": "Bad"}, {"name": "odd", "label": "Odd"}])
    make_prompt(project, split="train", external_id="q1", question="One?", texts=["A", "B", "C"])
    make_prompt(project, split="train", external_id="q2", question="Two?", texts=["D", "E"])
    for ranks in ([1, 2, 3], [1, 2, 2], [2, 1, 3]):
        labeler = join(project)
        assignment = claimed(project, labeler)
        tiers = tiers_of(assignment, ranks)
        flags = {tiers[-1][0]: {"bad": True}} if ranks == [1, 2, 3] else {}
        rankings.submit(assignment, {"tiers": tiers, "flags": flags})
        rank(project, labeler, [1, 1])
    return project


def test_rankings_have_all_completions_with_ties(project: Project) -> None:
    assert rows(project, what="rankings")[:3] == [
        {"prompt": "One?", "completions": ["A", "B", "C"], "ranks": ranks}
        for ranks in ([1, 2, 3], [1, 2, 2], [2, 1, 3])
    ]
    assert rows(project, what="rankings")[3] == {"prompt": "Two?", "completions": ["D", "E"], "ranks": [1, 1]}


def test_conversational_rankings_are_messages(project: Project) -> None:
    row = rows(project, what="rankings", layout="conversational")[0]
    assert row == {"prompt": TURNS, "completions": [said(text) for text in "ABC"], "ranks": [1, 2, 3]}


def test_nemo_rl_rankings_read_back_as_the_layout_of_imports_does(project: Project) -> None:
    found = rows(project, what="rankings", layout="nemo-rl")
    assert found[1]["completions"][2] == {"rank": 1, "completion": said("C")}
    assert all(map(nemo_rl.LAYOUT.recognises, found))
    read = [parse_row(row | {"id": "x"}) for record in found for row in nemo_rl.LAYOUT.rows(record, None)]
    assert [row.rankings[0].ranks for row in read[:3]] == [(1, 2, 3), (1, 2, 2), (2, 1, 3)]
    assert [completion.text for completion in read[0].completions] == ["A", "B", "C"]


def test_nemo_rl_pairs_have_two_completions(project: Project) -> None:
    row = rows(project, layout="nemo-rl")[0]
    assert row == {
        "context": TURNS,
        "completions": [{"rank": 0, "completion": said("A")}, {"rank": 1, "completion": said("B")}],
    }


def test_openrlhf_pairs_are_whole_conversations(project: Project) -> None:
    row = rows(project, layout="openrlhf")[0]
    assert row == {"chosen": [*TURNS, *said("A")], "rejected": [*TURNS, *said("B")]}


def test_dpo_is_pairs(project: Project) -> None:
    assert export(project, what="dpo") == export(project)


def test_sft_has_what_most_put_first_and_nothing_where_all_tie(project: Project) -> None:
    assert rows(project, what="sft") == [{"prompt": "One?", "completion": "A"}]
    assert rows(project, what="sft", layout="conversational") == [{"prompt": TURNS, "completion": said("A")}]


def test_kto_of_ranks_goes_by_who_put_it_first_and_last(project: Project) -> None:
    """A is first twice; B first once and last once; C is last each time. Of a tie at the end both are last."""
    assert rows(project, what="kto") == [
        {"prompt": "One?", "completion": "A", "label": True},
        {"prompt": "One?", "completion": "C", "label": False},
    ]


def test_kto_of_flags_goes_by_what_people_said(project: Project) -> None:
    assert rows(project, what="kto-flags") == [{"prompt": "One?", "completion": "C", "label": False}]
    assert rows(project, what="kto-flags", flags="odd") == []


def test_kto_of_a_classification_has_the_good_ones_too(db: None) -> None:
    project = make_project(kind="classification", flags=[{"name": "bad", "label": "Bad"}], overlap=3)
    make_prompt(project, k=1, question="", texts=["fine"], split="train")
    make_prompt(project, k=1, question="", texts=["awful"], split="train")
    make_prompt(project, k=1, question="", texts=["disputed"], split="train")
    first, second = join(project), join(project)
    for bad in (False, True, True):
        answer(project, first, bad=bad)
    for bad in (False, True, False):
        answer(project, second, bad=bad)
    assert rows(project, what="kto-flags") == [
        {"prompt": "", "completion": "fine", "label": True},
        {"prompt": "", "completion": "awful", "label": False},
    ]
    assert [row["flags"] for row in rows(project, what="flags")] == [
        '{"bad":false}', '{"bad":false}', '{"bad":true}', '{"bad":true}', '{"bad":true}', '{"bad":false}',
    ]  # fmt: skip
    assert rows(project) == []


def test_flags_have_a_row_for_each_that_somebody_said(project: Project) -> None:
    [row] = rows(project, what="flags", columns="provenance")
    assert (row["completion"], row["flags"], row["rank"], row["completion_id"]) == ("C", '{"bad":true}', 3, "c")
    assert rows(project, what="flags", flags="odd") == []


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("file_format", ["parquet", "arrow"])
def test_tables_hold_the_rows_of_json_lines(project: Project, what: str, file_format: str) -> None:
    for layout in KINDS[what].layouts:
        data = io.BytesIO(export(project, what=what, layout=layout, file_format=file_format))
        table = pq.read_table(data) if file_format == "parquet" else pa.ipc.open_stream(data).read_all()
        assert objects(table.to_pylist()) == rows(project, what=what, layout=layout)


def objects(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What JSON Lines of prompts with all rankings have as objects is JSON in a table."""
    for row in found:
        if "metadata" in row:
            row["metadata"] = json.loads(row["metadata"])
            for ranking in row["rankings"]:
                ranking["flags"] = json.loads(ranking["flags"])
    return found


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet", "arrow"])
def test_a_frozen_version_gives_the_very_same_bytes(project: Project, what: str, file_format: str) -> None:
    version = datasets.freeze(project)
    for layout in KINDS[what].layouts:
        asked: dict[str, Any] = {"what": what, "layout": layout, "file_format": file_format}
        assert export(project, **asked) == export(project, **asked, version=version)


@pytest.mark.parametrize(
    ("asked", "attr", "words"),
    [
        (
            {"what": "all"},
            "what",
            "what is one of pairs, dpo, edited, edited-over-all, rankings, podium, flags, kto, kto-flags, sft; got ",
        ),
        ({"what": "sft", "layout": "nemo-rl"}, "layout", "layout is one of standard, conversational; got 'nemo-rl'"),
        ({"what": "podium", "columns": "provenance"}, "columns", "columns is one of texts; got 'provenance'"),
        ({"what": "sft", "rows": "merged"}, "rows", "rows is one of each; got 'merged'"),
        ({"what": "kto", "ties": "half"}, "ties", "ties is one of keep, drop; got 'half'"),
        ({"what": "flags", "flags": "bad,evil"}, "flags", "flags is one of bad, odd; got 'evil'"),
        ({"compression": "zip"}, "compression", "compression is one of none, gzip, zstd; got 'zip'"),
        ({"compression": "gzip", "file_format": "parquet"}, "compression", "parquet is packed inside already"),
        ({"what": "sft", "source": "model"}, "what", "what is about what people said"),
        ({"source": "model", "labelers": "ann"}, "labelers", "labelers is about what people said"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    project: Project, asked: dict[str, Any], attr: str, words: str
) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        export(project, **asked)
    assert refused.value.attr == attr


@given(st.lists(st.permutations([1, 2, 3]), min_size=2, max_size=5))
@settings(max_examples=25)
def test_agreement_is_the_share_of_comparisons_that_agree(said: list[list[int]]) -> None:
    compared = [
        (one[i] < one[j]) == (other[i] < other[j])
        for place, one in enumerate(said)
        for other in said[:place]
        for i, j in ((0, 1), (0, 2), (1, 2))
    ]
    assert agreement_of(said) == pytest.approx(sum(compared) / len(compared))
