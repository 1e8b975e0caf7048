"""Many prompts made gold at once: by what people agree on, which can't and why, twice, and together with others."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.answers.finding_prompts import conditions_of
from labeling.data.bulk import acts, bulk_jobs
from labeling.data.withdrawing import withdrawals
from labeling.models import BulkAct, GoldAnswer, Project, Prompt, RankedCompletion, Ranking, Role, User
from labeling.projects import counters
from labeling.quality.checks import golds
from labeling.queue import claims
from tests import factories
from tests.factories import ids_of, make_project, make_prompt, tiers_of
from tests.labeling.views.practising.test_practice import as_user, words
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(slug="work", overlap=2, flags=[{"name": "rude", "label": "Rude"}])


def ranked(project: Project, *by: tuple[int, ...], rude: tuple[bool, ...] = ()) -> Prompt:
    """A prompt that so many people ranked; rude: what each said of its first completion."""
    prompt = make_prompt(project)
    for at, ranks in enumerate(by):
        labeler = factories.join(project)
        others = project.prompts.exclude(pk=prompt.pk).filter(held_at=None)
        keys = list(others.values_list("pk", flat=True))
        others.update(held_at=prompt.created_at)
        task = factories.claimed(project, labeler)
        assert task.prompt_id == prompt.pk
        first = next(name for name in ids_of(task) if name == tiers_of(task, (1, 2, 3, 4))[0][0])
        flags = {first: {"rude": rude[at]}} if rude else {}
        rankings.submit(task, {"tiers": tiers_of(task, ranks), "flags": flags})
        Prompt.objects.filter(pk__in=keys).update(held_at=None)
    return prompt


def do(project: Project) -> BulkAct:
    asked = conditions_of(project, {})
    foreseen = bulk_jobs.foresee(project, "gold", "", asked)
    return bulk_jobs.request(project, "gold", "", {}, by=None, foreseen=foreseen)


def known(prompt: Prompt) -> list[int]:
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    return [prompt.gold.ranks[str(key)] for key in keys]


@pytest.mark.parametrize(
    ("by", "agreed"),
    [
        (((1, 2, 3, 4), (1, 2, 3, 4)), [1, 2, 3, 4]),
        (((1, 2, 2, 3), (1, 1, 2, 3)), [1, 2, 3, 4]),  # each ties what the other decides
        (((2, 1, 3, 3), (2, 1, 3, 3)), [2, 1, 3, 3]),
        (((1, 1, 1, 2), (1, 1, 1, 1)), [1, 1, 1, 2]),
    ],
)
def test_the_order_is_what_all_said(project: Project, by: tuple[tuple[int, ...], ...], agreed: list[int]) -> None:
    prompt = ranked(project, *by)
    assert do(project).changed == 1
    prompt.refresh_from_db()
    assert known(prompt) == agreed
    assert prompt.gold_at == prompt.held_at
    assert (prompt.gold.source, prompt.gold.practice, prompt.gold.created_by) == ("ranking", False, None)
    assert Ranking.objects.filter(live=True).count() == 2
    assert counters.of(project).total.gold == 1
    assert do(project).changed == 0  # twice is harmless


def test_flags_are_known_where_all_said_the_same(project: Project) -> None:
    same = ranked(project, *[(1, 2, 3, 4)] * 2, rude=(True, True))
    other = ranked(project, *[(1, 2, 3, 4)] * 2, rude=(True, False))
    do(project)
    first = str(same.completions.earliest("position").pk)
    assert GoldAnswer.objects.get(prompt=same).flags[first] == {"rude": True}
    assert str(other.completions.earliest("position").pk) not in GoldAnswer.objects.get(prompt=other).flags


def test_a_flag_that_is_asked_no_more_is_none(project: Project) -> None:
    ranked(project, *[(1, 2, 3, 4)] * 2, rude=(True, True))
    Project.objects.update(flags=[])
    do(project)
    assert GoldAnswer.objects.get().flags == {}


def test_which_can_not_and_why(project: Project) -> None:
    good = ranked(project, (1, 2, 3, 4), (1, 2, 3, 4))
    ranked(project, (1, 2, 3, 4), (2, 1, 3, 4))
    ranked(project, (1, 2, 3, 4))
    ranked(project)
    gone = ranked(project, (1, 2, 3, 4), (1, 2, 3, 4))
    withdrawals.withdraw(project, [gone.external_id])
    gold = ranked(project, (1, 2, 3, 4))
    golds.make_from(project, Ranking.objects.get(prompt=gold), by=None, explanation="It is so.")
    found = acts.no_gold(project.prompts.all())
    assert found == acts.NoGold(is_gold=1, withdrawn=1, disagree=1, too_few=2)
    assert do(project).changed == 1
    assert set(GoldAnswer.objects.values_list("prompt", flat=True)) == {good.pk, gold.pk}
    assert GoldAnswer.objects.get(prompt=gold).explanation == "It is so."


def test_whoever_ranked_all_alike_says_nothing(project: Project) -> None:
    ranked(project, (1, 1, 1, 1), (1, 1, 1, 1))
    RankedCompletion.objects.update(flags={})
    job = do(project)
    assert (job.done, job.changed) == (1, 0)
    assert not GoldAnswer.objects.exists()


def test_of_texts_it_is_their_flags() -> None:
    project = make_project(kind="classification", overlap=2, flags=[{"name": "rude", "label": "Rude"}])
    people = [factories.join(project) for _ in range(2)]
    for said in ((True, True), (True, False)):
        make_prompt(project, k=1, question="")
        for person, rude in zip(people, said, strict=True):
            factories.answer(project, person, rude=rude)
    assert acts.no_gold(project.prompts.all()).disagree == 1
    assert do(project).changed == 1
    gold = GoldAnswer.objects.get()
    assert (gold.ranks, list(gold.flags.values())) == ({}, [{"rude": True}])


def test_the_page_says_it_first(project: Project) -> None:
    manager = as_user(factories.join(project, Role.MANAGER))
    ranked(project, (1, 2, 3, 4), (1, 2, 3, 4))
    ranked(project, (1, 2, 3, 4), (2, 1, 3, 4))
    page = manager.post("/p/work/prompts/bulk/", {"act": "gold"})
    assert "1 prompt would be changed" in words(page)
    assert "1 can't: people disagree about it." in words(page)
    assert "disagreement=yes" in page.content.decode()
    manager.post("/p/work/prompts/bulk/", {"act": "gold", "step": "do"})
    assert GoldAnswer.objects.count() == 1
    said = manager.post(
        "/api/v1/projects/work/bulk-acts/", {"act": "gold", "all": True}, content_type="application/json"
    )
    assert said.json()["changed"] == 0


def test_many_cost_the_same_statements(project: Project) -> None:
    def statements(n: int) -> int:
        for _ in range(n):
            ranked(project, (1, 2, 3, 4), (1, 2, 3, 4))
        with CaptureQueriesContext(connection) as queries:
            assert do(project).changed == n
        return len(queries)

    assert statements(1) == statements(4)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_each_once_while_others_claim() -> None:
    project = make_project(overlap=2)
    for _ in range(6):
        ranked(project, (1, 2, 3, 4), (1, 2, 3, 4))
    make_prompt(project)
    people: list[User] = [factories.join(project) for _ in range(2)]
    at_once([partial(do, project), partial(do, project), *(partial(claims.claim, project, each) for each in people)])
    assert GoldAnswer.objects.count() == 6
    assert counters.of(project).total.gold == 6
    assert not project.prompts.filter(gold_at=None, gold__isnull=False).exists()
