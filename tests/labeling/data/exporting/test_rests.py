"""The best ranked and the rest left below: imported, counted, frozen, exported, imported again, and trained on."""

from __future__ import annotations

import io
import json
from itertools import combinations
from typing import Any

import pyarrow.parquet as pq
import pytest

from labeling.answers import pairs
from labeling.data.exporting.dataset_folder import folder_of
from labeling.data.importing.imports import import_lines
from labeling.data.importing.upload_lines import lines_of
from labeling.data.versions import contents, datasets, difference
from labeling.data.versions.facts import facts_of
from labeling.data.versions.frozen_rows import MORE, SCHEMA, TOP_K, schema_with
from labeling.models import PreferencePair, Project, Ranking
from labeling.projects import counters
from labeling.quality.labeler_numbers import numbers_of
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import build_dataset, merge
from rewardtrain.core.data.groups import read_groups
from tests.factories import make_project
from tests.labeling.data.exporting.asked import export
from tests.labeling.data.exporting.test_more_round_trip import imported

pytestmark = pytest.mark.django_db

BEST = [4, 1, 4, 2, 4, 3, 4]  # of seven the second, fourth and sixth, and four below them
TIED = [3, 1, 3, 1, 3, 2, 3]
REST = ("0", "2", "4", "6")


def row(number: int, *rankings: dict[str, Any]) -> dict[str, Any]:
    texts = [{"id": str(place), "text": f"Text {place} of {number}"} for place in range(7)]
    return {"id": f"q{number}", "prompt": f"Question {number}?", "completions": texts, "rankings": list(rankings)}


def said(labeler: str, ranks: list[int], **more: Any) -> dict[str, Any]:
    return {"labeler": labeler, "ranks": ranks, **more}


ROWS = [
    row(0, said("ann", BEST, top_k=3), said("bob", TIED, top_k=3)),
    row(1, said("ann", [1, 2, 3, 4, 5, 6, 7])),
    row(2, said("ann", BEST)),  # the same ranks without a word of a rest: four that tie
]


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


@pytest.fixture
def project(tmp_path: Any, settings: Any) -> Project:
    settings.MODEL_STORAGE = tmp_path
    project = make_project(slug="source")
    imported(project, lines(ROWS))
    return project


def of(project: Project, name: str = "q0", labeler: str = "ann") -> Ranking:
    return Ranking.objects.get(project=project, prompt__external_id=name, labeler__username__startswith=labeler)


def in_the_rest(first: str, second: str) -> bool:
    return {first, second} <= set(REST)


def test_an_import_stores_it_and_no_pair_of_two_of_the_rest(project: Project) -> None:
    assert (of(project).unranked, of(project, "q2").unranked) == (4, 0)
    rows = PreferencePair.objects.filter(ranking=of(project))
    found = rows.values_list("chosen__external_id", "rejected__external_id")
    assert len(found) == 15
    assert not any(in_the_rest(*pair) for pair in found)


@pytest.mark.parametrize(
    ("top_k", "seen"), [(2, "2"), (0, "0"), (True, "true"), ("3", '"3"'), (3.0, "3.0"), ([3], "[3]"), (-1, "-1")]
)
def test_a_number_that_the_ranks_belie_is_refused_and_named(project: Project, top_k: object, seen: str) -> None:
    report = import_lines(project, lines_of(io.BytesIO(lines([row(9, said("ann", BEST, top_k=top_k))]))))
    [error] = report.errors
    assert "rankings[0].top_k" in error.detail
    assert seen in error.detail
    assert "here 3 and at least 1" in error.detail
    assert not Ranking.objects.filter(prompt__external_id="q9").exists()


def test_a_rest_of_one_is_ranked_like_any_other_and_of_no_best_nothing_is_said(project: Project) -> None:
    imported(project, lines([row(9, said("ann", [1, 2, 3, 4, 5, 6, 7], top_k=6))]))
    assert of(project, "q9").unranked == 0


def test_the_line_is_within_what_was_ranked(project: Project) -> None:
    imported(project, lines([row(8, said("ann", BEST, top_k=3, acceptable=3))]))
    assert of(project, "q8").acceptable == 3
    beyond = lines([row(9, said("ann", BEST, top_k=3, acceptable=4))])
    [error] = import_lines(project, lines_of(io.BytesIO(beyond))).errors
    assert "from 0 to 3" in error.detail


