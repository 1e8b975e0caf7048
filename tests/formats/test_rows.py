"""One table of edge rows, and the doors that read the format: none takes a row otherwise than the table says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import translation

from formats import limits, rows
from formats.refusals import WORDS, Refused
from labeling.data.importing import imports, row_words
from labeling.judgements import CLASSIFICATION, RANKING, row_limits
from rewardtrain.automatic import best_of
from rewardtrain.core.data.groups import read_groups
from rewardtrain.core.errors import DataError
from tests.formats.edge_rows import EDGES, Edge

edges = pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.name)
DOCS = Path(__file__).parents[2] / "docs/import.md"


def general(code: str | None) -> str | None:
    """How many completions there must be is said with each door's own numbers."""
    return "completions" if code == "some_completions" else code


def verdict(read: Callable[[], object]) -> tuple[str | None, str]:
    """The code and the field of what is refused."""
    try:
        read()
    except Refused as error:
        str(error).encode()
        return error.code, error.field
    return None, ""


@edges
def test_the_format_itself(edge: Edge) -> None:
    assert verdict(lambda: rows.parse_row(rows.read_json(edge.line))) == (edge.refused, edge.field)


@edges
@pytest.mark.parametrize("classifies", [False, True], ids=["ranks", "classifies"])
def test_an_import_refuses_what_the_format_refuses_and_its_own_limits(edge: Edge, classifies: bool) -> None:
    own = edge.classifies if classifies else edge.project
    code, field = verdict(
        lambda: imports.parse_line(edge.line, flags=["rude"], judgement=CLASSIFICATION if classifies else RANKING)
    )
    if edge.refused is None:
        assert code == own
    else:
        assert (general(code), field) == (general(edge.refused), edge.field)


@edges
def test_core_takes_just_what_the_format_takes_and_says_it_with_the_same_words(edge: Edge, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_bytes(edge.line + b"\n")
    if edge.refused is None:
        [group] = read_groups(file)
        assert group.split in ("train", "validation", "test")
        return
    with pytest.raises(DataError) as caught:
        read_groups(file)
    assert str(caught.value).startswith(f"line 1: {edge.field}: {WORDS[edge.refused].split('%')[0]}")


@edges
def test_best_of_n_takes_what_the_format_takes_of_two_completions_and_more(edge: Edge) -> None:
    code, field = verdict(lambda: rows.parse_row(rows.read_json(edge.line), best_of.LIMITS))
    if edge.refused in ("unknown_key", "misspelt_key"):
        assert code is None  # what else whoever sampled them wrote beside
    elif edge.refused is not None:
        assert (general(code), field) == (general(edge.refused), edge.field)
    elif edge.name not in ("K = 1", "an id of 201 characters"):
        assert code is None, field


def test_what_both_doors_take_means_the_same(tmp_path: Path) -> None:
    taken = [edge for edge in EDGES if not (edge.refused or edge.project)]
    assert len(taken) > 15
    for edge in taken:
        file = tmp_path / "data.jsonl"
        file.write_bytes(edge.line)
        [group] = read_groups(file)
        row = imports.parse_line(edge.line, flags=["rude"])
        assert [(turn.role, turn.content) for turn in group.prompt] == [
            (turn["role"], turn["content"]) for turn in row.messages
        ]
        assert group.completions == tuple(completion.text for completion in row.completions)
        assert [(one.labeler, one.ranks, one.strength, any(one.flags)) for one in group.rankings] == [
            (one.labeler, one.ranks, one.strength, any(one.flags)) for one in row.rankings
        ]


def test_there_are_no_fewer_edges_than_there_were_disagreements() -> None:
    assert len({edge.name for edge in EDGES}) == len(EDGES) >= 80


def test_every_limit_of_a_project_is_written_down() -> None:
    text = DOCS.read_text(encoding="utf-8")
    section = text[text.index("## What a project adds") :].replace(",", "")
    numbers = {
        row_limits.MIN_COMPLETIONS, row_limits.MAX_COMPLETIONS, row_limits.MAX_ID, row_limits.MAX_LABELER,
        row_limits.MAX_TEXT, row_limits.MAX_MESSAGES, row_limits.MAX_RANKINGS, row_limits.MAX_FLAGS,
    }  # fmt: skip
    assert numbers <= {int(number) for number in re.findall(r"\d+", section)}


def test_whoever_speaks_to_people_has_every_sentence_of_the_format() -> None:
    assert row_words.WORDS == WORDS
    with translation.override("de"):
        refused = Refused("prompt", 3, "too_long", n=3, limit=2)
        assert row_words.words_of(refused) != str(refused)


def test_a_refusal_of_a_huge_value_is_short() -> None:
    line = json.dumps({"id": "x" * 10**6, "prompt": ["y" * 10**6], "completions": [{"text": "a"}]}).encode()
    with pytest.raises(Refused) as caught:
        rows.parse_row(rows.read_json(line), limits.Limits(max_id=10))
    assert len(str(caught.value)) < 200
