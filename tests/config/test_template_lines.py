"""A reviewer reads a template's change beside the line before it: no line is longer than Python's lines are."""

from __future__ import annotations

from benchmarks import house

LIMIT = 120


def test_no_line_of_a_template_is_longer_than_a_line_of_python() -> None:
    templates = house.tracked("templates/*")
    assert templates
    assert [place for length, place in house.lines(templates) if length > LIMIT] == []
