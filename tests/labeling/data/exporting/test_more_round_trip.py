"""What is said beyond an order: import, freeze, export and import again; and a version that says none of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from labeling.data.exporting.dataset_folder import folder_of
from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.data.versions import datasets, difference
from labeling.data.versions.frozen_rows import SCHEMA, WIDE_SCHEMA
from labeling.models import Project, RankedCompletion, Ranking
from tests.factories import make_project
from tests.labeling.data.exporting.asked import export

pytestmark = pytest.mark.django_db

MORE: dict[str, Any] = {
    "acceptable": 1,
    "reasons": ["more_correct"],
    "attributes": [{"helpful": 4, "kinder": -2}, {"helpful": 1, "kinder": 2}],
    "rewrite": {"of": "a", "text": "Better."},
}


def rows(n: int = 6) -> list[dict[str, Any]]:
    return [
        {
            "id": f"q{number}",
            "prompt": f"Question {number}?",
            "completions": [{"id": "a", "text": f"One {number}"}, {"id": "b", "text": f"Two {number}"}],
            "rankings": [{"labeler": "ann", "ranks": [1, 2], "flags": [{}, {}], **(MORE if number % 2 else {})}],
        }
        for number in range(n)
    ]


def imported(project: Project, data: bytes) -> None:
    report = import_lines(project, lines_of(io.BytesIO(data)))
    assert not report.errors


@pytest.fixture
def project(tmp_path: Any, settings: Any) -> Project:
    settings.MODEL_STORAGE = tmp_path
    project = make_project(slug="source")
    imported(project, "\n".join(map(json.dumps, rows())).encode())
    return project


def test_an_import_stores_it(project: Project) -> None:
    ranking = Ranking.objects.get(prompt__external_id="q1")
    assert (ranking.acceptable, ranking.reasons, ranking.says_more) == (1, ["more_correct"], True)
    attributes = RankedCompletion.objects.filter(ranking=ranking).order_by("completion__position")
    assert list(attributes.values_list("attributes", flat=True)) == MORE["attributes"]
    assert not Ranking.objects.get(prompt__external_id="q0").says_more


def test_the_same_row_again_is_known_and_another_is_refused(project: Project) -> None:
    assert import_lines(project, lines_of(io.BytesIO(json.dumps(rows()[1]).encode()))).skipped == 1
    for name, other in (("acceptable", 2), ("reasons", []), ("attributes", []), ("rewrite", None)):
        row = rows()[1]
        row["rankings"][0][name] = other
        report = import_lines(project, lines_of(io.BytesIO(json.dumps(row).encode())))
        assert "rankings[0].labeler" in report.errors[0].detail


def test_it_is_in_the_frozen_rows_and_in_every_export(project: Project) -> None:
    version = datasets.freeze(project)
    by_id = {row["id"]: row["rankings"][0] for row in datasets.read_groups(version)}
    assert {name: by_id["q1"][name] for name in MORE} == MORE
    assert [by_id["q0"][name] for name in MORE] == [None, [], [], None]
    for source in (None, version):
        exported = export(project, what="podium", split="all", version=source)
        said = {row["id"]: row["rankings"][0] for row in map(json.loads, exported.splitlines())}
        assert {name: said["q1"][name] for name in MORE} == MORE
        target = make_project()
        imported(target, exported)
        assert export(target, what="podium", split="all") == exported


def test_a_frozen_file_is_imported_with_it(project: Project) -> None:
    data = datasets.path_of(datasets.freeze(project)).read_bytes()
    target = make_project()
    for row in pq.read_table(io.BytesIO(data)).to_pylist():
        imported(target, json.dumps(row).encode())
    says = Ranking.objects.filter(project=target).order_by("pk").values_list("acceptable", "reasons")
    assert list(says) == [(None, []), (1, ["more_correct"])] * 3


def test_a_folder_for_others_has_the_columns(project: Project) -> None:
    version = datasets.freeze(project)
    folder = folder_of(version, "all")
    for member in folder.members():
        if "rankings" in member.name:
            table = pq.read_table(io.BytesIO(b"".join(member.pieces())))
            names = table.schema.field("rankings").type.value_type
            assert [names.field(place).name for place in range(names.num_fields)][-4:] == list(MORE)


def test_a_version_in_which_nobody_says_more_has_the_columns_that_it_always_had(project: Project) -> None:
    wide = datasets.freeze(project)
    assert pq.read_schema(datasets.path_of(wide)) == WIDE_SCHEMA
    plain = make_project()
    imported(plain, "\n".join(json.dumps(row) for row in rows() if "acceptable" not in row["rankings"][0]).encode())
    assert pq.read_schema(datasets.path_of(datasets.freeze(plain))) == SCHEMA
    assert "acceptable" not in export(plain, what="podium", split="all").decode()


def test_the_first_that_says_more_widens_the_next_version(project: Project) -> None:
    plain = make_project()
    data = [row for row in rows() if "acceptable" not in row["rankings"][0]]
    imported(plain, "\n".join(map(json.dumps, data)).encode())
    before = datasets.freeze(plain)
    imported(plain, json.dumps(rows()[1]).encode())
    after = datasets.freeze(plain)
    assert pq.read_schema(datasets.path_of(after)) == WIDE_SCHEMA
    found = difference.difference(before, after)
    assert (found.prompts["added"], found.prompts["changed"], found.prompts["same"]) == (1, 0, 3)
    # By what changed since it is the file that reading all of it gives.
    imported(plain, json.dumps(rows()[3]).encode())
    grown = datasets.freeze(plain)
    datasets.path_of(grown).unlink()
    assert datasets.freeze(plain) == grown


@pytest.mark.parametrize(("what", "n"), [("edited", 3), ("edited-over-all", 6)])
def test_rewrites_are_pairs_over_the_chosen_and_where_asked_over_all(project: Project, what: str, n: int) -> None:
    for version in (None, datasets.freeze(project)):
        pairs = [json.loads(line) for line in export(project, what=what, split="all", version=version).splitlines()]
        assert len(pairs) == n
        assert {pair["chosen"] for pair in pairs} == {"Better."}
        assert [pair["rejected"] for pair in pairs][:2] == (["One 1", "One 3"] if n == 3 else ["One 1", "Two 1"])
    rows = export(project, what=what, split="all", columns="provenance").splitlines()
    origin = json.loads(rows[0])
    assert (origin["chosen_id"], origin["rejected_id"], origin["chosen_model"]) == ("a-edited", "a", "")
    assert (origin["rank_gap"], origin["chosen_position"]) == (1, None)
    for layout in ("conversational", "openrlhf", "nemo-rl"):
        assert len(export(project, what=what, split="all", layout=layout).splitlines()) == n
