"""All work of a person is withdrawn: what ends, what is open again, what says so, and what comes back."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from labeling.answers import rankings
from labeling.data.revising import revisions
from labeling.data.versions import datasets, methods
from labeling.data.versions.holding import withdrawn_since
from labeling.data.withdrawing import withdrawals, work
from labeling.errors import Conflict
from labeling.models import Assignment, PreferencePair, Project, Ranking, Role, User, WorkWithdrawal
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, rank_next, tiers_of
from tests.labeling.api.client import as_user
from tests.labeling.views.test_doors import as_user as at_desk
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = make_project(slug="helpful", overlap=2)
    for number in range(4):
        make_prompt(project, external_id=f"p{number}", split="train")
    return project


@pytest.fixture
def lena(project: Project) -> User:
    lena = join(project, username="lena")
    for _ in range(3):
        rank(project, lena)
    return lena


def standing(project: Project) -> tuple[int, int]:
    """Rankings and pairs, as counters have them and as they are."""
    n = Ranking.objects.filter(project=project, live=True).count()
    pairs = PreferencePair.objects.filter(project=project).count()
    call_command("check_counters", stdout=io.StringIO())  # raises CommandError where they differ
    return n, pairs


def test_her_rankings_end_with_their_pairs_and_others_get_the_prompts(project: Project, lena: User) -> None:
    otto = join(project, username="otto")
    rank_next(project, otto, 3)
    assert standing(project) == (6, 36)
    before = work.foresee(project, lena)
    assert (before.rankings, before.prompts, before.kept) == (3, 3, 0)
    done = work.withdraw(project, lena, by=None)
    assert (done.rankings, done.prompts, done.finished) == (3, 3, True)
    assert standing(project) == (3, 18)
    assert not Ranking.objects.filter(labeler=lena, ended_at=None).exists()
    ada = join(project, username="ada")
    assert {rank(project, ada).prompt.external_id for _ in range(3)} == {"p0", "p1", "p2"}


def test_twice_is_harmless_and_the_first_time_stands(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=lena)
    noted = WorkWithdrawal.objects.get()
    done = work.withdraw(project, lena, by=None)
    assert (done.rankings, done.prompts) == (0, 0)
    assert WorkWithdrawal.objects.get().withdrawn_at == noted.withdrawn_at
    assert WorkWithdrawal.objects.get().withdrawn_by == lena


def test_what_was_killed_half_way_goes_on(project: Project, lena: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "TASKS_AT_ONCE", 1)
    first = work.withdraw(project, lena, by=None, seconds=-1.0)
    assert (first.rankings, first.finished) == (0, False)
    keys = list(Assignment.objects.filter(labeler=lena).values_list("pk", flat=True))
    work._withdraw_some(lena, keys[:1])  # and then it was killed
    assert work.withdrawal_of(project, lena)
    assert work.withdraw(project, lena, by=None).rankings == 2
    assert standing(project) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_does_it_once(project: Project, lena: User) -> None:
    counts = at_once([lambda: work.withdraw(project, lena, by=None).rankings] * 3)
    assert sum(counts) == 3
    back = at_once([lambda: work.restore(project, lena).rankings] * 3)
    assert sum(back) == 3
    assert standing(project) == (3, 18)


def test_it_is_put_back_with_its_last_revision(project: Project, lena: User) -> None:
    task = Assignment.objects.filter(labeler=lena).earliest("pk")
    changed = rankings.amend(task, {"tiers": tiers_of(task, (4, 3, 2, 1)), "comment": "on second thoughts"}).ranking
    work.withdraw(project, lena, by=None)
    done = work.restore(project, lena)
    assert (done.rankings, done.kept) == (3, 0)
    assert standing(project) == (3, 18)
    assert Ranking.objects.get(assignment=task, live=True) == changed
    assert work.withdrawal_of(project, lena) is None


def test_what_somebody_else_has_by_now_stays_withdrawn(project: Project, lena: User) -> None:
    rank_next(project, join(project, username="otto"), 2)
    work.withdraw(project, lena, by=None)
    ada = join(project, username="ada")
    rank(project, ada)
    claimed(project, ada)
    done = work.restore(project, lena)
    assert (done.rankings, done.kept) == (1, 2)
    assert work.withdrawal_of(project, lena) is not None
    standing(project)


def test_what_she_ranked_anew_stays_and_nothing_is_twice(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=None)
    again = rank(project, lena)
    done = work.restore(project, lena)
    assert (done.rankings, done.kept) == (2, 1)
    assert Ranking.objects.get(prompt=again.prompt_id, live=True) == again


def test_a_late_answer_to_a_withdrawn_task_takes_it_back(project: Project, lena: User) -> None:
    task = Assignment.objects.filter(labeler=lena).earliest("pk")
    work.withdraw(project, lena, by=None)
    with pytest.raises(Conflict, match="no answer of yours"):
        rankings.amend(task, {"tiers": tiers_of(task)})
    assert rankings.submit(task, {"tiers": tiers_of(task)}).created
    task.refresh_from_db()
    assert (task.state, task.withdrawn_at) == (Assignment.State.RANKED, None)
    assert standing(project) == (1, 6)


def test_rankings_of_texts_that_are_others_now_stay_withdrawn(project: Project, lena: User) -> None:
    work.withdraw(project, lena, by=None)
    prompt = project.prompts.get(external_id="p0")
    texts = {prompt.completions.all()[0].external_id: "Corrected."}
    revisions.revise(project, prompt, base=1, by=None, texts=texts)
    assert work.restore(project, lena).kept == 1


def test_a_withdrawn_prompt_does_not_bring_it_back(project: Project, lena: User) -> None:
    withdrawals.withdraw(project, ["p0"])
    assert work.withdraw(project, lena, by=None).rankings == 2
    withdrawals.restore(project, ["p0"])
    assert standing(project) == (0, 0)
    withdrawals.withdraw(project, ["p0"])
    assert work.restore(project, lena).rankings == 2  # that of p0 when the prompt comes back
    withdrawals.restore(project, ["p0"])
    assert standing(project) == (3, 18)


def test_frozen_versions_say_so_everywhere(project: Project, lena: User) -> None:
    first = datasets.freeze(project)
    otto = join(project, username="otto")
    rank(project, otto)
    second = datasets.freeze(project)
    assert work.foresee(project, lena).versions == {"2": 3, "1": 3}
    work.withdraw(project, lena, by=None)
    third = datasets.freeze(project)
    assert [[(w.labeler, n) for w, n in withdrawn_since(v)] for v in (first, second, third)] == [
        [(lena, 3)], [(lena, 3)], [],
    ]  # fmt: skip
    manager = project.memberships.get(role=Role.MANAGER).user
    page = at_desk(manager).get("/p/helpful/versions/1/").content.decode()
    assert "Work of 1 person in it was withdrawn since" in page
    assert "(3 rankings)" in page
    assert "was withdrawn since" not in at_desk(manager).get("/p/helpful/versions/3/").content.decode()
    said = methods.methods_of(first)
    assert "work of 1 labeler was withdrawn: 3 rankings of them are in the file still" in said
    assert "lena" not in said
    versions = {n: as_user(manager).get(f"/api/v1/projects/helpful/datasets/{n}/").json() for n in (1, 3)}
    assert [versions[n]["withdrawn_labelers"] for n in (1, 3)] == [1, 0]
    work.restore(project, lena)
    assert withdrawn_since(first) == []


def test_a_version_is_told_what_stood_when_it_was_frozen(project: Project, lena: User) -> None:
    """Changed, and withdrawn, between versions."""
    first = datasets.freeze(project)
    task = Assignment.objects.filter(labeler=lena).earliest("pk")
    rankings.amend(task, {"tiers": tiers_of(task)[::-1]})
    second = datasets.freeze(project)
    withdrawals.withdraw(project, [task.prompt.external_id])
    third = datasets.freeze(project)
    assert {second.number, third.number} == {2, 3}
    assert work.held_by(project, lena) == {"3": 2, "2": 3, "1": 3}
    assert {str(v.number): v.n_rankings for v in (first, second, third)} == work.held_by(project, lena)


def test_statements_do_not_grow_with_the_work(project: Project, lena: User, django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        make_prompt(project, external_id=f"more{number}", split="train")
    rank_next(project, lena, 50)
    with django_assert_max_num_queries(25):
        assert work.withdraw(project, lena, by=None).rankings == 53
    with django_assert_max_num_queries(10):
        assert work.restore(project, lena).rankings == 53


def test_it_is_a_managers_and_of_people_of_the_project(project: Project, lena: User) -> None:
    manager = project.memberships.get(role=Role.MANAGER).user
    everyone = {
        "manager": manager,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": lena,
        "stranger": make_project(slug="elsewhere").memberships.get().user,
        "administrator": make_user(superuser=True),
        "deactivated": join(project, Role.MANAGER, "gone"),
    }
    clients = {who: at_desk(user) for who, user in everyone.items()}
    User.objects.filter(username="gone").update(is_active=False)
    url, api = f"/p/helpful/people/{lena.pk}/work/", f"/api/v1/projects/helpful/people/{lena.pk}"
    expected = {
        "manager": 200, "reviewer": 403, "labeler": 403, "stranger": 404, "administrator": 200, "deactivated": 302,
    }  # fmt: skip
    assert {who: client.get(url).status_code for who, client in clients.items()} == expected
    assert Client().get(url).status_code == 302
    of_api = {**expected, "deactivated": 401}
    for act in ("withdraw", "restore"):
        said = {who: as_user(user).post(f"{api}/{act}/?dry_run=1").status_code for who, user in everyone.items()}
        assert said == of_api
        assert as_user(None).post(f"{api}/{act}/").status_code == 401
    for nothing in (everyone["stranger"].pk, 10**30):  # who ranked nothing here
        assert clients["manager"].get(f"/p/helpful/people/{nothing}/work/").status_code == 404
    # A member's own page leads there, also of one who ranked nothing yet.
    assert clients["manager"].get(f"/p/helpful/people/{manager.pk}/work/").status_code == 200
    assert as_user(manager).post("/api/v1/projects/helpful/people/999999/withdraw/").status_code == 404
    assert clients["labeler"].post(url, {"act": "withdraw"}).status_code == 403
    assert standing(project)[0] == 3


def test_page_api_and_command_say_it_first_and_do_the_same(
    project: Project, lena: User, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets.freeze(project)
    manager = project.memberships.get(role=Role.MANAGER).user
    desk, url = at_desk(manager), f"/p/helpful/people/{lena.pk}/work/"
    look = " ".join(desk.get(url).content.decode().split())
    assert "Ends <strong>3</strong> rankings with their pairs" in look
    assert "Version 1" in look
    assert "3 rankings withdrawn." in desk.post(url, {"act": "withdraw"}, follow=True).content.decode()
    assert "3 rankings are withdrawn" in desk.get(url).content.decode()
    assert "3 rankings put back." in desk.post(url, {"act": "restore"}, follow=True).content.decode()
    program, api = as_user(manager), f"/api/v1/projects/helpful/people/{lena.pk}"
    counts = {"rankings": 3, "prompts": 0, "kept": 0, "standing": 3}
    foreseen = {**counts, "versions": [{"version": 1, "rankings": 3}]}
    assert program.post(f"{api}/withdraw/?dry_run=true").json() == foreseen
    assert program.post(f"{api}/withdraw/").json() == {**foreseen, "standing": 0}
    assert program.post(f"{api}/restore/").json() == {**counts, "versions": []}
    call_command("withdraw_work", "helpful", "lena", "--dry-run")
    assert "3 rankings would end" in capsys.readouterr().out
    call_command("withdraw_work", "helpful", "lena")
    assert "3 rankings ended; 0 prompts are open again by it.\nVersion 1 keeps 3 of them." in capsys.readouterr().out
    call_command("withdraw_work", "helpful", "lena", "--restore")
    assert "3 rankings stand again" in capsys.readouterr().out
    for arguments in (("nowhere", "lena"), ("helpful", "nobody")):
        with pytest.raises(CommandError, match=r"no project|ranked nothing"):
            call_command("withdraw_work", *arguments)
