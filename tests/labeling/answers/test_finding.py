"""Rankings found by what they have in common, and where a look ends."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from labeling.answers import finding, finding_prompts, rankings
from labeling.answers.finding import Conditions
from labeling.answers.finding_prompts import PromptConditions
from labeling.models import Project, Ranking
from labeling.queue import shown_ids
from tests.factories import claimed, ids_of, join, make_project, make_prompt, rank
from tests.labeling.plans import fill
from tests.session.older import older, upgrade

ANY = Conditions()
FLAGS = ({"name": "wrong", "label": "Factual error"},)


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(flags=FLAGS, overlap=3)
    for number, split in enumerate(("train", "test")):
        make_prompt(project, k=2, external_id=f"p{number}", split=split)
    ada, bo = join(project, username="ada"), join(project, username="bo")
    for said in (
        {"active_seconds": 5, "comment": "Close."},
        {"active_seconds": 50},
    ):
        task = claimed(project, ada)
        rankings.submit(task, {"tiers": [ids_of(task)], **said})
    task = claimed(project, bo)
    first = shown_ids.of(task, task.prompt.completions.all()[0].pk)
    rankings.submit(task, {"tiers": [ids_of(task)], "flags": {first: {"wrong": True}}, "notes": {first: "No."}})
    Ranking.objects.filter(labeler=bo).update(created_at=timezone.now() - timedelta(days=3))
    return project


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["ada p0", "ada p1", "bo p0"]),
        ({"labeler": "bo"}, ["bo p0"]),
        ({"labeler": "nobody"}, []),
        ({"split": "test"}, ["ada p1"]),
        ({"source": "imported"}, []),
        ({"flag": "wrong"}, ["bo p0"]),
        ({"flag": "rude"}, []),
        ({"since": timezone.now() - timedelta(days=1)}, ["ada p0", "ada p1"]),
        ({"until": timezone.now() - timedelta(days=1)}, ["bo p0"]),
        ({"least_seconds": 5}, ["ada p0", "ada p1"]),
        ({"least_seconds": 6, "most_seconds": 50}, ["ada p1"]),
        ({"with_words": True}, ["ada p0", "bo p0"]),
        ({"with_words": True, "labeler": "bo", "flag": "wrong", "split": "train"}, ["bo p0"]),
    ],
)
def test_conditions_are_all_met(project: Project, asked: dict[str, object], found: list[str]) -> None:
    meeting = finding.meeting(Ranking.objects.filter(project=project), Conditions(**asked))  # type: ignore[arg-type]
    assert [f"{each.labeler} {each.prompt.external_id}" for each in meeting.order_by("pk")] == found
    assert bool(Conditions(**asked)) == bool(asked)  # type: ignore[arg-type]


def test_a_look_ends_and_the_next_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = list(Ranking.objects.order_by("-pk").values_list("pk", flat=True))
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 1)
    assert finding.end_of_look(project, ANY) == keys[1]
    assert finding.end_of_look(project, ANY, below=keys[1]) is None
    assert finding.end_of_look(project, ANY, above=keys[2]) is None
    assert finding.end_of_look(project, ANY, above=0) == keys[1]
    monkeypatch.setattr(finding, "LOOKED_THROUGH", 3)
    assert finding.end_of_look(project, ANY) is None


@pytest.mark.django_db(transaction=True)
def test_older_rankings_get_their_project() -> None:
    one, other = make_project(), make_project()
    for project in (one, other, one):
        make_prompt(project)
        rank(project, join(project))
    with older([("labeling", "0033_erased_prompts")]) as executor:
        upgrade(executor)
    assert list(Ranking.objects.order_by("pk").values_list("project", flat=True)) == [one.pk, other.pk, one.pk]


def test_a_page_of_a_quiet_project_is_found_by_its_index(project: Project) -> None:
    busy = make_project()
    fill(busy, join(busy), 4_000)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = Ranking.objects.filter(project=project, live=True).order_by("-pk")[:51].explain()
    assert "ranking_project" in plan


READ = re.compile(r"Scan.* on labeling_(?:ranking|completion|rankedcompletion)\b.*actual .*rows=([\d.]+) loops=(\d+)")


@pytest.mark.parametrize("asked", [{"model": "nobody"}, {"flag": "wrong"}, {"labeler": "bo", "flag": "wrong"}], ids=str)
def test_what_few_meet_is_looked_for_in_the_rows_of_the_look(project: Project, asked: dict[str, str]) -> None:
    """Of what is rare PostgreSQL else reads a whole table of completions, whoever's they are."""
    fill(project, join(project), 8_000)
    said = Ranking.objects.filter(project=project)
    prompts = project.prompts.filter(pk__lte=finding_prompts.key_at(project, "", 200, down=False))
    said = said.filter(pk__lte=finding.end_of(said, from_key=None, down=False, n=200))
    for narrowed in (
        finding.meeting(said, Conditions(**asked)),  # type: ignore[arg-type]
        finding_prompts.meeting(prompts, PromptConditions(**asked)),  # type: ignore[arg-type]
    ):
        plan = narrowed.order_by("pk")[:51].explain(analyze=True)
        removed = [int(rows) for rows in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
        read = [float(rows) * int(loops) for rows, loops in READ.findall(plan)]
        assert read, plan
        assert max(read + removed) < 1_000, plan
