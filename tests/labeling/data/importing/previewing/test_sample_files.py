"""The sample files: each layout has one, is told by it, and takes all of it."""

from __future__ import annotations

import pytest

from formats.layouts import known
from labeling.data.importing.import_preview import preview
from labeling.data.importing.imports import import_records
from labeling.data.importing.sample_files import FOLDER, samples
from labeling.data.importing.upload_layouts import rows_of
from labeling.models import Prompt, Ranking
from tests.factories import make_project


def test_every_layout_has_one_and_nothing_else_lies_there() -> None:
    assert list(samples()) == [layout.name for layout in known.KNOWN]
    assert {path.stem for path in FOLDER.iterdir()} == set(known.BY_NAME)
    assert all(sample.title and sample.about for sample in samples().values())


@pytest.mark.django_db
@pytest.mark.parametrize("name", known.BY_NAME)
def test_each_is_recognised_and_imported_without_a_bad_line(name: str) -> None:
    sample, project = samples()[name], make_project(slug="helpful")
    with sample.path.open("rb") as file:
        found = preview(file, sample.file_name, project=project)
    assert found.found.layout is sample.layout
    with sample.path.open("rb") as file:
        report = import_records(project, rows_of(file, sample.file_name))
    assert (report.errors, report.stopped) == ([], None)
    assert Prompt.objects.count() == 3
    assert Ranking.objects.count() == {"podium": 2, "multipref": 6}.get(name, 3)


@pytest.mark.django_db
def test_all_of_them_say_the_same() -> None:
    """So that whoever compares two sees how the layouts differ."""
    said = set()
    for sample in samples().values():
        project = make_project()
        with sample.path.open("rb") as file:
            import_records(project, rows_of(file, sample.file_name))
        prompts = project.prompts.prefetch_related("completions").order_by("id")
        said.add(str([(prompt.messages, sorted(text.text for text in prompt.completions.all())) for prompt in prompts]))
    assert len(said) == 1
