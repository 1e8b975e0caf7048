"""What a version says of itself: facts from its file, the methods' text, and which versions hold a prompt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.versions.datasets import freeze, path_of
from labeling.data.versions.facts import facts_of
from labeling.data.versions.frozen_places import find, read_row, read_rows
from labeling.data.versions.holding import versions_with
from labeling.data.versions.methods import methods_of
from labeling.data.versions.times import times_of
from labeling.models import PreferencePair, Project, Ranking
from labeling.quality.agreement import project_agreement
from tests.factories import join, make_project, make_prompt, rank
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def model_dir(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful", overlap=2)
    project.guidelines = "Be kind.\nBe right."
    project.save()
    for split in ("train", "train", "validation", "test"):
        make_prompt(project, split=split)
    ann, ben = join(project, username="ann"), join(project, username="ben")
    for ranks in ((1, 2, 3, 4), (1, 1, 2, 3), (2, 1, 3, 4), (1, 2, 3, 4)):
        rank(project, ann, ranks)
    for ranks in ((1, 2, 4, 3), (1, 2, 3, 3)):
        rank(project, ben, ranks)
    return project


def test_facts_agree_with_the_row_and_with_the_projects_agreement(project: Project) -> None:
    version = freeze(project)
    facts = facts_of(version)
    assert [(labeler.name, labeler.rankings, labeler.splits) for labeler in facts.labelers] == [
        ("ann", 4, {"train": 2, "validation": 1, "test": 1}),
        ("ben", 2, {"train": 2}),
    ]
    assert sum(labeler.pairs for labeler in facts.labelers) == version.n_pairs
    assert sum(labeler.ties for labeler in facts.labelers) == sum(
        n["ties"] for n in version.counts.values() if "ties" in n
    )
    assert (facts.overlap, facts.lengths, facts.strengths) == ({1: 2, 2: 2}, {4: 4}, 0)
    assert facts.agreement == project_agreement(project)


def test_the_text_says_every_number_with_its_n_and_no_name(project: Project) -> None:
    Ranking.objects.filter(labeler__username="ann").update(active_seconds=30)
    version = freeze(project)
    text = methods_of(version)
    assert version.sha256 in text
    assert "| labeler 1 | 4 | 66.7 % |" in text
    assert "| train | 2 | 4 |" in text
    assert (
        "Median active time of a ranking: 30 s (quartiles 30 s and 30 s, n = 4 of 6 rankings, from the database)"
        in text
    )
    assert "n = 10 comparisons of 2 prompts, from the file" in text
    assert "0 of 6 rankings were imported" in text
    assert "the same when the version was frozen" in text
    assert "> Be right." in text
    assert "ann" not in text.replace("annotat", "")
    assert "ben" not in text


def test_the_text_says_what_is_not_known(project: Project) -> None:
    version = freeze(project)
    project.guidelines = "Other ones."
    project.save()
    PreferencePair.objects.filter(ranking__labeler__username="ben").delete()
    Ranking.objects.filter(labeler__username="ben").update(live=False, ended_at=None)
    version.refresh_from_db()
    text = methods_of(version)
    assert "How long a ranking took is not known" in text
    assert f"changed since: SHA-256 `{version.guidelines_sha256}`" in text
    assert "The database tells of 4 rankings that stood when the version was frozen, the file holds 6" in text
    version.guidelines_sha256 = None
    assert "is not known" in methods_of(version).rpartition("Guidelines of")[2]


def test_what_comes_of_the_file_stays_when_rankings_change(project: Project) -> None:
    version = freeze(project)
    before = methods_of(version).split("## When")[0].partition("## What")[2]
    rankings.withdraw(Ranking.objects.filter(labeler__username="ben").latest("pk").assignment)
    assert methods_of(version).split("## When")[0].partition("## What")[2] == before
    assert times_of(version).n == 6  # the one that was withdrawn stood then


def test_a_second_look_reads_no_file(project: Project) -> None:
    version = freeze(project)
    first = facts_of(version)
    path_of(version).unlink()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert facts_of(version) == first
    assert not asked.captured_queries


def test_a_prompt_has_one_place_for_ever(project: Project) -> None:
    version = freeze(project)
    rows = read_rows(version, 0, 10)
    assert [placed.place for placed in rows] == [0, 1, 2, 3]
    for placed in rows:
        assert find(version, placed.row["id"]) == placed.place
        assert read_row(version, placed.place)["id"] == placed.row["id"]
    assert [placed.row["id"] for placed in read_rows(version, 2, 1)] == [rows[2].row["id"]]
    assert find(version, "nowhere") is None
    with pytest.raises(IndexError):
        read_row(version, 4)


def test_versions_that_hold_a_prompt_are_told_by_its_rankings_times(project: Project) -> None:
    late = make_prompt(project, split="train")
    first = freeze(project)
    ranking = rank(project, join(project))
    while ranking.prompt_id != late.pk:
        ranking = rank(project, ranking.labeler)
    second = freeze(project)
    assert list(versions_with(late, most=9)) == [second]
    rankings.withdraw(ranking.assignment)
    third = freeze(project)
    assert list(versions_with(late, most=9)) == [second]
    assert set(versions_with(project.prompts.earliest("pk"), most=9)) == {first, second, third}
    for version in (first, second, third):
        assert (find(version, late.external_id) is not None) == (version in versions_with(late, most=9))
