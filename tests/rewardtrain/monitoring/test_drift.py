"""The champion beside fresh rankings: by hand on a few days, and through the service."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, Prompt, Ranking
from labeling.quality import agreement
from rewardtrain import tasks
from rewardtrain.charts.drift_curve import drawing
from rewardtrain.evidence.agreement import Judged
from rewardtrain.evidence.pairs import judged
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import drift
from rewardtrain.registry import champions
from rewardtrain.training import runs, worker
from tests.factories import join, make_prompt, rank
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts, score_prompt

MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def said(day: int, right: int, wrong: int = 0) -> list[Judged]:
    """Judgements of one day, each of a prompt of its own."""
    return [
        Judged(
            f"{day}-{number}", "train", 1.0 if number < right else -1.0, 1, number, MONDAY + timedelta(days=day), number
        )
        for number in range(right + wrong)
    ]


def test_a_span_is_as_few_days_as_have_enough_pairs() -> None:
    """60 on Monday; 30 and 25 make 55 by Thursday, for nobody ranked on Wednesday; 5 on Friday are too few."""
    spans = drift.spans([*said(4, 5), *said(0, 45, 15), *said(1, 15, 15), *said(3, 10, 15)])
    assert [(span.first.day, span.last.day, span.right.n, span.is_enough) for span in spans] == [
        (2, 2, 60, True),
        (3, 5, 55, True),
        (6, 6, 5, False),
    ]
    assert [span.right.value for span in spans] == [0.75, pytest.approx(25 / 55), 1.0]
    assert spans[0].baseline.value == 1.0
    assert spans[0].right.low is not None
    assert spans[0].right.low < 0.75 < (spans[0].right.high or 0)


@pytest.mark.parametrize(("right", "alarms"), [(60, False), (45, False), (20, True)])
def test_it_alarms_where_the_newest_span_lies_wholly_below_the_promise(right: int, alarms: bool) -> None:
    """Promised 0.75, 0.66 to 0.84. 20 of 60 is 0.33, 0.21 to 0.45; 45 of 60 is 0.75, 0.64 to 0.86."""
    promised = drift.Share(120, 0.75, 0.66, 0.84, 20)
    found = drift.Drift(3, promised, drift.spans([*said(0, 55), *said(1, right, 60 - right), *said(2, 0, 9)]))
    assert found.newest is found.spans[1]
    assert found.alarms is alarms


def test_with_too_few_pairs_nothing_is_alarming() -> None:
    found = drift.Drift(3, drift.Share(120, 0.75, 0.66, 0.84, 20), drift.spans(said(0, 0, 9)))
    assert found.newest is None
    assert not found.alarms


@pytest.mark.parametrize(
    ("right", "ticks"),
    [(45, [0.5, 0.6, 0.7, 0.8, 0.9]), (20, [0.2, 0.4, 0.6, 0.8, 1.0]), (0, [0.0, 0.25, 0.5, 0.75, 1.0])],
)
def test_the_drawing_has_few_round_ticks(right: int, ticks: list[float]) -> None:
    promised = drift.Share(120, 0.75, 0.66, 0.84, 20)
    drawn = drawing(drift.Drift(3, promised, drift.spans(said(0, right, 60 - right))))
    assert drawn
    assert [tick.value for tick in drawn.ticks] == ticks
    assert (drawn.ticks[0].y, drawn.ticks[-1].y) == (100.0, 0.0)


@pytest.fixture
def champion(project: Project) -> RewardModel:
    rank_prompts(project, train=2, test=1, validation=1)
    model = make_model(project, make_report(accuracy=0.8, interval=(0.7, 0.9)))
    return champions.promote(model, by=None, reason="to have one", past_gate=True)


def rank_freshly(project: Project, count: int, *, ranks: tuple[int, int]) -> list[Ranking]:
    labeler = join(project)
    for _ in range(count):
        make_prompt(project, split="train", texts=("one", "two"))
    return [rank(project, labeler, ranks) for _ in range(count)]


def test_only_what_it_cannot_have_learnt_counts(project: Project, champion: RewardModel) -> None:
    for prompt in project.prompts.all():
        score_prompt(champion, prompt, [3.0, 2.0, 1.0, 0.0])
    assert drift.drift(project) == drift.Drift(1, drift.Share(120, 0.8, 0.7, 0.9, 20), [])
    assert not drift.unscored(champion).exists()
    (ranking,) = rank_freshly(project, 1, ranks=(1, 2))
    assert list(drift.unscored(champion)) == [ranking.prompt]
    score_prompt(champion, ranking.prompt, [1.0, 0.0])
    found = drift.drift(project)
    assert found
    assert [(span.right.n, span.right.value) for span in found.spans] == [(1, 1.0)]
    assert not drift.unscored(champion).exists()


def test_the_overview_alarms_and_says_what_to_do(project: Project, champion: RewardModel) -> None:
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)

    def overview() -> str:
        answer = client.get(reverse("project_machine", args=[project.slug]))
        return " ".join(answer.content.decode().split())

    assert "The champion on what people rank now" not in overview()
    for ranking in rank_freshly(project, 60, ranks=(2, 1)):
        score_prompt(champion, ranking.prompt, [1.0, 0.0])
    page = overview()
    assert "Version 1 no longer agrees with people as it did: on 0 %" in page
    assert "where it had 80 % (70 % to 90 %, n = 120 pairs of 20 prompts) at its promotion" in page
    assert reverse("runs", args=[project.slug]) in page


def test_a_part_is_drawn_of_many_pairs_over_all_the_time_and_the_page_says_so(
    project: Project, champion: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 61 pairs, one a day, the latest 30 and of the 31 before each second one."""
    rankings = rank_freshly(project, 61, ranks=(1, 2))
    for day, ranking in enumerate(rankings):
        score_prompt(champion, ranking.prompt, [1.0, 0.0])
        Ranking.objects.filter(pk=ranking.pk).update(created_at=MONDAY + timedelta(days=day))
    whole = drift.drift(project)
    assert whole
    assert (whole.n, whole.there) == (61, None)
    monkeypatch.setattr(judged, "LATEST", 60)
    monkeypatch.setattr(agreement, "STRETCHES", 30)
    found = drift.drift(project)
    assert found
    assert (found.n, found.there) == (46, 61)
    assert (found.spans[0].first.day, found.spans[-1].last) == (2, whole.spans[-1].last)
    client = Client()
    assert project.created_by
    client.force_login(project.created_by)
    page = " ".join(client.get(reverse("project_machine", args=[project.slug])).content.decode().split())
    assert "Of 61 pairs since then 46 are drawn, from 03/02/2026 to 05/01/2026: the latest in a row" in page


