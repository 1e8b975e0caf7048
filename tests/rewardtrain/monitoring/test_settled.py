"""What commits late is not missed: marks stay below whatever a transaction that is open may still bring."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connections, transaction

from labeling.models import Project, Prompt, Ranking, ReviewCase
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import contradictions
from rewardtrain.monitoring.settled import Ids, Seen, seen, settled
from rewardtrain.registry import champions
from tests.factories import join, make_project, make_prompt, rank
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts, score_prompt

AGAINST = [0.0, 4.0]


@pytest.fixture
def project(transactional_db: None) -> Project:
    project = make_project(slug="late")
    rank_prompts(project, train=2, test=1, validation=1)
    model = make_model(project, make_report(accuracy=0.8, interval=(0.7, 0.9)))
    champions.promote(model, by=None, reason="to have one", past_gate=True)
    return project


@pytest.fixture
def champion(project: Project) -> RewardModel:
    return RewardModel.objects.get()


@contextmanager
def late(act: Callable[[], object]) -> Iterator[None]:
    """Does it on a connection of its own, whose transaction commits as the block ends."""
    done, commit = Event(), Event()

    def run() -> None:
        try:
            with transaction.atomic():
                act()
                done.set()
                assert commit.wait(60)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(run)
        try:
            while not done.wait(0.05):
                assert not task.done(), task.result()
            yield
        finally:
            commit.set()
        task.result()


def look() -> list[int]:
    contradictions.look()
    opened = ReviewCase.objects.filter(reason="champion").order_by("prompt")
    return list(opened.values_list("prompt", flat=True))


def ask(project: Project, champion: RewardModel) -> Prompt:
    prompt = make_prompt(project, split="train", texts=("one", "two"))
    score_prompt(champion, prompt, AGAINST)
    return prompt


def test_a_ranking_that_commits_late_is_brought(project: Project, champion: RewardModel) -> None:
    """Ann's has the lower id and is committed after Bob's was looked for."""
    first, ann, bob = ask(project, champion), join(project), join(project)
    with late(lambda: rank(project, ann, (1, 2))):
        second = ask(project, champion)
        ranking = rank(project, bob, (1, 2))
        assert look() == look() == []
    assert Ranking.objects.get(labeler=ann).pk < ranking.pk
    assert look() == [first.pk, second.pk]


def test_a_score_that_commits_late_is_brought(project: Project, champion: RewardModel) -> None:
    prompts = [make_prompt(project, split="train", texts=("one", "two")) for _ in range(2)]
    ann = join(project)
    for _ in prompts:
        rank(project, ann, (1, 2))
    with late(lambda: score_prompt(champion, prompts[0], AGAINST)):
        score_prompt(champion, prompts[1], AGAINST)
        assert look() == []
    assert look() == [prompt.pk for prompt in prompts]


def test_where_somebody_writes_in_every_moment_it_is_a_look_behind(project: Project, champion: RewardModel) -> None:
    """A writer who began later holds up nothing of before."""
    ann, bob, cy = join(project), join(project), join(project)
    first = ask(project, champion)
    with late(lambda: rank(project, ann, (1, 2))):
        assert look() == []
    second = ask(project, champion)
    with late(lambda: rank(project, bob, (1, 2))):
        assert look() == [first.pk]
        assert not RewardModel.objects.get().seen_score >= PromptScore.objects.get(prompt=second).pk
    ask(project, champion)
    with late(lambda: rank(project, cy, (1, 2))):
        assert look() == [first.pk, second.pk]


def test_who_reads_or_asks_is_not_waited_for(project: Project) -> None:
    with late(lambda: list(Ranking.objects.all())), transaction.atomic():
        PromptScore.objects.filter(pk=0).update(prompt=1)
        assert not seen().writers
    with late(lambda: Ranking.objects.filter(pk=0).update(comment="")):
        assert len(seen().writers) == 1


@pytest.mark.django_db
class TestSettled:
    """Which ids are settled, by what was seen one after the other."""

    @pytest.fixture
    def model(self, champion: RewardModel) -> RewardModel:
        return champion

    def test_nobody_who_writes(self, model: RewardModel) -> None:
        assert settled(model, Seen(Ids(5, 7), frozenset())) == Ids(5, 7)

    def test_only_who_wrote_then_is_waited_for(self, model: RewardModel) -> None:
        for ids, writers, expected in (
            (Ids(5, 7), {"1/1"}, Ids(0, 0)),
            (Ids(6, 8), {"1/1", "2/1"}, Ids(0, 0)),
            (Ids(9, 9), {"2/1"}, Ids(5, 7)),
            (Ids(10, 10), {"2/1", "1/2"}, Ids(5, 7)),
            (Ids(11, 11), {"1/2"}, Ids(9, 9)),
            (Ids(12, 12), set(), Ids(12, 12)),
        ):
            assert settled(RewardModel.objects.get(), Seen(ids, frozenset(writers))) == expected