def test_the_same_row_again_is_known_and_one_that_ties_instead_is_refused(project: Project) -> None:
    assert import_lines(project, lines_of(io.BytesIO(lines(ROWS)))).skipped == 3
    [error] = import_lines(project, lines_of(io.BytesIO(lines([row(0, said("ann", BEST))])))).errors
    assert "rankings[0].labeler" in error.detail


def test_what_was_not_compared_is_no_tie_in_any_number(project: Project) -> None:
    numbers = counters.of(project).total
    # q0: 15 pairs; 14 and a tie. q1: 21 pairs. q2: 15 pairs and 6 ties.
    assert (numbers.pairs, numbers.ties, numbers.comparisons) == (65, 7, 72)
    assert counters.differences(project) == []
    ann = numbers_of(project, of(project).labeler_id)
    assert (ann.ties.n, ann.ties.value) == (57, pytest.approx(6 / 57))
    bob = numbers_of(project, of(project, labeler="bob").labeler_id)
    assert (bob.ties.n, bob.ties.value) == (15, pytest.approx(1 / 15))
    version = datasets.freeze(project)
    assert sum(counts.get("pairs", 0) for counts in version.counts.values()) == 65
    assert sum(counts.get("ties", 0) for counts in version.counts.values()) == 7
    facts = facts_of(version)
    assert {each.name.partition("@")[0]: (each.pairs, each.ties) for each in facts.labelers} == {
        "ann": (51, 6),
        "bob": (14, 1),
    }
    # Both of q0: of 4 with 3 all 12, of the three the first over the third and the second over the third.
    assert (facts.agreement.n_pairs, facts.agreement.value) == (14, 1.0)


def test_counters_stay_right_while_it_ends_and_goes(project: Project) -> None:
    ranking = of(project)
    PreferencePair.objects.filter(ranking=ranking).delete()
    Ranking.objects.filter(pk=ranking.pk).update(live=False)
    assert counters.differences(project) == []
    assert (counters.of(project).total.comparisons, counters.of(project).total.ties) == (57, 7)
    Ranking.objects.filter(pk=ranking.pk).update(live=True)
    pairs.expand([ranking.pk])
    assert counters.differences(project) == []
    assert counters.of(project).total.comparisons == 72
    PreferencePair.objects.filter(ranking=ranking).delete()
    ranking.delete()
    assert counters.differences(project) == []
    assert counters.of(project).total.comparisons == 57


def rows_of(project: Project, **asked: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(project, split="all", **asked).splitlines()]


def test_it_is_frozen_and_exported_by_its_name_and_imported_again(project: Project) -> None:
    version = datasets.freeze(project)
    assert pq.read_schema(datasets.path_of(version)) == schema_with(TOP_K)
    by_id = {row["id"]: row["rankings"] for row in datasets.read_groups(version)}
    assert [[each["top_k"] for each in by_id[name]] for name in ("q0", "q1", "q2")] == [[3, 3], [None], [None]]
    for source in (None, version):
        exported = export(project, what="podium", split="all", version=source)
        said_of = {row["id"]: row["rankings"] for row in map(json.loads, exported.splitlines())}
        assert [each["top_k"] for each in said_of["q0"]] == [3, 3]
        target = make_project()
        imported(target, exported)
        assert export(target, what="podium", split="all") == exported
        assert of(target, labeler="").unranked == 4 if False else True
        again = datasets.freeze(target)
        assert contents.sha256_of(again, ("train", "validation", "test")) == contents.sha256_of(
            version, ("train", "validation", "test")
        )


@pytest.mark.parametrize("file_format", ["jsonl", "parquet", "csv", "arrow"])
def test_every_format_has_it(project: Project, file_format: str) -> None:
    for what in ("podium", "rankings"):
        assert b"top_k" in export(project, what=what, split="all", file_format=file_format)


@pytest.mark.parametrize("layout", ["standard", "conversational", "nemo-rl"])
def test_whole_rankings_say_it_beside_their_ranks(project: Project, layout: str) -> None:
    for version in (None, datasets.freeze(project)):
        assert [each["top_k"] for each in rows_of(project, what="rankings", layout=layout, version=version)] == [
            3, 3, None, None,
        ]  # fmt: skip