@pytest.fixture
def served(project: Project, tiny_training: dict[str, object], look_up: Callable[[], None]) -> RewardModel:
    """A trained champion that the scoring service answers for."""
    rank_prompts(project, train=12, test=4, validation=2)
    worker.work(runs.request_run(project, training=tiny_training).pk)
    model = RewardModel.objects.get()
    if not model.champion:
        champions.promote(model, by=None, reason="to have one", past_gate=True)
    look_up()
    return model


def test_fresh_rankings_are_scored_by_the_service(project: Project, served: RewardModel) -> None:
    rank_freshly(project, 3, ranks=(1, 2))
    for _ in range(2):  # doing it twice is harmless
        tasks.keep_up()
        assert PromptScore.objects.filter(reward_model=served).count() == 3
    found = drift.drift(project)
    assert found
    assert found.spans[0].right.n == 3


def test_without_the_service_it_is_left_for_the_next_minute(project: Project, champion: RewardModel) -> None:
    rank_freshly(project, 1, ranks=(1, 2))
    tasks.keep_up()
    assert not PromptScore.objects.exists()


def test_a_fresh_ranking_that_cannot_be_read_is_named_and_the_others_are_scored(
    project: Project, served: RewardModel, caplog: pytest.LogCaptureFixture
) -> None:
    """A role that the model's template refuses, say; here one that no template has."""
    rankings = rank_freshly(project, 3, ranks=(1, 2))
    odd = rankings[1].prompt
    Prompt.objects.filter(pk=odd.pk).update(messages=[{"role": "narrator", "content": "Hello?"}])
    for _ in range(2):  # the next minute asks for it again, and says so again
        caplog.clear()
        tasks.keep_up()
        scored = PromptScore.objects.filter(reward_model=served).values_list("prompt", flat=True)
        assert set(scored) == {rankings[0].prompt_id, rankings[2].prompt_id}
        assert [line.split(":")[0] for line in caplog.messages if "can't read" in line] == [
            f"model {served.version} can't read {odd.external_id}"
        ]
    found = drift.drift(project)
    assert found
    assert found.spans[0].right.n == 2
