"""Model and people side by side: by hand on a few pairs, and what counts as held out."""

import math
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from labeling.answers import rankings
from labeling.models import Project, Prompt
from rewardtrain.evidence.pairs import judged
from rewardtrain.models import RewardModel
from rewardtrain.monitoring.model_agreement import agreement
from rewardtrain.registry import champions
from tests.factories import join, make_prompt, rank
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import make_model, make_report, rank_prompts, score_prompt

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(project: Project) -> RewardModel:
    """Its dataset version has two prompts to train on and one of each other split."""
    rank_prompts(project, train=2, test=1, validation=1)
    return make_model(project, make_report() | {"raw_scale": 2.0})


def odds(probability: float) -> list[float]:
    """Rewards of two completions of which the first is preferred with that probability."""
    return [math.log(probability / (1 - probability)), 0.0]


def ranked(
    project: Project, *, split: str, ranks: tuple[int, int] = (1, 2), texts: tuple[str, str] = ("long", "so")
) -> Prompt:
    prompt = make_prompt(project, split=split, texts=texts)
    labeler = join(project)
    while rank(project, labeler, ranks).prompt != prompt:
        pass
    return prompt


def test_pairs_are_right_where_model_and_people_prefer_the_same(project: Project, model: RewardModel) -> None:
    """0.95 and right, 0.95 and wrong, 0.62 and right, a tie of people's: 2 of 3; at 0.9 and more 1 of 2."""
    cases = [(0.95, (1, 2)), (0.95, (2, 1)), (0.62, (1, 2)), (0.8, (1, 1))]
    for probability, ranks in cases:
        score_prompt(model, ranked(project, split="test", ranks=ranks), odds(probability))
    part = agreement(project, model, threshold=0.9).held_out
    assert part is not None
    assert (part.n_prompts, part.right.n, part.right.value) == (3, 3, pytest.approx(2 / 3))
    assert (part.sure.n, part.sure.value) == (2, 0.5)
    assert part.longer.value == pytest.approx(2 / 3), "the first is longer"
    seen = {(band.low, band.high): (band.right.n, band.right.value, band.says) for band in part.bands}
    assert seen[0.95, 1.0] == (2, 0.5, pytest.approx(0.95))
    assert seen[0.6, 0.7] == (1, 1.0, pytest.approx(0.62))
    assert seen[0.5, 0.6] == (0, None, None)
    assert part.right.low is not None
    assert part.right.low < 2 / 3 < (part.right.high or 0)


def test_raw_probabilities_are_those_before_calibration(project: Project, model: RewardModel) -> None:
    """Rewards were halved to be normalised, so training left log-odds twice as large: ln 3 becomes ln 9."""
    score_prompt(model, ranked(project, split="test"), odds(0.75))
    part = agreement(project, model, raw=True).held_out
    assert part is not None
    assert [band.says for band in part.bands if band.says] == [pytest.approx(0.9)]


def test_what_the_model_can_have_learnt_from_is_apart(project: Project, model: RewardModel) -> None:
    """The test split is held out whenever it was ranked; of the others what was ranked after the version."""
    for prompt in project.prompts.all():
        score_prompt(model, prompt, [3.0, 2.0, 1.0, 0.0])
    score_prompt(model, ranked(project, split="train"), odds(0.8))
    found = agreement(project, model)
    assert found.held_out
    assert found.learnt
    assert (found.held_out.n_prompts, found.held_out.right.n) == (2, 7)
    assert (found.learnt.n_prompts, found.learnt.right.n) == (3, 18)


def test_an_equal_dialogue_that_is_ranked_later_was_learnt_too(project: Project, model: RewardModel) -> None:
    again = make_prompt(
        project, split="train", question=project.prompts.filter(split="train")[0].messages[0]["content"]
    )
    rank(project, join(project))
    score_prompt(model, again, [3.0, 2.0, 1.0, 0.0])
    assert agreement(project, model).held_out is None


def test_it_follows_people_when_they_change_their_mind(project: Project, model: RewardModel) -> None:
    prompt = ranked(project, split="test")
    score_prompt(model, prompt, odds(0.9))
    ranking = prompt.rankings.get()
    assert (part := agreement(project, model).held_out)
    assert part.right.value == 1.0
    rankings.withdraw(ranking.assignment)
    assert agreement(project, model).held_out is None


def test_nothing_ranked_and_scored_is_nothing_to_compare(project: Project, model: RewardModel) -> None:
    found = agreement(project, model)
    assert (found.held_out, found.learnt) == (None, None)


def test_where_there_are_many_pairs_it_is_of_the_latest_and_says_so(
    project: Project, model: RewardModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [ranked(project, split="test") for _ in range(3)]
    for prompt in prompts:
        score_prompt(model, prompt, odds(0.8))
    monday = datetime(2026, 3, 2, 12, tzinfo=UTC)
    prompts[1].rankings.update(created_at=monday)
    monkeypatch.setattr(judged, "LATEST", 2)
    found = agreement(project, model)
    assert found.held_out
    assert (found.held_out.n_prompts, found.of_latest, found.since) == (2, True, monday)
    assert project.created_by
    address = f"/api/v1/projects/{project.slug}/auto-labels/agreement/?model={model.version}"
    answer = as_user(project.created_by).get(address).json()
    assert (answer["of_latest"], answer["since"]) == (True, "2026-03-02T12:00:00Z")
    champions.promote(model, by=None, reason="to have one", past_gate=True)
    client = Client()
    client.force_login(project.created_by)
    page = " ".join(client.get(reverse("auto_labels", args=[project.slug])).content.decode().split())
    assert "compared on the prompts of the latest 10,000, judged since 03/02/2026." in page
