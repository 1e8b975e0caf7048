"""Overlap as shares: which prompts more people rank, and what a change does to those that there are."""

from __future__ import annotations

import hashlib
import io
import json
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from formats.prompts import has_extra_overlap, split_of
from jobs import lifecycle
from labeling.answers import rankings
from labeling.data.bulk import acts, bulk_jobs, bulk_worker, setting_changes
from labeling.data.importing import imports
from labeling.errors import Invalid
from labeling.models import BulkAct, Project, Prompt, Ranking, User
from labeling.projects import changes, counters, projects
from labeling.queue import claims
from tests import factories
from tests.threads import at_once

pytestmark = pytest.mark.django_db
KEYS = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(20_000)]


def lines(n: int, first: int = 0) -> io.BytesIO:
    rows = [
        {"id": f"row-{i}", "prompt": f"Why {i}?", "completions": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]}
        for i in range(first, first + n)
    ]
    return io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())


def overlaps(project: Project) -> dict[str, int]:
    return dict(project.prompts.order_by("pk").values_list("external_id", "overlap"))


def update(project: Project, **said: Any) -> BulkAct | None:
    return setting_changes.update(project, said, by=project.created_by)


def shared(*, percent: int = 15, extra: int = 3, n: int = 60) -> Project:
    project = factories.make_project(extra_percent=percent, extra_overlap=extra)
    imports.import_lines(project, lines(n))
    return project


class TestWhichPrompts:
    def test_a_share_is_as_large_as_it_is_said_in_each_split(self) -> None:
        more = [key for key in KEYS if has_extra_overlap(key, 15)]
        assert 0.14 < len(more) / len(KEYS) < 0.16
        for split in ("train", "validation", "test"):
            of_split = [key for key in KEYS if split_of(key) == split]
            assert 0.12 < sum(has_extra_overlap(key, 15) for key in of_split) / len(of_split) < 0.18

    def test_a_higher_percent_only_adds_some_and_none_and_all_are_that(self) -> None:
        shares = [{key for key in KEYS[:2000] if has_extra_overlap(key, percent)} for percent in (0, 15, 20, 100)]
        assert shares[0] == set()
        assert shares[3] == set(KEYS[:2000])
        assert shares[0] < shares[1] < shares[2] < shares[3]

    def test_the_database_says_the_same(self) -> None:
        with connection.cursor() as cursor:
            for percent in (0, 1, 15, 50, 99, 100):
                cursor.execute(
                    "SELECT podium_overlap_of(key, 1::smallint, 3::smallint, %s::smallint) FROM unnest(%s::text[]) key",
                    [percent, [*KEYS[:500], "ä\\x"]],
                )
                asked = [3 if has_extra_overlap(key, percent) else 1 for key in [*KEYS[:500], "ä\\x"]]
                assert [overlap for (overlap,) in cursor.fetchall()] == asked

    def test_an_import_gives_each_prompt_its_own_and_the_same_in_another_project(self) -> None:
        one, other = shared(), shared()
        assert overlaps(one) == overlaps(other)
        assert set(overlaps(one).values()) == {1, 3}

    def test_recorded_rankings_still_make_a_prompt_grow(self) -> None:
        project = factories.make_project(extra_percent=1, extra_overlap=2)
        recorded = [{"labeler": f"p{n}", "ranks": [1, 2]} for n in range(4)]
        row = {"id": "r", "prompt": "q", "completions": [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]}
        imports.import_lines(project, io.BytesIO(json.dumps({**row, "rankings": recorded}).encode()))
        assert overlaps(project) == {"r": 4}

    def test_a_new_project_has_shares_where_nothing_is_said(self) -> None:
        project = projects.create_project(by=None, slug="new", name="New")
        assert (project.overlap, project.extra_percent, project.extra_overlap) == (1, 15, 3)
        project = projects.create_project(by=None, slug="two", name="Two", overlap=2)
        assert (project.overlap, project.extra_percent) == (2, 0)


