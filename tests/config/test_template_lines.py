"""A reviewer reads a template's change beside the line before it: no line is longer than Python's lines are."""

from __future__ import annotations

from benchmarks import house

LIMIT = 120
# Of before the limit. It only shrinks: a file leaves it with its last long line, and no new one enters.
STILL_LONGER = {
    "labeling/answers/_answer_words.html",
    "labeling/answers/history_edit.html",
    "labeling/projects/_overview_decisions.html",
    "labeling/projects/home.html",
    "labeling/projects/overview.html",
    "labeling/projects/project_settings.html",
    "labeling/quality/_tour.html",
    "labeling/quality/practice.html",
    "labeling/quality/practice_marked.html",
    "labeling/styleguide/board.html",
    "labeling/styleguide/charts.html",
    "labeling/styleguide/colours.html",
    "labeling/styleguide/contrast.html",
    "labeling/styleguide/controls.html",
    "labeling/styleguide/forms.html",
    "labeling/styleguide/page.html",
    "labeling/styleguide/reading.html",
    "labeling/styleguide/states.html",
    "labeling/styleguide/surfaces.html",
    "labeling/styleguide/type.html",
}


def test_no_line_of_a_template_is_longer_than_a_line_of_python() -> None:
    templates = house.tracked("templates/*")
    assert templates
    longer = {
        place.rpartition(":")[0].removeprefix("templates/"): place for n, place in house.lines(templates) if n > LIMIT
    }
    assert sorted(longer[name] for name in longer.keys() - STILL_LONGER) == []
    assert sorted(STILL_LONGER - longer.keys()) == [], "have no long line any more: take them out of the list"
