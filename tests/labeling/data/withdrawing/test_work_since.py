"""Work of a person is withdrawn from a day on: what that is, what it leaves, and what comes back."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from labeling.answers import rankings
from labeling.answers.finding import beginning_of
from labeling.data.leaving import erasure_worker, erasures
from labeling.data.versions import datasets
from labeling.data.versions.holding import withdrawn_since
from labeling.data.withdrawing import work
from labeling.models import Assignment, Membership, Project, Ranking, Role, User, WorkWithdrawal
from labeling.views.removal import work as work_page
from tests.factories import join, make_project, make_prompt, make_user, rank, tiers_of
from tests.labeling.api.client import as_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.threads import at_once

pytestmark = pytest.mark.django_db
DAYS = 4  # a ranking each: 3, 2, 1 days ago, and today


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful", overlap=2)
    for number in range(DAYS + 2):
        make_prompt(project, external_id=f"p{number}", split="train")
    return project


@pytest.fixture
def lena(project: Project) -> User:
    lena = join(project, username="lena")
    for ago in range(DAYS - 1, -1, -1):
        ranked_at(rank(project, lena), beginning_of(day(ago)) + timedelta(minutes=1))
    return lena


def ranked_at(ranking: Ranking, moment: datetime) -> Ranking:
    """Says that it was ranked then, as the database would: the task ends with its answer."""
    Ranking.objects.filter(pk=ranking.pk).update(created_at=moment)
    Assignment.objects.filter(pk=ranking.assignment_id).update(finished_at=moment)
    return ranking


def day(ago: int) -> date:
    return timezone.localdate() - timedelta(days=ago)


def standing(labeler: User) -> list[str]:
    call_command("check_counters", stdout=io.StringIO())  # raises CommandError where they differ
    rows = Ranking.objects.filter(labeler=labeler, live=True)
    return sorted(rows.values_list("prompt__external_id", flat=True))


def manager_of(project: Project) -> User:
    return project.memberships.get(role=Role.MANAGER).user


@pytest.mark.parametrize(("ago", "ended"), [(0, 1), (1, 2), (2, 3), (3, 4), (400, 4), (-1, 0)])
def test_what_was_done_from_a_day_on_ends_and_the_rest_stands(
    project: Project, lena: User, ago: int, ended: int
) -> None:
    before = work.foresee(project, lena, since=day(ago))
    assert (before.rankings, before.standing) == (ended, DAYS)
    done = work.withdraw(project, lena, by=None, since=day(ago))
    assert (done.rankings, done.standing, done.finished) == (ended, DAYS - ended, True)
    assert standing(lena) == [f"p{number}" for number in range(DAYS - ended)]


def test_the_day_begins_in_the_sites_time_zone_to_the_moment(project: Project, lena: User, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    with timezone.override("Asia/Tokyo"):
        begins = beginning_of(date(2026, 3, 2))  # in London it is the day before, 15:00
        first, second = Ranking.objects.filter(labeler=lena).order_by("pk")[:2]
        ranked_at(first, begins - timedelta(microseconds=1))
        ranked_at(second, begins)
        assert work.withdraw(project, lena, by=None, since=date(2026, 3, 2)).rankings == DAYS - 1
    assert standing(lena) == [first.prompt.external_id]


def test_an_answer_that_was_changed_since_goes_and_the_list_of_rankings_shows_the_same(
    project: Project, lena: User
) -> None:
    """Changing it says it anew: what stood before it stands no more."""
    task = Assignment.objects.filter(labeler=lena).earliest("pk")
    rankings.amend(task, {"tiers": tiers_of(task)[::-1]})
    assert work.foresee(project, lena, since=day(0)).rankings == 2
    page = at_desk(manager_of(project)).get(f"/p/helpful/people/{lena.pk}/work/?since={day(0)}")
    listed = at_desk(manager_of(project)).get(page.context["these_url"])
    assert len(list(listed.context["page"])) == 2
    assert work.withdraw(project, lena, by=None, since=day(0)).rankings == 2
    assert standing(lena) == ["p1", "p2"]


def test_work_of_others_and_checks_of_earlier_days_are_left(project: Project, lena: User) -> None:
    otto = join(project, username="otto")
    rank(project, otto)
    work.withdraw(project, lena, by=None, since=day(1))
    assert len(standing(otto)) == 1


def test_twice_an_earlier_day_and_a_later_one(project: Project, lena: User) -> None:
    otto = manager_of(project)
    work.withdraw(project, lena, by=lena, since=day(1))
    assert work.withdraw(project, lena, by=otto, since=day(1)).rankings == 0
    assert work.withdraw(project, lena, by=otto, since=day(0)).rankings == 0
    noted = WorkWithdrawal.objects.get()
    assert (noted.since, noted.withdrawn_by) == (day(1), lena)
    assert work.withdraw(project, lena, by=otto, since=day(2)).rankings == 1
    noted = WorkWithdrawal.objects.get()
    assert (noted.since, noted.withdrawn_by) == (day(2), otto)  # who made it what it is
    assert work.withdraw(project, lena, by=otto).rankings == 1
    assert WorkWithdrawal.objects.get().since is None
    rank(project, lena)
    assert len(standing(lena)) == 1  # what she does later counts, as before
    assert work.withdraw(project, lena, by=otto, since=day(0)).rankings == 1
    assert WorkWithdrawal.objects.get().since is None


def test_all_of_it_is_put_back_whatever_day_it_is_of(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=None, since=day(0))
    work.withdraw(project, lena, by=None, since=day(2))
    done = work.restore(project, lena)
    assert (done.rankings, done.kept, done.standing) == (3, 0, DAYS)
    assert work.withdrawal_of(project, lena) is None
    work.withdraw(project, lena, by=None, since=day(0))
    assert work.withdrawal_of(project, lena).since == day(0)  # type: ignore[union-attr]
    assert work.restore(project, lena).rankings == 1


def test_a_day_after_which_nothing_was_ranked_leaves_no_record(project: Project, lena: User) -> None:
    done = work.withdraw(project, lena, by=None, since=day(-1))
    assert (done.rankings, done.standing) == (0, DAYS)
    assert not WorkWithdrawal.objects.exists()


def test_what_was_killed_half_way_goes_on_from_the_same_day(
    project: Project, lena: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "TASKS_AT_ONCE", 1)
    first = work.withdraw(project, lena, by=None, since=day(2), seconds=-1.0)
    assert (first.rankings, first.finished) == (0, False)
    assert WorkWithdrawal.objects.get().since == day(2)
    [key] = Assignment.objects.filter(labeler=lena, prompt__external_id="p2").values_list("pk", flat=True)
    work._withdraw_some(lena, [key])  # and then it was killed
    assert work.withdraw(project, lena, by=None, since=day(2)).rankings == 2
    assert standing(lena) == ["p0"]


@pytest.mark.django_db(transaction=True)
def test_two_days_at_once_end_each_ranking_once(project: Project, lena: User) -> None:
    days = [day(0), day(2), day(1), None]
    counts = at_once(
        [lambda since=since: work.withdraw(project, lena, by=None, since=since).rankings for since in days]
    )
    assert sum(counts) == DAYS
    assert WorkWithdrawal.objects.get().since is None
    assert standing(lena) == []


def test_frozen_versions_name_only_what_was_withdrawn(project: Project) -> None:
    """A version from before the day keeps none of it; and of two days the versions of both are named."""
    lena = join(project, username="lena")
    for ago in (3, 2):
        ranked_at(rank(project, lena), beginning_of(day(ago)))
    early = datasets.freeze(project)
    for _ in range(2):
        rank(project, lena)
    late = datasets.freeze(project)
    assert work.foresee(project, lena, since=day(0)).versions == {"2": 2}
    work.withdraw(project, lena, by=None, since=day(0))
    assert [n for _, n in withdrawn_since(late)] == [2]
    assert withdrawn_since(early) == []
    work.withdraw(project, lena, by=None, since=day(2))
    rank(project, lena)
    work.withdraw(project, lena, by=None, since=day(0))
    assert WorkWithdrawal.objects.get().versions == {"1": 1, "2": 3}
    page = at_desk(manager_of(project)).get("/p/helpful/versions/2/").content.decode()
    assert "Work of 1 person in it was withdrawn since" in page
    assert "(3 rankings)" in page


def test_erasing_a_person_with_their_work_takes_the_rest_too(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=None, since=day(1))
    erasures.request_erasure(lena, by=make_user(superuser=True), confirm="lena", with_work=True)
    erasure_worker.work_all()
    assert standing(lena) == []
    assert WorkWithdrawal.objects.get().since is None


def test_statements_do_not_grow_with_the_work(
    project: Project, lena: User, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        make_prompt(project, external_id=f"more{number}", split="train")
        rank(project, lena)
    datasets.freeze(project)
    with django_assert_max_num_queries(6):
        assert work.foresee(project, lena, since=day(0)).rankings == 61
    with django_assert_max_num_queries(28):
        assert work.withdraw(project, lena, by=None, since=day(0)).rankings == 61
    work.restore(project, lena)
    monkeypatch.setattr(work, "TASKS_AT_ONCE", 10)
    with django_assert_max_num_queries(28 + 6):  # a batch is a statement: all are looked for at once
        assert work.withdraw(project, lena, by=None, since=day(0)).rankings == 61


class TestDoors:
    """Page, API and command take the same day, say the same of it, and refuse the same."""

    @pytest.fixture
    def desk(self, project: Project) -> Client:
        return at_desk(manager_of(project))

    def test_the_page_says_it_first_and_does_it(self, project: Project, lena: User, desk: Client) -> None:
        url = f"/p/helpful/people/{lena.pk}/work/"
        look = " ".join(desk.get(f"{url}?since={day(1)}").content.decode().split())
        assert "Ends <strong>2</strong> of <strong>4</strong> rankings with their pairs" in look
        done = desk.post(url, {"act": "withdraw", "since": str(day(1))}, follow=True).content.decode()
        assert "2 rankings withdrawn." in done
        assert "what was ranked from" in done
        assert standing(lena) == ["p0", "p1"]
        assert "2 rankings put back." in desk.post(url, {"act": "restore"}, follow=True).content.decode()

    def test_more_than_a_moment_allows_goes_on_with_the_same_day(
        self, project: Project, lena: User, desk: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(work_page, "ACT_SECONDS", -1.0)
        url = f"/p/helpful/people/{lena.pk}/work/"
        answer = desk.post(url, {"act": "withdraw", "since": str(day(1))})
        assert answer["Location"] == f"{url}?since={day(1)}"
        assert len(standing(lena)) == DAYS

    def test_it_offers_the_days_on_which_checks_said_something(
        self, project: Project, lena: User, desk: Client
    ) -> None:
        url = f"/p/helpful/people/{lena.pk}/work/"
        assert "By their checks:" not in desk.get(url).content.decode()
        now = timezone.now()
        member = Membership.objects.filter(user=lena)
        member.update(warned_at=now - timedelta(days=2), pause="stopped", paused_at=now)
        page = " ".join(desk.get(url).content.decode().split())
        assert page.index(f"?since={day(2)}") < page.index(f"?since={day(0)}")
        assert "on (warned)" in page
        assert "on (stopped)" in page
        member.update(warned_at=now, pause="paused")
        assert "on (warned, paused)" in desk.get(url).content.decode()

    @pytest.mark.parametrize("bad", ["31.1.2026", "2026-02-30", "soon", "x" * 5000, "2026-01-31T00:00"])
    def test_a_bad_day_is_named_and_nothing_is_done(self, project: Project, lena: User, desk: Client, bad: str) -> None:
        words = f"is a day such as 2026-01-31; got {bad[:40]!r}."
        url = f"/p/helpful/people/{lena.pk}/work/"
        for answer in (desk.get(url, {"since": bad}), desk.post(url, {"act": "withdraw", "since": bad})):
            assert answer.status_code == 422
            assert answer.context["form"].errors["since"] == [f"since {words}"]
            assert 'value="withdraw"' not in answer.content.decode()
        said = as_user(manager_of(project)).post(f"/api/v1/projects/helpful/people/{lena.pk}/withdraw/?since={bad}")
        assert (said.status_code, said.json()["errors"][0]["detail"]) == (400, f"since {words}")
        with pytest.raises(CommandError) as error:
            call_command("withdraw_work", "helpful", "lena", since=bad)
        assert str(error.value) == f"--since {words}"
        assert len(standing(lena)) == DAYS

    def test_the_api_takes_the_day_and_not_an_empty_one(self, project: Project, lena: User) -> None:
        """A program whose variable is empty must not withdraw all."""
        program, api = as_user(manager_of(project)), f"/api/v1/projects/helpful/people/{lena.pk}"
        assert program.post(f"{api}/withdraw/?since=").status_code == 400
        foreseen = program.post(f"{api}/withdraw/?since={day(1)}&dry_run=1").json()
        assert foreseen == {"rankings": 2, "prompts": 0, "kept": 0, "standing": 4, "versions": []}
        assert program.post(f"{api}/withdraw/?since={day(1)}").json() == {**foreseen, "standing": 2}
        assert program.post(f"{api}/restore/?since={day(1)}").status_code == 400
        assert program.post(f"{api}/restore/").json() == {**foreseen, "standing": 4}

    def test_the_command_says_it_first(self, project: Project, lena: User, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("withdraw_work", "helpful", "lena", "--dry-run", since=str(day(1)))
        said = capsys.readouterr().out
        assert f"2 rankings from {day(1)} on would end;" in said
        assert "4 rankings of theirs, of any day, stand now." in said
        call_command("withdraw_work", "helpful", "lena", since=str(day(1)))
        said = capsys.readouterr().out
        assert f"2 rankings from {day(1)} on ended;" in said
        assert "2 rankings of theirs, of any day, stand now." in said
        with pytest.raises(CommandError, match="leave --since out"):
            call_command("withdraw_work", "helpful", "lena", "--restore", since=str(day(1)))
        with pytest.raises(CommandError, match="got ''"):
            call_command("withdraw_work", "helpful", "lena", since="")
        assert len(standing(lena)) == 2