class TestRules:
    @pytest.mark.parametrize(
        ("values", "name"),
        [
            ({"extra_percent": 101, "extra_overlap": 9}, "project_extra_percent_of_all"),
            ({"extra_percent": 1, "extra_overlap": 1}, "project_extra_overlap_is_more"),
        ],
    )
    def test_the_database_refuses_other_shares(self, values: dict[str, int], name: str) -> None:
        project = factories.make_project()
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Project.objects.filter(pk=project.pk).update(**values)

    def test_it_says_what_to_send(self) -> None:
        project = shared()
        with pytest.raises(Invalid, match="extra_overlap is above overlap, which is 3: got 3") as refused:
            update(project, overlap=3)
        assert refused.value.attr == "extra_overlap"
        with pytest.raises(Invalid, match="extra_percent"):
            update(Project.objects.get(), extra_percent=101)


class TestAChange:
    def test_it_is_foreseen_and_done(self) -> None:
        project = shared()
        labeler = factories.join(project)
        factories.rank_next(project, labeler, 30)
        asked = {"extra_percent": 30, "extra_overlap": 4}
        foreseen = changes.foresee(project, asked)
        assert not foreseen.time
        assert foreseen.is_any
        assert foreseen.members == 2
        before, numbers = overlaps(project), counters.of(project).total
        job = update(project, **asked)
        assert job
        assert job.state == "succeeded"
        assert job.changed == foreseen.changed
        after, now = overlaps(project), counters.of(project).total
        assert all(after[key] == 4 for key, n in before.items() if n == 3)
        assert now.missing - numbers.missing == foreseen.more > 0
        assert now.waiting - numbers.waiting == foreseen.reopened > 0
        assert (foreseen.ended, foreseen.fewer) == (0, 0)
        assert not counters.differences(project)

    def test_lowering_says_what_it_ends_and_leaves_what_people_have(self) -> None:
        project = factories.make_project(overlap=3)
        imports.import_lines(project, lines(8))
        one, two = factories.join(project), factories.join(project)
        factories.rank_next(project, one, 4)
        factories.rank_next(project, two, 2)
        held = factories.claimed(project, factories.join(project))
        foreseen = changes.foresee(project, {"overlap": 1})
        update(project, overlap=1)
        # The first is held by a third person, the second is ranked by two: they keep their places.
        assert list(overlaps(project).values()) == [3, 2, 1, 1, 1, 1, 1, 1]
        assert (foreseen.changed, foreseen.ended, foreseen.reopened, foreseen.more) == (7, 3, 0, 0)
        assert foreseen.fewer == 1 + 2 * 2 + 4 * 2
        assert factories.claimed(project, held.labeler).pk == held.pk

    def test_new_prompts_only_leaves_the_others_alone(self) -> None:
        project = shared(percent=0)
        job = setting_changes.update(project, {"overlap": 2}, by=None, only_new=True)
        assert job is None
        assert set(overlaps(project).values()) == {1}
        imports.import_lines(project, lines(2, 100))
        assert list(overlaps(project).values())[-2:] == [2, 2]

    def test_an_import_that_has_begun_goes_on_with_the_new_ones(self) -> None:
        project = shared(percent=0, n=1)
        stale = Project.objects.get(pk=project.pk)
        update(project, overlap=2)
        imports.import_lines(stale, lines(1, 100))
        assert set(overlaps(project).values()) == {2}

    def test_what_a_reviewer_decided_stays(self) -> None:
        project = shared(percent=0, n=2)
        Prompt.objects.filter(external_id="row-0").update(decided_at="2026-01-01T00:00Z")
        assert changes.foresee(project, {"overlap": 2}).changed == 1
        update(project, overlap=2)
        assert overlaps(project) == {"row-0": 1, "row-1": 2}

    def test_nothing_is_foreseen_where_nothing_changes_and_nothing_is_asked_for(self) -> None:
        project = shared()
        assert not changes.foresee(project, {"name": "Other", "extra_percent": 15}).is_any
        assert update(project, name="Other", overlap=1, extra_percent=15) is None
        assert not BulkAct.objects.exists()

    def test_flags_that_come_and_go_say_how_many_answers_there_are(self) -> None:
        project = factories.make_project(flags=[{"name": "rude", "label": "Rude"}])
        factories.make_prompt(project)
        asked = {"flags": [{"name": "false", "label": "False"}]}
        assert not changes.foresee(project, asked).is_any  # there is no answer yet
        factories.rank(project, factories.join(project))
        foreseen = changes.foresee(project, asked)
        assert foreseen.is_any
        assert foreseen.rankings == 1
        assert [(flag.name, flag.answers) for flag in foreseen.flags_added] == [("false", 0)]
        assert [flag.name for flag in foreseen.flags_removed] == ["rude"]


