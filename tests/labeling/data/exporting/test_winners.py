"""A file that says who won among several, in a project that asks for whole rankings: stored, exported, read again."""

from __future__ import annotations

import io
import json
import re
from itertools import combinations
from typing import Any

import pytest

from labeling.answers import pairs
from labeling.data.importing.imports import import_records
from labeling.data.importing.upload_layouts import laid_out
from labeling.data.importing.upload_lines import records_of
from labeling.data.reviewing import cases, decisions
from labeling.data.versions import contents, datasets
from labeling.models import PreferencePair, Project, Ranking, ReviewCase, Role
from labeling.projects import counters
from labeling.quality.checks import golds
from labeling.quality.labeler_numbers import numbers_of
from rewardtrain.core.data.comparisons import merge
from rewardtrain.core.data.groups import read_groups
from tests.factories import join, make_project
from tests.labeling.data.exporting.asked import export
from tests.labeling.views.practising.test_practice import as_user, words

pytestmark = pytest.mark.django_db
WINNERS = (
    "id,prompt,completion_a,completion_b,completion_c,completion_d,winner,annotator\n"
    "q0,Why?,one,two,three,four,c,ann\n"
    "q1,How?,one,two,three,four,a,ann\n"
    "q2,Who?,one,two,,,b,ann\n"
    "q3,When?,one,two,three,four,tie,ann\n"
)


def bring(project: Project, file: str, name: str = "file.csv", layout: str = "") -> Any:
    found = laid_out(records_of(io.BytesIO(file.encode()), name), layout=layout)
    return import_records(project, found.records)


@pytest.fixture
def project(tmp_path: Any, settings: Any) -> Project:
    settings.MODEL_STORAGE = tmp_path
    project = make_project(slug="work")
    report = bring(project, WINNERS)
    assert (report.created, report.errors) == (4, [])
    return project


def of(project: Project, name: str) -> Ranking:
    return Ranking.objects.get(project=project, prompt__external_id=name)


def compared(project: Project, name: str) -> set[tuple[str, str]]:
    rows = PreferencePair.objects.filter(ranking=of(project, name))
    return set(rows.values_list("chosen__text", "rejected__text"))


def test_no_pair_is_of_two_that_lost_and_no_number_has_a_tie_of_them(project: Project) -> None:
    assert project.top_k == 0
    assert [of(project, f"q{n}").unranked for n in range(4)] == [3, 3, 0, 0]
    assert compared(project, "q0") == {("three", "one"), ("three", "two"), ("three", "four")}
    assert compared(project, "q2") == {("two", "one")}
    total = counters.of(project).total
    assert (total.pairs, total.ties, total.comparisons) == (7, 6, 13)  # the ties of q3, which says that they tie
    assert counters.differences(project) == []
    assert numbers_of(project, of(project, "q0").labeler_id).ties.n == 13


def test_the_same_file_again_changes_nothing(project: Project) -> None:
    report = bring(project, WINNERS)
    assert (report.created, report.skipped, report.errors) == (0, 4, [])


def test_neither_does_it_where_an_earlier_release_stored_a_tie(project: Project) -> None:
    """What is stored stays: a tie says all that the file does, and more. A file that says more is refused."""
    PreferencePair.objects.filter(ranking=of(project, "q0")).delete()
    Ranking.objects.filter(pk=of(project, "q0").pk).update(unranked=0)
    pairs.expand([of(project, "q0").pk])
    report = bring(project, WINNERS)
    assert (report.created, report.skipped, report.errors) == (0, 4, [])
    assert of(project, "q0").unranked == 0
    ranked = WINNERS.splitlines()[0].replace("winner", "rank_a,rank_b,rank_c,rank_d") + "\n"
    [error] = bring(project, ranked + "q1,How?,one,two,three,four,1,2,2,2,ann\n").errors
    assert "q1" in str(error.detail) or error.field == "rankings[0].labeler"
    [error] = bring(project, WINNERS.replace("four,a,ann", "four,b,ann")).errors
    assert error.field == "rankings[0].labeler"


def test_what_comes_out_is_what_came_in(project: Project) -> None:
    version = datasets.freeze(project)
    exported = export(project, what="podium", split="all")
    target = make_project()
    assert bring(target, exported.decode(), "rows.jsonl").errors == []
    assert export(target, what="podium", split="all") == exported
    again = datasets.freeze(target)
    splits = ("train", "validation", "test")
    assert contents.sha256_of(again, splits) == contents.sha256_of(version, splits)
    for source in (None, version):
        rows = [json.loads(line) for line in export(project, split="all", version=source, ties="half").splitlines()]
        lost = {frozenset(pair) for pair in combinations(("one", "two", "four"), 2)}
        assert not [row for row in rows if row["prompt"] == "Why?" and {row["chosen"], row["rejected"]} in lost]


def test_ranks_of_nemo_rl_come_back_with_the_rest(project: Project) -> None:
    exported = export(project, what="rankings", layout="nemo-rl", split="all").decode()
    target = make_project()
    assert bring(target, exported, "rows.jsonl", "nemo-rl").errors == []
    found = Ranking.objects.filter(project=target).order_by("unranked").values_list("unranked", flat=True)
    assert list(found) == [0, 0, 3, 3]
    assert counters.of(target).total.ties == counters.of(project).total.ties


def test_a_run_learns_who_won_and_nothing_of_the_others(project: Project) -> None:
    groups = {group.id: group for group in read_groups(datasets.path_of(datasets.freeze(project)))}
    merged = merge(groups["q0"], ties="davidson")
    assert (set(merged.weights), dict(merged.ties)) == ({(2, 0), (2, 1), (2, 3)}, {})
    assert len(merge(groups["q3"], ties="davidson").ties) == 6


def test_a_reviewer_decides_by_it_and_it_makes_gold(project: Project) -> None:
    """In a project that asks for whole rankings, and of four completions, too."""
    case = cases.open_case(of(project, "q0").prompt, ReviewCase.Reason.ASKED)
    assert case is not None
    decided = decisions.decide_as(case, of(project, "q0"), by=join(project, Role.REVIEWER)).ranking
    assert (decided.unranked, decided.live) == (3, True)
    assert PreferencePair.objects.filter(ranking=decided).count() == 3
    assert counters.differences(project) == []
    gold = golds.make_from(project, decided, by=None)
    assert (sorted(gold.ranks.values()), gold.unranked) == ([1, 2, 2, 2], 3)


def test_the_prompts_page_says_so(project: Project) -> None:
    page = words(as_user(project.created_by).get(f"/p/work/prompts/{of(project, 'q0').prompt_id}/"))
    assert len(re.findall(r"\brest\b", page)) == 3
