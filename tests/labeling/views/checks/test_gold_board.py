"""A manager ranks a prompt for its gold on the ordinary board; and a warned person is told on theirs."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.withdrawing import withdrawals
from labeling.models import GoldAnswer, Membership, Project, Prompt, Ranking, Role
from labeling.projects.projects import update_project
from labeling.quality.checks.verdicts import check_order
from tests import factories
from tests.labeling.views.practising.test_items import answer
from tests.labeling.views.practising.test_practice import as_user, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return factories.make_project(slug="work", flags=[{"name": "rude", "label": "Rude"}])


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return factories.make_prompt(project)


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(factories.join(project, Role.MANAGER))


def address(prompt: Prompt) -> str:
    return f"/p/work/prompts/{prompt.pk}/gold/rank/"


def texts_of(prompt: Prompt) -> list[str]:
    return [each.text for each in prompt.completions.order_by("position")]


def test_it_is_made_of_what_was_ranked_and_stores_no_ranking(prompt: Prompt, manager: Client) -> None:
    board = manager.get(address(prompt)).content.decode()
    names = re.findall(r'name="(flag-[a-z0-9]+-rude)"', board)
    sent = answer(board, texts_of(prompt)) | {names[0]: "1", "explanation": " It is so. "}
    said = manager.post(address(prompt), sent, follow=True)
    assert "It is gold by your answer now." in words(said)
    gold = GoldAnswer.objects.get()
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    assert gold.ranks == {str(key): rank for rank, key in enumerate(keys, start=1)}
    assert [named for named in gold.flags.values() if named["rude"]] == [{"rude": True}]
    assert (gold.explanation, gold.source, gold.practice) == ("It is so.", "typed", False)
    assert not Ranking.objects.exists()


def test_it_is_ranked_anew_and_to_practise_on(prompt: Prompt, manager: Client) -> None:
    for best_first in (texts_of(prompt), texts_of(prompt)[::-1]):
        board = manager.get(address(prompt)).content.decode()
        manager.post(address(prompt), answer(board, best_first) | {"use": "practice"})
    gold = GoldAnswer.objects.get()
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    assert [gold.ranks[str(key)] for key in keys] == [4, 3, 2, 1]
    assert gold.practice
    assert "Rank it anew" in words(manager.get(f"/p/work/prompts/{prompt.pk}/"))


def test_what_says_nothing_is_refused_and_kept(project: Project, manager: Client) -> None:
    Project.objects.update(flags=[])
    prompt = factories.make_prompt(project)
    board = manager.get(address(prompt)).content.decode()
    names = dict.fromkeys(re.findall(r'name="(rank-[a-z0-9]+)"', board), "1")
    refused = manager.post(address(prompt), names | {"explanation": "half way"})
    assert refused.status_code == 422
    assert "Gold needs something to tell answers by" in words(refused)
    assert 'value="half way"' in refused.content.decode()
    assert "Nothing is ranked yet." in words(manager.post(address(prompt), {}))
    long = manager.post(address(prompt), names | {"explanation": "x" * 2001})
    assert long.status_code == 422
    assert not GoldAnswer.objects.exists()


def test_a_withdrawn_prompt_gets_none(project: Project, prompt: Prompt, manager: Client) -> None:
    withdrawals.withdraw(project, [prompt.external_id])
    assert "Put it back first." in words(manager.get(address(prompt), follow=True))
    assert "Put it back first." in words(manager.post(address(prompt), {}, follow=True))


def test_managers_alone_come_here_and_two_are_compared(project: Project, prompt: Prompt, manager: Client) -> None:
    compare = f"/p/work/prompts/{prompt.pk}/gold/compare/"
    assert manager.get(f"{compare}?one=B&two=A").status_code == 200
    for role in (Role.LABELER, Role.REVIEWER):
        other = as_user(factories.join(project, role))
        assert [other.get(address(prompt)).status_code, other.get(compare).status_code] == [403, 403]
    assert manager.get("/p/work/prompts/999999999999999999999/gold/rank/").status_code == 404
    alone = factories.make_prompt(project, k=1)
    assert manager.get(f"/p/work/prompts/{alone.pk}/gold/compare/").status_code == 404


def test_it_costs_the_same_however_many_rankings_there_are(project: Project, manager: Client) -> None:
    Project.objects.update(overlap=9)
    project.refresh_from_db()
    prompt = factories.make_prompt(project)

    def statements() -> int:
        factories.rank(project, factories.join(project))
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(address(prompt)).status_code == 200
        return len(queries)

    assert len({statements() for _ in range(3)}) == 1


def test_a_warned_person_is_told_on_the_board_and_nobody_else(project: Project, prompt: Prompt) -> None:
    labeler, other = factories.join(project), factories.join(project)
    factories.make_prompt(project)
    assert "differ from what others are sure of" not in words(as_user(labeler).get("/p/work/rank/"))
    Membership.objects.filter(user=labeler).update(warned_at=timezone.now())
    page = as_user(labeler).get("/p/work/rank/")
    assert "Some of your recent answers differ from what others are sure of." in words(page)
    assert "/p/work/guidelines/" in page.content.decode()
    assert "differ from what others" not in words(as_user(other).get("/p/work/rank/"))


def test_of_many_the_best_are_gold_over_the_rest_and_decide_nothing_within_it(
    project: Project, manager: Client
) -> None:
    update_project(project, top_k=2)
    prompt = factories.make_prompt(project, k=7)
    board = manager.get(address(prompt)).content.decode()
    sent = answer(board, texts_of(prompt))
    best = {name: value for name, value in sent.items() if not name.startswith("rank-") or int(value) <= 2}
    assert "It is gold by your answer now." in words(manager.post(address(prompt), best, follow=True))
    gold = GoldAnswer.objects.get()
    ranks = {int(key): rank for key, rank in gold.ranks.items()}
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    assert [ranks[key] for key in keys] == [1, 2, 3, 3, 3, 3, 3]
    assert gold.unranked == 5
    known = check_order(ranks, {key: place for place, key in enumerate(keys, start=1)})
    assert known is not None
    assert (known.comparisons, known.right) == (11, 11)
