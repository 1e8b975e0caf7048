"""A classification's champion beside fresh answers: by hand on a few texts, on the overview, through the service."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Project, Ranking
from rewardtrain import tasks
from rewardtrain.evidence.labels import judged
from rewardtrain.models import PromptScore, RewardModel
from rewardtrain.monitoring import drift
from rewardtrain.registry import champions
from tests.factories import answer, join, make_project, make_prompt
from tests.reports import draw_flag_report
from tests.rewardtrain.conftest import make_model
from tests.rewardtrain.service import finish_models


@pytest.fixture
def project(transactional_db: None) -> Project:
    flags = [{"name": "hateful", "label": "Hateful"}, {"name": "insult", "label": "Insult"}]
    return make_project(slug="texts", kind=Project.Kind.CLASSIFICATION, flags=flags)


@pytest.fixture
def champion(project: Project) -> RewardModel:
    """Its positive class is "not hateful", which most test labels say. It learnt from one text."""
    answer_freshly(project, [False])
    make_model(project, draw_flag_report())
    return champions.promote(make_model(project, draw_flag_report(skill=2.0)), by=None, reason="to have one")


def answer_freshly(project: Project, hateful: list[bool]) -> list[Ranking]:
    labeler = join(project)
    for _ in hateful:
        make_prompt(project, question="", split="train", texts=[f"Text {project.prompts.count()}"])
    return [answer(project, labeler, hateful=said, insult=not said) for said in hateful]


def score(model: RewardModel, ranking: Ranking, chance: float) -> None:
    prompt = ranking.prompt
    PromptScore.objects.create(
        reward_model=model,
        prompt=prompt,
        completions=list(prompt.completions.values_list("pk", flat=True)),
        rewards=[0.0],
        probabilities=[1.0],
        class_probabilities=[chance],
    )


def test_it_is_right_where_it_answers_as_people_did(project: Project, champion: RewardModel) -> None:
    """Sure of not hateful: right on the first and third, wrong on the second; sure of hateful: right on the last."""
    learnt = Ranking.objects.get()
    rankings = answer_freshly(project, [False, True, False, True])
    for ranking, chance in zip([learnt, *rankings], [0.9, 0.9, 1.0, 0.6, 0.0], strict=True):
        score(champion, ranking, chance)
    found = drift.drift(project)
    assert found
    assert found.promised.n == 300
    assert 0.7 < (found.promised.low or 0) < (found.promised.value or 0) < (found.promised.high or 0)
    (span,) = found.spans
    assert (span.n_prompts, span.right.n, span.right.value, span.baseline.value) == (4, 4, 0.75, 0.5)


def test_the_overview_alarms_in_words_about_labels(project: Project, champion: RewardModel) -> None:
    client = Client()
    client.force_login(project.created_by)  # type: ignore[arg-type]

    def overview() -> str:
        answer = client.get(reverse("project_machine", args=[project.slug]))
        return " ".join(answer.content.decode().split())

    assert "The champion on what people answer now" not in overview()
    for ranking in answer_freshly(project, [True] * 60):
        score(champion, ranking, 0.9)
    page = overview()
    assert "Version 2 no longer answers as people do: on 0 %" in page
    assert "n = 60 labels of 60 texts) of the labels they gave last" in page
    assert "Commoner answer" in page
    assert "rank now" not in page


def test_of_many_labels_a_part_over_all_the_time_is_drawn_and_the_page_says_so(
    project: Project, champion: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "LATEST", 20)
    rankings = answer_freshly(project, [True] * 21)
    for ranking in rankings[:20]:
        score(champion, ranking, 0.9)
    assert (found := drift.drift(project))
    assert (found.n, found.there) == (20, None)
    score(champion, rankings[-1], 0.9)
    assert (found := drift.drift(project))
    assert (found.n, found.there) == (16, 21), "the latest ten, and the first ones of ten parts of that time"
    client = Client()
    client.force_login(project.created_by)  # type: ignore[arg-type]
    page = client.get(reverse("project_machine", args=[project.slug])).content.decode()
    assert "Of 21 labels since then 16 are drawn" in " ".join(page.split())


def test_fresh_answers_are_scored_by_the_service(
    project: Project, champion: RewardModel, look_up: Callable[[], None], tmp_path: Path
) -> None:
    finish_models(project, tmp_path)
    look_up()
    answer_freshly(project, [True, False, True])
    tasks.keep_up()
    found = drift.drift(project)
    assert found
    assert found.spans[0].right.n == 3
