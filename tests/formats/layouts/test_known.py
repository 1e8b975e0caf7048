"""Every layout's samples: recognised as what they are among all others, read, written again, and broken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from formats import rows
from formats.layouts.known import BY_NAME, KNOWN, recognise
from formats.layouts.layout import Layout, read
from formats.refusals import WORDS, Refused
from tests.formats.layouts.samples_of import files, layout_of, records_of

each_file = pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)


def deep(levels: int = 3000) -> object:
    value: object = "deep"
    for _ in range(levels):
        value = [value]
    return value


WRONG: list[object] = [
    *(
        None,
        True,
        0,
        -1,
        7,
        0.5,
        10**400,
        float("inf"),
        "",
        " ",
        "\x00",
        "\ud800",
        "word",
        [],
        [None],
        ["a"],
        [[]],
        [{}],
    ),
    *({}, {"a": {}}, {"role": "user"}, [{"role": "user", "content": None}], [{"role": 3, "content": []}], deep()),
]


def mutations(value: object) -> Iterator[object]:
    """Yields what the value may be with one thing of it missing, of another kind, empty or there twice."""
    yield from WRONG
    if isinstance(value, dict):
        for key in value:
            yield {name: each for name, each in value.items() if name != key}
            yield from ({**value, key: changed} for changed in mutations(value[key]))
    elif isinstance(value, list):
        for place in range(min(len(value), 2)):
            yield value[:place] + value[place + 1 :]
            yield [*value, value[place]]
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in mutations(value[place]))


def test_names_and_titles_are_each_layouts_own() -> None:
    assert len(BY_NAME) == len({layout.title for layout in KNOWN}) == len(KNOWN)


def test_each_layout_has_a_sample() -> None:
    assert set(map(layout_of, files())) == set(BY_NAME)


@each_file
def test_a_file_is_recognised_as_what_it_is_and_as_nothing_else(path: Path) -> None:
    for record in records_of(path):
        assert [layout.name for layout in KNOWN if layout.recognises(record)] == [layout_of(path)]
    assert recognise(records_of(path)) is BY_NAME[layout_of(path)]


@each_file
def test_its_records_are_rows_that_can_be_stored(path: Path) -> None:
    layout = BY_NAME[layout_of(path)]
    found = [made for _, made in read(layout, enumerate(records_of(path), start=1))]
    assert found
    parsed = [rows.parse_row(row) for row in found]
    assert len({row.id for row in parsed}) == len(parsed)
    again = [made for _, made in read(layout, enumerate(records_of(path), start=1))]
    assert again == found
    json.dumps(found, ensure_ascii=False).encode()


@each_file
def test_what_it_writes_says_the_same_when_it_is_read_again(path: Path) -> None:
    layout = BY_NAME[layout_of(path)]
    if layout.write is None:
        return
    found = [row for _, row in read(layout, enumerate(records_of(path), start=1)) if isinstance(row, dict)]
    found = [row for row in found if not only_ties(row) or layout.name == "podium"]
    assert found
    written = [record for row in found for record in layout.write(row)]
    assert {found.name for record in written for found in KNOWN if found.recognises(record)} == {layout.name}
    again = [row for _, row in read(layout, enumerate(written, start=1))]
    assert list(map(rows.parse_row, again)) == list(map(rows.parse_row, found))


def only_ties(row: dict[str, object]) -> bool:
    """Whether a layout of pairs has nothing to write of it."""
    return all(len(set(ranking.ranks)) == 1 for ranking in rows.parse_row(row).rankings)


@each_file
def test_a_broken_record_is_one_refusal_in_words_and_never_an_error_of_python(path: Path) -> None:
    layout = BY_NAME[layout_of(path)]
    for record in records_of(path)[:4]:
        before = deepcopy(record)
        for changed in mutations(record):
            check(layout, changed)
        assert record == before


def check(layout: Layout, changed: object) -> None:
    if isinstance(changed, dict):
        layout.recognises(changed)
    for _, made in read(layout, [(1, changed)]):
        if (refused := made if isinstance(made, Refused) else refusal_of(made)) is not None:
            assert refused.code in WORDS
            assert str(refused)


def refusal_of(row: object) -> Refused | None:
    try:
        rows.parse_row(row)
    except Refused as error:
        return error
    return None


@each_file
def test_a_layout_that_was_named_reads_any_others_file_without_an_error_of_python(path: Path) -> None:
    for layout in KNOWN:
        for record in records_of(path):
            check(layout, record)


@pytest.mark.parametrize("records", [[], [None, 3, "x"], [{}], [{"a": 1}]])
def test_what_has_no_known_layout_is_recognised_as_none(records: list[object]) -> None:
    assert recognise(records) is None
