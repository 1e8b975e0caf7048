"""What a person did is what they said last of each prompt, whatever became of it: the same number wherever it stands,
and the list to which it leads has as many."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.answers import rankings
from labeling.data.reviewing import cases, decisions
from labeling.data.revising.revisions import revise
from labeling.data.withdrawing import withdrawals, work
from labeling.models import Assignment, Project, Ranking, ReviewCase, Role, User
from labeling.models.functions import query
from labeling.models.rankings import GIVEN, given
from labeling.people import project_people
from labeling.people.access import Which, rankings_of
from labeling.projects import pace
from labeling.projects.own_work import own_work
from labeling.quality import labeler_numbers
from labeling.views.desk import pace_of
from tests.factories import join, make_project, make_prompt, make_user, rank, tiers_of

pytestmark = pytest.mark.django_db
N = 6  # that Lena said: one stands, one was changed, one given anew, one decided over, one withdrawn, one corrected


@pytest.fixture
def project() -> Project:
    return make_project(manager=make_user("mara"), slug="work")


@pytest.fixture
def lena(project: Project) -> User:
    """Whose answers met every fate, and one of them was taken back."""
    lena = join(project, username="lena")
    for place in range(N + 1):
        make_prompt(project, question=f"Question {place}?", k=2)
    said = [rank(project, lena) for _ in range(N + 1)]
    _stands, changed, again, decided, withdrawn, corrected, undone = said
    rankings.amend(changed.assignment, {"tiers": tiers_of(changed.assignment, (2, 1))})
    task = rankings.withdraw(again.assignment)
    rankings.submit(task, {"tiers": tiers_of(task, (2, 1))})
    decide(project, decided)
    withdrawals.withdraw(project, [withdrawn.prompt.external_id])
    revise(project, corrected.prompt, base=1, by=None, messages=[{"role": "user", "content": "Said otherwise?"}])
    rankings.withdraw(undone.assignment)
    return lena


def decide(project: Project, ranking: Ranking) -> None:
    case = cases.open_case(ranking.prompt, ReviewCase.Reason.ASKED)
    rita = join(project, Role.REVIEWER, "rita")
    task = decisions.task_for(case, rita)
    decisions.decide(case, task, {"tiers": tiers_of(task, (2, 1))}, by=rita)


def page(user: User, address: str) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def links(html: str, words: str) -> str:
    """Gives where the first link leads that says these words and nothing before them."""
    found = re.findall(r'<a[^>]*href="([^"]*)"[^>]*>(.*?)</a>', html, re.S)
    said = [(each, re.sub(r"<[^>]+>", "", of).strip()) for each, of in found]
    return next(each for each, of in said if of.startswith(words)).replace("&amp;", "&")


def test_the_database_and_a_filter_say_the_same(project: Project, lena: User) -> None:
    by_filter = set(Ranking.objects.filter(given(), labeler=lena).values_list("pk", flat=True))
    rows = query(f"SELECT r.id FROM labeling_ranking r WHERE r.labeler_id = %(lena)s AND {GIVEN}", {"lena": lena.pk})
    assert {row["id"] for row in rows} == by_filter
    assert len(by_filter) == len({*Ranking.objects.filter(pk__in=by_filter).values_list("prompt", flat=True)}) == N
    assert rankings_of(lena, project, Which.GIVEN).count() == N
    assert rankings_of(lena, project).count() == N - 3


def test_every_number_of_a_day_is_the_same(project: Project, lena: User) -> None:
    Ranking.objects.filter(labeler=lena).update(active_seconds=30)
    own, person = own_work(lena, [project.pk]), project_people.person_of(project, lena.pk)
    assert (own.today, own.week, own.seconds) == (N, N, 30)
    assert (own.today_in, own.week_in, own.projects) == ({project.pk: N}, {project.pk: N}, {project.pk})
    assert (person.today, person.seconds, person.rankings) == (N, 30, N - 3)
    assert (pace_of(lena, project).today, pace_of(lena, project).seconds) == (N, 30)
    assert pace.rankings_a_day(project, labeler=lena.pk)[-1].rankings == N
    assert pace.rankings_a_day(project)[-1].rankings == N + 1  # the reviewer's
    numbers = labeler_numbers.numbers_of(project, lena.pk)
    assert (numbers.n, numbers.pace.n, numbers.pace.value) == (N, N, 30)
    assert numbers.skips.n == N


def test_all_work_withdrawn_leaves_the_day_as_it_was(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=User.objects.get(username="mara"))
    assert own_work(lena, [project.pk]).today == N
    person = project_people.person_of(project, lena.pk)
    assert (person.rankings, person.today) == (0, N)
    assert person.last_ranked is not None
    html = page(User.objects.get(username="mara"), f"/p/work/people/{lena.pk}/")
    assert "No answer yet" not in html
    assert f"{N} today" in html


def test_a_labelers_numbers_lead_to_as_many_answers(project: Project, lena: User) -> None:
    home = page(lena, "/")
    assert "You did <strong><a href=" in home
    for words in (f"{N} today", f"{N} in the last seven days"):
        history = page(lena, links(home, words))
        assert f"{N} answers." in " ".join(history.split())
        assert history.count('class="said"') == N
        assert "You did not" not in history
    said = " ".join(history.split())
    assert said.count("It counts no more: the prompt was withdrawn or corrected since") == 2
    assert said.count("A reviewer decided this prompt since.") == 1
    assert said.count(">Edit</a>") == 3
    assert "Said otherwise?" in said
    assert page(lena, "/p/work/history/?to_day=2020-01-01").count('class="said"') == 0


def test_a_managers_numbers_lead_to_as_many_answers(project: Project, lena: User) -> None:
    mara = User.objects.get(username="mara")
    person = page(mara, f"/p/work/people/{lena.pk}/")
    for html, words in (
        (page(mara, "/p/work/people/?sort=-today"), str(N)),
        (person, f"{N} today"),
        (person, f"{N} given"),
    ):
        listed = page(mara, links(html, words))
        assert f"{N} fit." in " ".join(listed.split())
        assert listed.count('class="said"') == N
    stands = page(mara, links(person, f"{N - 3} answers stand"))
    assert stands.count('class="said"') == N - 3


def test_the_api_lists_them_for_reviewers(project: Project, lena: User) -> None:
    client = Client()
    client.force_login(User.objects.get(username="rita"))
    listed = client.get("/api/v1/projects/work/rankings/", {"given": "true", "labeler": "lena"}).json()["results"]
    assert len(listed) == N
    client.force_login(lena)
    assert client.get("/api/v1/projects/work/rankings/", {"given": "true"}).status_code == 403


@pytest.mark.parametrize("asked", ["from_day=x", "to_day=9999-12-31", "from_day=0001-01-01", "from_day=", "to_day=%00"])
def test_a_day_that_cant_be_read_narrows_nothing(project: Project, lena: User, asked: str) -> None:
    assert page(lena, f"/p/work/history/?{asked}").count('class="said"') == N


def test_a_search_within_days_goes_on_in_these_days(project: Project, lena: User) -> None:
    today = timezone.localdate().isoformat()
    html = page(lena, f"/p/work/history/?from_day={today}&q=Question")
    assert f'name="from_day" value="{today}"' in html
    assert "only these days are searched" in html
    assert page(lena, "/p/work/history/?to_day=2020-01-01&q=Question").count('class="said"') == 0


def test_the_day_is_found_by_an_index_whatever_else_there_is(project: Project, lena: User) -> None:
    costs = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as context:
            own_work(lena, [project.pk])
            pace_of(lena, project)
        costs.append(len(context))
        for _ in range(5):
            make_prompt(project, k=2)
            withdrawals.withdraw(project, [rank(project, lena).prompt.external_id])
    assert costs == [3, 3]
    assert own_work(lena, [project.pk]).today == N + 10
    assert not Assignment.objects.filter(labeler=lena, state="claimed", withdrawn_at__isnull=False).exists()
