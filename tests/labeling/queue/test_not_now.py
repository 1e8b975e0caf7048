"""Paused projects and limits of a day: who gets nothing, why, and what they keep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Event

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from labeling.answers import rankings
from labeling.errors import Invalid
from labeling.models import Assignment, Project, Ranking, User
from labeling.projects import pauses, projects
from labeling.queue import claims, skips
from tests.factories import claimed, join, make_project, make_prompt, rank, rank_next, tiers_of
from tests.labeling.api.client import as_user
from tests.threads import at_once


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(slug="helpful", overlap=2)
    for _ in range(6):
        make_prompt(project)
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def limited(project: Project, limit: int) -> Project:
    return projects.update_project(project, daily_limit=limit)


class TestAPause:
    def test_nobody_gets_a_new_task_and_it_says_since_when_and_why(self, project: Project, labeler: User) -> None:
        pauses.pause(project, by=project.created_by, reason=" The guidelines \n change. ")
        assert claims.claim(project, labeler) is None
        nothing = claims.queue_reason(project, labeler)
        assert (nothing.reason, nothing.words, nothing.since) == ("paused", "The guidelines change.", project.paused_at)
        pauses.resume(project)
        pauses.resume(project)
        assert claims.claim(project, labeler) is not None

    def test_what_is_held_is_finished_and_no_next_one_is_given(self, project: Project, labeler: User) -> None:
        task = claimed(project, labeler)
        claims.save_draft(task, {"rank-1": "2"})
        pauses.pause(project, by=None, reason="why")
        assert claims.claim_ahead(project, labeler, current=task) is None
        again = claimed(project, labeler)
        assert (again.pk, again.draft) == (task.pk, {"rank-1": "2"})
        assert rankings.submit(again, {"tiers": tiers_of(again)}).created
        assert claims.claim(project, labeler) is None

    def test_a_lease_that_ran_out_meanwhile_is_still_theirs_with_its_draft(
        self, project: Project, labeler: User
    ) -> None:
        task = claimed(project, labeler)
        claims.save_draft(task, {"rank-1": "2"})
        pauses.pause(project, by=None, reason="over the weekend")
        Assignment.objects.update(expires_at=timezone.now() - timedelta(days=2))
        assert claims.claim(project, join(project)) is None
        assert claimed(project, labeler).draft == {"rank-1": "2"}
        Assignment.objects.update(expires_at=timezone.now() - timedelta(days=2))
        pauses.resume(project)
        assert claimed(project, labeler).draft == {"rank-1": "2"}

    def test_a_skip_is_taken_back_while_it_is_paused(self, project: Project, labeler: User) -> None:
        task = claimed(project, labeler)
        claims.skip(task, "why")
        pauses.pause(project, by=None, reason="why")
        assert skips.take_up(task).state == "claimed"

    def test_pausing_again_replaces_the_reason_and_keeps_the_moment(self, project: Project) -> None:
        pauses.pause(project, by=project.created_by, reason="one")
        since = project.paused_at
        pauses.pause(project, by=join(project), reason="two")
        assert (project.paused_at, project.pause_reason) == (since, "two")
        assert since is not None

    def test_a_pause_needs_a_reason(self, project: Project) -> None:
        for reason in ("", " \n"):
            with pytest.raises(Invalid, match="Say why"):
                pauses.pause(project, by=None, reason=reason)
        with pytest.raises(Invalid, match="at most 300 characters; this one has 301"):
            pauses.pause(project, by=None, reason="x" * 301)
        with pytest.raises(IntegrityError, match="project_pause_says_why"), transaction.atomic():
            Project.objects.update(paused_at=timezone.now())
        with pytest.raises(IntegrityError, match="project_pause_says_why"), transaction.atomic():
            Project.objects.update(pause_reason="why")


class TestALimit:
    def test_whoever_did_as_many_today_gets_no_more_until_tomorrow(self, project: Project, labeler: User) -> None:
        limited(project, 2)
        rank(project, labeler)
        rank(project, labeler)
        assert claims.claim(project, labeler) is None
        nothing = claims.queue_reason(project, labeler)
        assert (nothing.reason, nothing.n, nothing.most) == ("limit", 2, 2)
        midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        assert nothing.until is not None
        assert timezone.localdate(nothing.until) == midnight.date() + timedelta(days=1)
        assert claims.claim(project, join(project)) is not None
        Ranking.objects.update(created_at=F("created_at") - timedelta(days=1))
        assert claims.claim(project, labeler) is not None

    def test_the_day_begins_where_the_site_is(self, project: Project, labeler: User) -> None:
        limited(project, 1)
        rank(project, labeler)
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            with override_settings(TIME_ZONE=zone), timezone.override(zone):
                now = timezone.localtime()
                midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
                Ranking.objects.update(created_at=midnight - timedelta(seconds=1))
                task = claims.claim(project, labeler)
                assert task is not None
                claims.release(task)
                Ranking.objects.update(created_at=midnight)
                assert claims.claim(project, labeler) is None

    def test_the_task_ahead_counts_too(self, project: Project, labeler: User) -> None:
        limited(project, 2)
        rank(project, labeler)
        task = claimed(project, labeler)
        assert claims.claim_ahead(project, labeler, current=task) is None
        limited(project, 3)
        assert claims.claim_ahead(project, labeler, current=task) is not None

    def test_what_was_taken_back_or_changed_counts_once(self, project: Project, labeler: User) -> None:
        limited(project, 1)
        task = rank(project, labeler).assignment
        rankings.amend(task, {"tiers": tiers_of(task, [2, 1, 3, 4])})
        assert claims.queue_reason(project, labeler).n == 1
        rankings.withdraw(task)
        assert claimed(project, labeler).pk == task.pk

    def test_there_is_none_where_it_is_0_and_other_projects_count_apart(self, project: Project, labeler: User) -> None:
        other = make_project()
        limited(other, 1)
        make_prompt(other)
        for _ in range(2):
            rank(project, labeler)
        assert claims.claim(other, labeler) is not None
        with pytest.raises(Invalid, match="daily_limit"):
            limited(project, 5001)

    def test_done_and_empty_are_said_before_the_limit(self, project: Project, labeler: User) -> None:
        limited(project, 6)
        rank_next(project, labeler, 6)
        assert claims.queue_reason(project, labeler).reason == "all_ranked_by_you"


def test_who_holds_how_many_and_until_when(project: Project, labeler: User) -> None:
    project.prompts.update(overlap=1)
    first, second = join(project), join(project)
    tasks = [claimed(project, first), claimed(project, second)]
    rank_next_others = project.prompts.exclude(pk__in=[task.prompt_id for task in tasks])
    rank_next_others.delete()
    Assignment.objects.filter(pk=tasks[1].pk).update(expires_at=F("expires_at") - timedelta(minutes=5))
    nothing = claims.queue_reason(project, labeler)
    assert (nothing.reason, nothing.n) == ("all_taken", 2)
    assert nothing.until == Assignment.objects.get(pk=tasks[1].pk).expires_at


def test_a_claim_is_one_statement_paused_limited_or_not(project: Project, labeler: User) -> None:
    def statements(act: Callable[[], object]) -> int:
        with CaptureQueriesContext(connection) as queries:
            act()
        return len(queries)

    limited(project, 1)
    assert statements(lambda: rank(project, labeler)) <= 8
    assert statements(lambda: claims.claim(project, labeler)) == 1
    assert statements(lambda: claims.queue_reason(project, labeler)) == 1
    pauses.pause(project, by=None, reason="why")
    assert statements(lambda: claims.claim(project, labeler)) == 1


class TestDoors:
    def test_the_page_says_why(self, project: Project, labeler: User) -> None:
        client, address = Client(), reverse("rank", args=["helpful"])
        client.force_login(labeler)
        limited(project, 1)
        rank(project, labeler)
        assert "You did 1 of the 1 a day" in client.get(address).content.decode()
        pauses.pause(project, by=None, reason="<b>The guidelines change.</b>")
        html = client.get(address).content.decode()
        assert "This project is paused" in html
        assert "&lt;b&gt;The guidelines change.&lt;/b&gt;" in html
        answer = client.post(address, headers={"x-requested-with": "rank-desk"})
        assert answer.status_code in (404, 422)  # no task was named

    def test_the_script_that_asks_ahead_is_told(self, project: Project, labeler: User) -> None:
        client, task = Client(), claimed(project, labeler)
        client.force_login(labeler)
        pauses.pause(project, by=None, reason="why")
        address = reverse("rank_ahead", args=["helpful", task.pk])
        answer = client.post(address, headers={"x-requested-with": "rank-desk"})
        assert (answer.status_code, answer["X-Queue-Reason"]) == (204, "paused")

    def test_the_api_says_why_and_when_to_ask_again(self, project: Project, labeler: User) -> None:
        client, address = as_user(labeler), reverse("labeling_api:assignment_next", args=["helpful"])
        limited(project, 1)
        rank(project, labeler)
        answer = client.post(address)
        assert (answer.status_code, answer["X-Queue-Reason"]) == (204, "limit")
        assert answer["X-Queue-Until"] > timezone.now().isoformat()
        manager = as_user(project.created_by)  # type: ignore[arg-type]
        assert manager.post(reverse("labeling_api:project_pause", args=["helpful"]), {}).status_code == 400
        said = manager.post(reverse("labeling_api:project_pause", args=["helpful"]), {"reason": "Wait."}).json()
        assert said["pause_reason"] == "Wait."
        assert client.post(address)["X-Queue-Reason"] == "paused"
        read = client.get(reverse("labeling_api:project", args=["helpful"])).json()
        assert (read["paused_at"], read["pause_reason"]) == (said["paused_at"], "Wait.")
        said = manager.post(reverse("labeling_api:project_resume", args=["helpful"])).json()
        assert said == {"paused_at": None, "pause_reason": ""}

    def test_a_manager_pauses_and_resumes_by_page(self, project: Project) -> None:
        client = Client()
        client.force_login(project.created_by)  # type: ignore[arg-type]
        pause, overview = reverse("project_pause", args=["helpful"]), reverse("project", args=["helpful"])
        answer = client.post(pause, {"reason": " "}, follow=True)
        assert "Say why in a few words" in answer.content.decode()
        client.post(pause, {"reason": "The guidelines change."})
        html = client.get(overview).content.decode()
        assert "The guidelines change." in html
        assert "Give prompts out again" in html
        client.post(pause, {"act": "resume"})
        assert "paused" not in client.get(overview).content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_none_gets_more_than_the_limit() -> None:
    project = make_project(overlap=3)
    for _ in range(12):
        make_prompt(project)
    limited(project, 3)
    people = [join(project) for _ in range(4)]

    def work(labeler: User) -> Callable[[], None]:
        def go() -> None:
            while task := claims.claim(project, labeler):
                rankings.submit(task, {"tiers": tiers_of(task)})

        return go

    # Each in two tabs.
    at_once([work(labeler) for labeler in people for _ in range(2)])
    done = [Ranking.objects.filter(labeler=labeler, live=True).count() for labeler in people]
    assert done == [3, 3, 3, 3]
    assert not project.prompts.filter(ranked__gt=F("overlap")).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_none_gets_a_task_after_the_pause_and_all_finish_what_they_hold() -> None:
    project = make_project(overlap=3)
    for _ in range(30):
        make_prompt(project)
    people = [join(project) for _ in range(4)]
    begun = Event()

    def work(labeler: User) -> datetime:
        while task := claims.claim(project, labeler):
            rankings.submit(task, {"tiers": tiers_of(task)})
            begun.set()
        return timezone.now()

    def stop() -> datetime:
        begun.wait(timeout=60)
        pauses.pause(Project.objects.get(pk=project.pk), by=None, reason="why")
        return timezone.now()

    *_ends, paused = at_once([*(partial(work, labeler) for labeler in people), stop])
    assert not Assignment.objects.filter(claimed_at__gt=paused).exists()
    assert not Assignment.objects.filter(state="claimed").exists()
    done = Ranking.objects.filter(live=True).count()
    assert 0 < done < 90
    pauses.resume(project)
    assert claims.claim(project, people[0]) is not None
