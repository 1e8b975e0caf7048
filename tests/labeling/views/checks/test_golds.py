"""Pages of gold, and of people whom their checks paused."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.leaving import erased_rows, person_export
from labeling.data.revising import erasures
from labeling.models import CheckResult, GoldAnswer, Membership, PreferencePair, Project, Prompt, Ranking, Role, User
from labeling.projects import counters
from labeling.quality.checks import acting, golds
from tests import factories
from tests.labeling.quality.checks.test_acting import RIGHT, WRONG, answer, make_gold

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="work")


def client_of(project: Project, role: str = Role.MANAGER) -> Client:
    client = Client()
    client.force_login(factories.join(project, role))
    return client


@pytest.fixture
def manager(project: Project) -> Client:
    return client_of(project)


def ranked(project: Project) -> Ranking:
    factories.make_prompt(project)
    return factories.rank(project, factories.join(project))


def act(client: Client, prompt: Prompt, **sent: object) -> str:
    response = client.post(f"/p/work/prompts/{prompt.pk}/gold/", sent, follow=True)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_ranking_makes_its_prompt_gold_and_it_is_taken_back(project: Project, manager: Client) -> None:
    ranking = ranked(project)
    page = act(manager, ranking.prompt, ranking=ranking.pk, explanation="Only the first is true.")
    assert "Only the first is true." in page
    assert "Gold no more" in page
    gold = GoldAnswer.objects.get()
    assert (gold.source, sorted(gold.ranks.values())) == ("ranking", [1, 2, 3, 4])
    act(manager, ranking.prompt, ranking=ranking.pk)  # twice is harmless
    assert GoldAnswer.objects.count() == 1
    assert "Make it gold" in act(manager, ranking.prompt, act="take_back")
    assert "Make it gold" in act(manager, ranking.prompt, act="take_back")
    assert not GoldAnswer.objects.exists()


@pytest.mark.parametrize("key", ["", "x", "0", "9" * 40, "-1", "٣"])
def test_what_is_no_ranking_of_it_is_refused_by_name(project: Project, manager: Client, key: str) -> None:
    ranking = ranked(project)
    assert "There is no ranking" in act(manager, ranking.prompt, ranking=key)
    assert not GoldAnswer.objects.exists()


def test_a_ranking_of_another_prompt_or_one_that_ended_is_refused(project: Project, manager: Client) -> None:
    ranking, other = ranked(project), ranked(project)
    assert "There is no ranking" in act(manager, ranking.prompt, ranking=other.pk)
    PreferencePair.objects.all().delete()
    Ranking.objects.filter(pk=ranking.pk).update(live=False, ended_at=timezone.now())
    assert "was changed or withdrawn" in act(manager, ranking.prompt, ranking=ranking.pk)


def test_an_explanation_that_is_too_long_is_refused(project: Project, manager: Client) -> None:
    ranking = ranked(project)
    assert "at most 2000" in act(manager, ranking.prompt, ranking=ranking.pk, explanation="ab " * 1000)


def test_the_list_says_how_each_was_answered_and_which_to_look_at_again(project: Project, manager: Client) -> None:
    bad, good = make_gold(project), make_gold(project)
    for _ in range(6):
        labeler = factories.join(project)
        answer(bad, labeler, WRONG)
        answer(good, labeler, RIGHT)
    acting.look()
    page = " ".join(manager.get("/p/work/gold/").content.decode().split())
    assert page.count("look again") == 1
    assert "100" in page
    CheckResult.objects.filter(prompt=good).update(doubted=True)
    page = " ".join(manager.get("/p/work/gold/").content.decode().split())
    assert page.count("in doubt") == 6


def test_the_list_asks_no_more_of_fifty_golds_than_of_two(project: Project, manager: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert manager.get("/p/work/gold/").status_code == 200
        return len(asked)

    for _ in range(2):
        make_gold(project)
    statements()
    few = statements()
    for _ in range(40):
        make_gold(project)
    assert statements() == few


class TestPauses:
    @pytest.fixture
    def paused(self, project: Project) -> User:
        labeler = factories.join(project, username="mia")
        for _ in range(20):
            answer(make_gold(project), labeler, WRONG)
        acting.look()
        return labeler

    def test_the_project_page_says_it_to_managers_and_reviewers(
        self, project: Project, manager: Client, paused: User
    ) -> None:
        factories.make_prompt(project)
        for client in (manager, client_of(project, Role.REVIEWER)):
            page = " ".join(client.get("/p/work/").content.decode().split())
            assert "1 person was warned or paused by their checks." in page
            page = " ".join(client.get("/p/work/gold/").content.decode().split())
            assert "mia is paused" in page

    def test_their_page_has_the_numbers_and_lets_them_go_on(
        self, project: Project, manager: Client, paused: User
    ) -> None:
        page = " ".join(manager.get(f"/p/work/people/{paused.pk}/").content.decode().split())
        assert "of 20 checks" in page
        assert "Paused" in page
        address = f"/p/work/people/{paused.pk}/resume/"
        assert manager.post(address).status_code == 302
        assert Membership.objects.get(user=paused).pause == ""
        assert manager.post(address).status_code == 302  # twice is harmless

    def test_the_labeler_reads_calm_words_and_no_task_is_named(self, project: Project, paused: User) -> None:
        factories.make_prompt(project)
        client = Client()
        client.force_login(paused)
        page = " ".join(client.get("/p/work/rank/").content.decode().split())
        assert "The project's manager looks at some answers first." in page
        assert "gold" not in page.lower()
        home = " ".join(client.get("/").content.decode().split())
        assert "Some of your recent answers differ" in home
        assert "gold" not in home.lower()

    def test_a_reviewer_may_and_a_labeler_and_a_stranger_may_not(self, project: Project, paused: User) -> None:
        address = f"/p/work/people/{paused.pk}/resume/"
        assert client_of(project, Role.LABELER).post(address).status_code == 403
        assert client_of(factories.make_project()).post(address).status_code == 404
        assert Client().post(address).status_code == 302
        assert Membership.objects.get(user=paused).pause == "paused"
        assert client_of(project, Role.REVIEWER).post(address).status_code == 302
        assert Membership.objects.get(user=paused).pause == ""

    def test_whoever_is_no_member_is_not_found(self, project: Project, manager: Client) -> None:
        assert manager.post(f"/p/work/people/{factories.make_user().pk}/resume/").status_code == 404


def test_a_gold_made_twice_at_once_is_one(project: Project) -> None:
    ranking = ranked(project)
    golds.make_from(project, ranking, by=None)
    golds.make_from(project, ranking, by=None, explanation="Later.")
    assert [gold.explanation for gold in GoldAnswer.objects.all()] == ["Later."]


def test_erasing_a_prompt_or_whoever_made_it_gold_leaves_no_word_of_why(project: Project) -> None:
    maker = factories.join(project, Role.MANAGER)
    kept, gone = ranked(project), ranked(project)
    for ranking in (kept, gone):
        golds.make_from(project, ranking, by=maker, explanation="Because Mia says so.")
    exported = [row for row in person_export._acts(maker) if row["act"] == "made gold"]
    assert [row["explanation"] for row in exported] == ["Because Mia says so."] * 2
    erasures.erase(project, gone.prompt, confirm=gone.prompt.external_id, by=None)
    assert [gold.prompt_id for gold in GoldAnswer.objects.all()] == [kept.prompt_id]
    erased_rows.erase_words(maker)
    assert GoldAnswer.objects.get().explanation == ""
    assert not counters.differences()


def test_of_somebody_who_was_paused_it_offers_to_withdraw_their_work(project: Project, manager: Client) -> None:
    labeler = factories.join(project)
    address, offer = f"/p/work/people/{labeler.pk}/", "See what withdrawing it would end"
    assert offer not in manager.get(address).content.decode()
    Membership.objects.filter(user=labeler).update(pause="stopped", paused_at=timezone.now())
    page = manager.get(address).content.decode()
    assert offer in page
    assert f"{address}work/" in page