class TestManyPrompts:
    @pytest.fixture(autouse=True)
    def few_is_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bulk_jobs, "AT_ONCE", 5)
        monkeypatch.setattr(bulk_worker, "BATCH", 7)

    def test_of_two_changes_the_last_one_stands_though_the_first_was_half_done(self) -> None:
        project = shared(percent=0, n=30)
        first = update(project, overlap=2)
        assert first
        assert first.state == "queued"
        assert set(overlaps(project).values()) == {1}
        claimed = lifecycle.claim(BulkAct, first.pk)
        assert claimed
        bulk_worker._do_some(claimed, setting_changes.conditions_of(project, {}))
        assert sorted(overlaps(project).values()) == [1] * 23 + [2] * 7
        second = update(project, overlap=4)
        assert second
        assert second.pk != first.pk
        third = update(project, overlap=3)
        bulk_worker._do_some(claimed, setting_changes.conditions_of(project, {}))  # it is told to stop after its batch
        bulk_worker.work_all()
        assert set(overlaps(project).values()) == {3}
        states = dict(BulkAct.objects.values_list("pk", "state"))
        assert third
        assert states[second.pk] == "cancelled"
        assert states[third.pk] == "succeeded"
        assert not counters.differences(project)

    def test_killed_half_way_it_goes_on(self) -> None:
        project = shared(percent=0, n=30)
        job = update(project, overlap=2)
        assert job
        claimed = lifecycle.claim(BulkAct, job.pk)
        assert claimed
        bulk_worker._do_some(claimed, setting_changes.conditions_of(project, {}))
        BulkAct.objects.filter(pk=job.pk).update(state="queued", worker="")  # as the sweep does
        bulk_worker.work_all()
        job.refresh_from_db()
        assert (job.state, job.changed, set(overlaps(project).values())) == ("succeeded", 30, {2})

    def test_a_batch_costs_the_same_whatever_it_has(self) -> None:
        costs = []
        for n in (3, 6):
            project = shared(percent=0, n=n)
            keys = list(project.prompts.values_list("pk", flat=True))
            Project.objects.filter(pk=project.pk).update(overlap=2)
            with CaptureQueriesContext(
                connection,
            ) as statements:
                assert acts.carry_out(project.pk, "overlap", "", keys) == n
            costs.append(len(statements))
        assert costs == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_while_many_work_no_prompt_has_more_than_its_overlap_and_none_is_lost() -> None:
    project = shared(n=24)
    people = [factories.join(project) for _ in range(5)]
    said = [{"overlap": 2, "extra_percent": 0}, {"extra_percent": 40, "extra_overlap": 4}, {"overlap": 1}]

    def work(labeler: User) -> int:
        n = 0
        while task := claims.claim(project, labeler):
            n += rankings.submit(task, {"tiers": factories.tiers_of(task)}).created
        return n

    def manage() -> int:
        for change in said:
            setting_changes.update(Project.objects.get(pk=project.pk), change, by=None)
        return 0

    done = at_once([*(partial(work, labeler) for labeler in people), manage, manage])
    project.refresh_from_db()
    shares = [getattr(project, name) for name in ("overlap", "extra_percent", "extra_overlap")]
    assert shares == [1, 40, 4]
    while any(work(labeler) for labeler in people):
        pass
    rows = project.prompts.values_list("content_sha256", "overlap", "ranked")
    for checksum, overlap, ranked in rows:
        assert ranked == overlap >= project.overlap_of(checksum)
        assert ranked <= 4
    assert sum(ranked for *_rest, ranked in rows) == Ranking.objects.filter(live=True).count() >= sum(done)
    assert not counters.differences(project)