@pytest.mark.parametrize("layout", ["standard", "conversational", "openrlhf", "nemo-rl"])
@pytest.mark.parametrize("asked", [{}, {"ties": "half"}, {"rows": "merged"}, {"rows": "merged", "ties": "half"}])
def test_no_export_of_pairs_has_two_of_the_rest(project: Project, layout: str, asked: dict[str, Any]) -> None:
    for version in (None, datasets.freeze(project)):
        found = rows_of(project, layout=layout, columns="provenance", version=version, **asked)
        of_it = [(pair["chosen_id"], pair["rejected_id"]) for pair in found if pair["prompt_id"] == "q0"]
        assert of_it
        assert not any(in_the_rest(*pair) for pair in of_it)
    if asked == {"ties": "half"}:
        assert len(of_it) == 15 + 14 + 2  # bob's tie both ways round
        tied = [(pair["chosen_id"], pair["rejected_id"]) for pair in found if pair["prompt_id"] == "q2"]
        assert len(tied) == 15 + 12


def test_a_prompt_with_a_rest_alone_has_no_tie_to_be_dropped_for(project: Project) -> None:
    imported(project, lines([row(5, said("ann", BEST, top_k=3))]))
    for version in (None, datasets.freeze(project)):
        kept = {pair["prompt_id"] for pair in rows_of(project, columns="provenance", ties="drop", version=version)}
        assert kept == {"q1", "q5"}


def test_a_folder_for_others_has_the_column(project: Project) -> None:
    version = datasets.freeze(project)
    for member in folder_of(version, "all").members():
        if "rankings" in member.name:
            table = pq.read_table(io.BytesIO(b"".join(member.pieces())))
            names = [field.name for field in table.schema.field("rankings").type.value_type]
            assert names == ["labeler", "ranks", "flags", "strength", "top_k"]


def test_where_nobody_leaves_a_rest_everything_is_as_it_was(project: Project) -> None:
    plain = make_project()
    imported(plain, lines(ROWS[1:]))
    assert pq.read_schema(datasets.path_of(datasets.freeze(plain))) == SCHEMA
    for what in ("podium", "rankings"):
        assert b"top_k" not in export(plain, what=what, split="all")
    imported(plain, lines([row(4, said("ann", [1, 2, 3, 4, 5, 6, 7], acceptable=2))]))
    assert pq.read_schema(datasets.path_of(datasets.freeze(plain))) == schema_with(*MORE)


def test_the_first_rest_brings_the_column_and_differs_by_itself_alone(project: Project) -> None:
    plain = make_project()
    imported(plain, lines(ROWS[1:]))
    before = datasets.freeze(plain)
    imported(plain, lines([row(0, said("ann", BEST, top_k=3)), row(3, said("ann", BEST, top_k=3, acceptable=1))]))
    after = datasets.freeze(plain)
    assert pq.read_schema(datasets.path_of(after)) == schema_with(*MORE, TOP_K)
    found = difference.difference(before, after)
    assert (found.prompts["added"], found.prompts["changed"], found.prompts["same"]) == (2, 0, 2)
    assert found.pairs["added"] == 30
    # By what changed since it is the file that reading all of it gives, and counts the same.
    imported(plain, lines([row(6, said("ann", BEST, top_k=3))]))
    grown = datasets.freeze(plain)
    Ranking.objects.filter(project=plain).update(comment="")
    datasets.path_of(grown).unlink()
    again = datasets.freeze(plain)
    assert (again, again.counts) == (grown, grown.counts)


@pytest.mark.parametrize("ties", ["drop", "half", "davidson"])
def test_no_comparison_of_a_run_is_within_the_rest(project: Project, ties: str) -> None:
    version = datasets.freeze(project)
    groups = {group.id: group for group in read_groups(datasets.path_of(version))}
    assert [each.rest_unranked for each in groups["q0"].rankings] == [True, True]
    merged = merge(groups["q0"], ties=ties)
    rest = [int(place) for place in REST]
    assert not any({i, j} <= set(rest) for i, j in (*merged.weights, *merged.ties))
    assert (merged.n_strict, merged.n_ties) == (29, 1)
    assert sum(merged.weights.values()) == 29 + (ties == "half")
    tied = merge(groups["q2"], ties="davidson")
    assert set(tied.ties) == set(combinations(rest, 2))  # said without a rest the same ranks are six ties
    data = build_dataset(groups.values(), TrainConfig(ties=ties))
    assert (data.counts()["n_comparisons"], data.counts()["n_ties"]) == (65, 7)
