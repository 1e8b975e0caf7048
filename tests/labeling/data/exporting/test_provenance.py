"""Where a row comes from: whose, of what, and nobody's name."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.test import override_settings

from formats.rows import parse_row
from labeling.answers import rankings
from labeling.data.exporting import pseudonyms
from labeling.data.exporting.contents import provenance
from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.data.versions import datasets
from labeling.models import Project, RankedCompletion, User
from tests.factories import claimed, join, make_project, make_prompt, tiers_of
from tests.labeling.data.exporting.asked import LIVE_ALONE, Rows, export, frozen_columns, rows

RECORDED = {
    "id": "imported",
    "prompt": "Which?",
    "completions": [{"id": "x", "text": "this"}, {"id": "y", "text": "that", "model": "gpt"}],
    "rankings": [{"labeler": "Anna Schmidt", "ranks": [2, 1], "flags": [{"hateful": True}, {}], "strength": 3}],
}


@pytest.fixture
def project(db: None) -> Project:
    """One prompt ranked here, with flags, and one that came ranked."""
    project = make_project(slug="helpful", flags=[{"name": "hateful", "label": "Hateful"}])
    make_prompt(project, split="train", external_id="q1", texts=["best", "middle", "worst"])
    assignment = claimed(project, join(project, username="maria.huber"))
    tiers = tiers_of(assignment, [1, 2, 2])
    said = {"tiers": tiers, "flags": {tiers[1][0]: {"hateful": True}}, "active_seconds": 12.5}
    rankings.submit(assignment, said)
    import_rows(project, [RECORDED])
    return project


def import_rows(project: Project, made: Rows) -> None:
    file = io.BytesIO("\n".join(map(json.dumps, made)).encode())
    report = import_lines(project, lines_of(file))
    assert not report.errors


def test_every_column_of_a_pair_says_where_it_is_from(project: Project) -> None:
    pair = next(row for row in rows(project, columns="provenance", split="all") if row["prompt_id"] == "q1")
    shown = dict(
        RankedCompletion.objects.filter(prompt__external_id="q1").values_list("completion__text", "shown_position")
    )
    assert pair | {"labeler": "", "ranking": 0, "chosen_flags": ""} == {
        "prompt": "Question q1?",
        "chosen": "best",
        "rejected": "middle",
        "margin": 0,
        "prompt_id": "q1",
        "split": "train",
        "chosen_id": "a",
        "rejected_id": "b",
        "chosen_model": "secret-model-0",
        "rejected_model": "secret-model-1",
        "ranking": 0,
        "labeler": "",
        "active_seconds": 12.5,
        "strength": None,
        "source": "labeled",
        "rank_gap": 1,
        "chosen_position": shown["best"],
        "rejected_position": shown["middle"],
        "chosen_flags": "",
        "rejected_flags": '{"hateful":true}' if "hateful" in pair["rejected_flags"] else "{}",
        "version": None,
    }


def test_an_imported_pair_says_so(project: Project) -> None:
    [pair] = [row for row in rows(project, columns="provenance", split="all") if row["prompt_id"] == "imported"]
    assert (pair["source"], pair["strength"], pair["margin"], pair["chosen_position"]) == ("imported", 3, 3, None)
    assert (pair["chosen_id"], pair["chosen_model"], pair["rejected_model"]) == ("y", "gpt", "")
    assert (pair["chosen_flags"], pair["rejected_flags"]) == ("{}", '{"hateful":true}')


def test_the_columns_without_provenance_stay_as_they_are(project: Project) -> None:
    plain = rows(project, split="all")
    assert set(plain[0]) == {"prompt", "chosen", "rejected", "margin"}
    assert [{name: row[name] for name in plain[0]} for row in rows(project, columns="provenance", split="all")] == plain


@pytest.mark.parametrize("what", ["pairs", "rankings", "flags", "kto", "kto-flags", "sft"])
def test_a_frozen_version_says_the_same_but_for_what_it_lacks(project: Project, what: str) -> None:
    asked: dict[str, Any] = {"what": what, "columns": "provenance", "split": "all"}
    version = datasets.freeze(project)
    live, frozen = rows(project, **asked), rows(project, **asked, version=version)
    assert live
    assert all(row["version"] == 1 for row in frozen)
    assert not any(row.get(name) for row in frozen for name in LIVE_ALONE - {"version"})
    assert frozen_columns(live) == frozen_columns(frozen)


def test_no_name_of_a_person_leaves_in_any_export(project: Project) -> None:
    for what in ("pairs", "rankings", "flags", "kto", "sft"):
        for version in (None, datasets.freeze(project)):
            data = export(project, what=what, columns="provenance", split="all", version=version)
            assert b"maria" not in data
            assert b"Anna" not in data
    assert b"Anna" not in export(project, what="podium", split="all")


def test_a_pseudonym_is_one_person_s_in_one_project(project: Project) -> None:
    maria, other = User.objects.get(username="maria.huber"), make_project()
    name = pseudonyms.of(project, maria.username, is_imported=False)
    assert {row["labeler"] for row in rows(project, columns="provenance")} >= {name}
    assert name != pseudonyms.of(other, maria.username, is_imported=False), "joins nothing of two projects"
    assert name != pseudonyms.of(project, "maria.huber2", is_imported=False)


def test_who_knows_the_names_finds_nobody_without_the_site_s_secret(project: Project) -> None:
    name = pseudonyms.of(project, "maria.huber", is_imported=False)
    guesses = ("maria.huber", f"{project.pk}/maria.huber", f"{project.slug}/maria.huber")
    assert all(hashlib.sha256(guess.encode()).hexdigest()[:16] not in name for guess in guesses)
    with override_settings(SECRET_KEY="another"):
        assert pseudonyms.of(project, "maria.huber", is_imported=False) != name


def test_a_pseudonym_that_was_imported_is_kept_and_a_person_cannot_take_one(project: Project) -> None:
    name = "labeler-0123456789abcdef"
    assert pseudonyms.of(project, f"{name}@helpful", is_imported=True) == name
    assert pseudonyms.of(project, f"{name}#helpful", is_imported=True) == name
    assert pseudonyms.of(project, f"{name}@helpful", is_imported=False) != name


@pytest.mark.parametrize("layout", ["standard", "conversational", "openrlhf", "nemo-rl"])
def test_every_format_has_the_same_columns(project: Project, layout: str) -> None:
    asked: dict[str, Any] = {"columns": "provenance", "split": "all", "layout": layout}
    table = pq.read_table(io.BytesIO(export(project, **asked, file_format="parquet")))
    assert table.to_pylist() == rows(project, **asked)
    assert set(table.column_names) >= set(provenance.PAIR)


def test_what_is_written_of_flags_is_read_again(project: Project) -> None:
    for row in rows(project, what="podium", split="all"):
        assert parse_row(row).id == row["id"]
