"""What one project exports as prompts with all rankings, another imports: the two say the same."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest

from labeling.answers import rankings
from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.data.versions import datasets
from labeling.models import DatasetVersion, Project
from tests.factories import claimed, join, make_project, tiers_of
from tests.labeling.data.exporting.asked import export

FLAGS = [{"name": "hateful", "label": "Hateful"}, {"name": "wrong", "label": "Wrong"}]
TURNS = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "=SUM(A1)\n数学 \u2028"},
    {"role": "assistant", "content": ""},
    {"role": "user", "content": "And?"},
]


def rows() -> list[dict[str, Any]]:
    """Every split, turns, models, metadata, ties, flags and strengths."""
    made = []
    for n in range(40):
        two = n % 2
        made.append(
            {
                "id": f"q{n}",
                "prompt": [*TURNS, {"role": "user", "content": f"{n}"}][1 if n % 3 else 0 :],
                "completions": [
                    {"id": f"c{place}", "text": f"{n} {'+-=@'[place]}", "model": f"m{place}" if place else ""}
                    for place in range(2 if two else 4)
                ],
                "rankings": [
                    {"labeler": "Anna Schmidt", "ranks": [2, 1], "strength": 1 + n % 3}
                    if two
                    else {
                        "labeler": "bo",
                        "ranks": [1, 2, 2, 3],
                        "flags": [{"hateful": True, "wrong": False}, {}, {}, {}],
                    }
                ],
                "tags": [f"tag {n % 3}", "Ä"] if n % 2 else [],
                "metadata": {"source": {"file": n}, "tags": ["a", None]} if n % 5 else {},
            }
        )
    return made


@pytest.fixture
def source(db: None) -> Project:
    """Imported rows, and on top of them two people's own rankings."""
    source = make_project(slug="source", flags=FLAGS, ask_strength=True, overlap=3)
    imported(source, "\n".join(map(json.dumps, rows())).encode())
    for labeler in (join(source, username="maria.huber"), join(source)):
        for _ in range(8):
            assignment = claimed(source, labeler)
            k = assignment.prompt.completions.count()
            tiers = tiers_of(assignment, [2, 1] if k == 2 else [3, 1, 1, 2])
            said: dict[str, Any] = {"tiers": tiers, "flags": {tiers[0][0]: {"wrong": True}}}
            rankings.submit(assignment, said | ({"strength": 2} if k == 2 else {}))
    return source


def imported(project: Project, data: bytes) -> None:
    report = import_lines(project, lines_of(io.BytesIO(data)))
    assert not report.errors


def test_export_import_and_freeze_say_the_same(source: Project) -> None:
    exported = export(source, what="podium", split="all")
    target = make_project(slug="target", flags=FLAGS, ask_strength=True)
    imported(target, exported)
    assert export(target, what="podium", split="all") == exported
    before, after = datasets.freeze(source), datasets.freeze(target)
    assert (before.counts, before.n_prompts, before.n_pairs) == (after.counts, after.n_prompts, after.n_pairs)
    assert said_by(after) == said_by(before)
    assert export(target, what="podium", split="all", version=after) == export(
        source, what="podium", split="all", version=before
    )


def said_by(version: DatasetVersion) -> list[dict[str, Any]]:
    """Every cell of a version's file but the ids and names that are those of its database."""
    said: list[dict[str, Any]] = pq.read_table(datasets.path_of(version)).to_pylist()
    for row in said:
        for ranking in row["rankings"]:
            del ranking["id"], ranking["labeler"]
    return said


def test_pairs_and_provenance_are_the_same_after_it(source: Project) -> None:
    target = make_project(slug="target", flags=FLAGS)
    imported(target, export(source, what="podium", split="all"))
    assert export(target, split="all") == export(source, split="all")
    names = {row["labeler"] for row in provenance(source)}
    assert len(names) == 4
    assert {row["labeler"] for row in provenance(target)} == names


def provenance(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(project, columns="provenance", split="all").splitlines()]


def test_the_same_file_again_changes_nothing(source: Project) -> None:
    target = make_project(slug="target", flags=FLAGS)
    exported = export(source, what="podium", split="all")
    imported(target, exported)
    report = import_lines(target, lines_of(io.BytesIO(exported)))
    assert (report.created, report.updated, report.skipped, report.n_errors) == (0, 0, 40, 0)
