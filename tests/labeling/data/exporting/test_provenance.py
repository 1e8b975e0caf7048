"""Where a row comes from: whose, of what, and nobody's name."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils.crypto import salted_hmac

from formats.rows import parse_row
from labeling.answers import rankings
from labeling.data.exporting import pseudonyms
from labeling.data.exporting.contents import provenance
from labeling.data.exporting.ranked_prompts import Said
from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.data.leaving import erased_rows, erasure_worker, erasures
from labeling.data.versions import datasets
from labeling.models import (
    DatasetVersion,
    LabelerCounter,
    Membership,
    Project,
    RankedCompletion,
    Ranking,
    User,
)
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
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


def pseudonym(project: Project, username: str) -> str:
    return dict(pseudonyms.in_project(project))[username]


def labelers(project: Project, **asked: Any) -> set[str]:
    return {row["labeler"] for row in rows(project, columns="provenance", **asked)}


def test_a_pseudonym_is_one_person_s_in_one_project(project: Project) -> None:
    maria, other = User.objects.get(username="maria.huber"), make_project()
    name = pseudonym(project, maria.username)
    assert re.fullmatch(r"labeler-[0-9a-f]{16}", name)
    assert name in labelers(project)
    Membership.objects.create(project=other, user=maria, role="labeler")
    make_prompt(other)
    rank(other, maria)
    assert name != pseudonym(other, maria.username), "joins nothing of two projects"


def test_no_name_goes_into_it(project: Project) -> None:
    """Not even whoever has the names and the site's secret can tell which is whose by them."""
    name = pseudonym(project, "maria.huber")
    made = salted_hmac("labeling.data.exporting.pseudonyms", f"{project.pk}/maria.huber", algorithm="sha256")
    assert made.hexdigest()[:16] not in name
    with override_settings(SECRET_KEY="another"):
        assert name in labelers(project)


def test_it_stays_when_the_account_is_renamed_also_in_versions_of_before(project: Project) -> None:
    """A version names her as she was called then, and another may be called that by now."""
    maria, version = User.objects.get(username="maria.huber"), datasets.freeze(project)
    name, before = pseudonym(project, "maria.huber"), export(project, columns="provenance", version=version)
    maria.username = "maria.meier"
    maria.save()
    namesake = join(project, username="maria.huber")
    make_prompt(project)
    rank(project, namesake)
    assert pseudonym(project, "maria.meier") == name
    assert pseudonym(project, "maria.huber") != name
    assert export(project, columns="provenance", version=version) == before
    assert name in labelers(project, version=version)


def test_it_stays_when_the_account_is_erased_also_in_versions_of_before(project: Project) -> None:
    maria, version = User.objects.get(username="maria.huber"), datasets.freeze(project)
    before, frozen = labelers(project), export(project, columns="provenance", version=version)
    erasure_worker.work(erasures.request_erasure(maria, confirm="maria.huber", by=None).pk)
    maria.refresh_from_db()
    assert maria.username.startswith("erased-person-")
    assert labelers(project) == before
    assert export(project, columns="provenance", version=DatasetVersion.objects.get(pk=version.pk)) == frozen


def test_a_pseudonym_that_was_imported_is_kept_and_a_person_cannot_take_one(project: Project) -> None:
    name = "labeler-0123456789abcdef"
    assert pseudonyms.of("labeler-f", f"{name}@helpful", is_imported=True) == name
    assert pseudonyms.of("labeler-f", f"{name}#helpful", is_imported=True) == name
    assert pseudonyms.of("labeler-f", f"{name}@helpful", is_imported=False) == "labeler-f"
    person = User.objects.create(username=f"{name}@helpful", is_imported=True)
    counter = LabelerCounter.objects.create(project=project, labeler=person)
    assert pseudonym(project, person.username) == name
    erased_rows.rename(person, "erased-person-1")
    counter.refresh_from_db()
    assert counter.pseudonym == pseudonym(project, "erased-person-1") == name


def test_what_a_version_has_of_a_ranking_that_is_gone_has_a_pseudonym_still(project: Project) -> None:
    said = pseudonyms.remembering(project, datasets.freeze(project))
    gone = Said(2**40, "maria.huber", False, (1, 2), ({}, {}), None)
    assert said(gone) == pseudonym(project, "maria.huber")
    assert re.fullmatch(r"labeler-[0-9a-f]{16}", said(gone._replace(labeler="nobody any more")))


def test_an_export_asks_once_for_all_people_and_of_a_version_once_for_each(project: Project) -> None:
    version = datasets.freeze(project)
    made = Ranking.objects.filter(project=project, live=True).select_related("labeler")
    said = [Said(each.pk, each.labeler.username, each.labeler.is_imported, (), (), None) for each in made]
    costs, found = [], []
    for frozen in (None, version):
        with CaptureQueriesContext(connection) as context:
            pseudonym_of = pseudonyms.remembering(project, frozen)
            found.append([pseudonym_of(each) for each in (*said, *said)])
        costs.append(len(context))
    assert costs == [1, 1 + len(said)]
    assert found[0] == found[1]


@pytest.mark.parametrize("layout", ["standard", "conversational", "openrlhf", "nemo-rl"])
def test_every_format_has_the_same_columns(project: Project, layout: str) -> None:
    asked: dict[str, Any] = {"columns": "provenance", "split": "all", "layout": layout}
    table = pq.read_table(io.BytesIO(export(project, **asked, file_format="parquet")))
    assert table.to_pylist() == rows(project, **asked)
    assert set(table.column_names) >= set(provenance.PAIR)


def test_what_is_written_of_flags_is_read_again(project: Project) -> None:
    for row in rows(project, what="podium", split="all"):
        assert parse_row(row).id == row["id"]
