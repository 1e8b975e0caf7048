"""What an export is narrowed by, live and frozen, and pairs with weights."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labeling.data.exporting import pseudonyms
from labeling.data.importing.imports import import_lines
from labeling.data.versions import datasets
from labeling.errors import Invalid
from labeling.models import Project, Ranking
from tests.factories import join, make_project, make_prompt, rank
from tests.labeling.data.exporting.asked import Rows, export, frozen_columns, rows

NO_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

Ranks = list[list[int]]  # of a prompt: each labeler's


@pytest.fixture
def project(db: None) -> Project:
    """Two prompts that ann and bo ranked: they agree on the first, disagree on the second, where bo has a tie."""
    project = make_project(slug="helpful", overlap=2)
    make_prompt(project, split="train", external_id="q1", texts=["A", "B", "C"])
    make_prompt(project, split="train", external_id="q2", texts=["D", "E", "F"])
    for name, ranks in (("ann", [[1, 2, 3], [1, 2, 3]]), ("bo", [[1, 2, 3], [2, 1, 1]])):
        labeler = join(project, username=name)
        for said in ranks:
            rank(project, labeler, said)
    return project


def chosen(found: Rows) -> list[str]:
    return [row["chosen"] + row["rejected"] for row in found]


ALL = ["AB", "AC", "BC", "AB", "AC", "BC", "DE", "DF", "EF", "ED", "FD"]


def both(project: Project, **asked: Any) -> Rows:
    """The rows of an export, which are the same of a version frozen now."""
    found = rows(project, **asked)
    version = datasets.freeze(project)
    assert frozen_columns(rows(project, **asked, version=version)) == frozen_columns(found)
    return found


def test_only_some_labelers_by_name_or_pseudonym(project: Project) -> None:
    pseudonym = dict(pseudonyms.in_project(project))["bo"]
    assert chosen(both(project, labelers="bo")) == chosen(both(project, labelers=pseudonym)) == [*ALL[:3], "ED", "FD"]
    assert chosen(both(project, labelers=f" ann , {pseudonym}")) == ALL


def test_an_unknown_labeler_is_refused_and_nobody_is_named(project: Project) -> None:
    with pytest.raises(Invalid, match="labelers is one of labeler-") as refused:
        export(project, labelers="robert")
    assert "ann" not in str(refused.value.detail).replace("'robert'", "")


def test_only_prompts_on_which_people_agree(project: Project) -> None:
    """On q2 ann and bo both order D and E, D and F, and never the same way; E and F bo ties."""
    assert chosen(both(project, least_agreement=0.5)) == ALL[:6]
    assert chosen(both(project, least_agreement=0.0)) == ALL
    assert chosen(both(project, least_agreement=0.0, labelers="ann")) == [], "alone one agrees with nobody"


def test_no_prompt_with_a_tie(project: Project) -> None:
    assert chosen(both(project, ties="drop")) == ALL[:6]
    assert chosen(both(project, ties="drop", labelers="ann")) == ["AB", "AC", "BC", "DE", "DF", "EF"]


def test_ties_as_two_rows_of_half_the_weight(project: Project) -> None:
    found = both(project, ties="half")
    assert chosen(found) == [*ALL[:9], "EF", "FE", "ED", "FD"]
    assert [row["weight"] for row in found] == [1.0] * 9 + [0.5, 0.5, 1.0, 1.0]


def test_merged_pairs_say_how_many_of_how_many(project: Project) -> None:
    found = both(project, rows="merged")
    assert [(row["chosen"] + row["rejected"], row["weight"], row["n"]) for row in found] == [
        ("AB", 2.0, 2), ("AC", 2.0, 2), ("BC", 2.0, 2),
        ("DE", 1.0, 2), ("DF", 1.0, 2), ("ED", 1.0, 2), ("EF", 1.0, 2), ("FD", 1.0, 2),
    ]  # fmt: skip
    halves = both(project, rows="merged", ties="half")
    assert [(row["chosen"] + row["rejected"], row["weight"]) for row in halves if row["chosen"] in "EF"] == [
        ("ED", 1.0), ("EF", 1.5), ("FD", 1.0), ("FE", 0.5),
    ]  # fmt: skip


def test_merged_pairs_say_of_which_prompt_and_completions(project: Project) -> None:
    row = rows(project, rows="merged", columns="provenance")[0]
    assert (row["prompt_id"], row["chosen_id"], row["rejected_id"], row["split"]) == ("q1", "a", "b", "train")
    assert "labeler" not in row


def test_only_of_some_days(project: Project) -> None:
    today = timezone.localdate()
    old = Ranking.objects.order_by("pk").first()
    assert old is not None
    Ranking.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=9))
    assert chosen(rows(project, since=f"{today}")) == ALL[3:]
    assert chosen(rows(project, until=f"{today}")) == ALL
    assert chosen(rows(project, until=f"{today - timedelta(days=1)}")) == ALL[:3]
    assert chosen(rows(project, since=f"{today - timedelta(days=9)}", until=f"{today - timedelta(days=9)}")) == ALL[:3]


def test_a_version_has_no_days(project: Project) -> None:
    with pytest.raises(Invalid, match="A frozen version doesn't say when") as refused:
        export(project, until="2026-01-31", version=datasets.freeze(project))
    assert refused.value.attr == "until"


def test_only_what_was_imported_or_labeled_here(project: Project) -> None:
    line = (
        b'{"id":"r","prompt":"x","completions":[{"text":"G"},{"text":"H"}],"rankings":[{"labeler":"z","ranks":[1,2]}]}'
    )
    assert import_lines(project, [line]).rankings == 1
    assert chosen(both(project, source="imported", split="all")) == ["GH"]
    assert chosen(both(project, source="labeled", split="all")) == ALL
    assert sorted(chosen(both(project, split="all"))) == sorted([*ALL, "GH"])


def test_only_what_is_so_much_better(db: None) -> None:
    project = make_project(ask_strength=True)
    for n, strength in enumerate((None, 1, 2, 3)):
        said = {"labeler": "z", "ranks": [1, 2], "strength": strength}
        row = {"id": f"{n}", "prompt": f"{n}", "completions": [{"text": f"{n}"}, {"text": "-"}], "rankings": [said]}
        import_lines(project, [json.dumps(row).encode()])
    assert chosen(both(project, least_strength=2, split="all")) == ["2-", "3-"]
    with pytest.raises(Invalid, match="least_strength is one of 1, 2, 3; got '4'"):
        export(project, least_strength=4)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"since": "31.1.2026"}, "since is a day such as 2026-01-31; got '31.1.2026'"),
        ({"until": "9999-12-31"}, "until is a day"),
        ({"since": "0001-01-01"}, None),
        ({"least_agreement": 1.5}, "The least agreement is from 0 to 1; got 1.5"),
        ({"least_agreement": float("nan")}, "The least agreement is from 0 to 1; got nan"),
        ({"ties": "half-way"}, "ties is one of keep, drop, half; got 'half-way'"),
    ],
)
def test_values_that_mean_nothing_are_refused(project: Project, asked: dict[str, Any], words: str | None) -> None:
    if words is None:
        assert chosen(rows(project, **asked)) == ALL
        return
    with pytest.raises(Invalid, match=words):
        export(project, **asked)


def test_filters_cost_the_same_statements_however_much_there_is(project: Project) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            export(project, labelers="ann,bo", least_agreement=0.1, ties="half", columns="provenance", split="all")
        return len(queries)

    few = cost()
    labeler = join(project)
    for _ in range(60):
        make_prompt(project)
        rank(project, labeler)
    assert cost() == few <= 8


ranking = st.lists(st.integers(1, 3), min_size=3, max_size=3)


@given(st.lists(st.lists(ranking, min_size=1, max_size=3), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None, suppress_health_check=NO_CHECKS)
@pytest.mark.django_db
def test_live_and_frozen_are_the_same_of_any_rankings(db: None, said: list[Ranks]) -> None:
    project = make_project(overlap=3)
    labelers = [join(project) for _ in range(3)]
    for prompt, ranks in enumerate(said):
        made = make_prompt(project, split="train", external_id=f"q{prompt}", k=3)
        made.overlap = len(ranks)
        made.save()
        for labeler, each in zip(labelers, ranks, strict=False):
            rank(project, labeler, each)
    if all(len(set(each)) == 1 for ranks in said for each in ranks):
        return  # nothing to freeze
    pairs = Counter(chosen(both(project, columns="provenance")))
    assert sum(pairs.values()) == project.pairs.count()
    for asked in (
        {"what": "rankings"}, {"what": "kto"}, {"what": "sft"}, {"what": "podium"}, {"rows": "merged", "ties": "half"},
        {"ties": "half"}, {"ties": "drop"}, {"least_agreement": 0.5},
    ):  # fmt: skip
        both(project, **asked)
