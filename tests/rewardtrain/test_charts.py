"""The numbers behind the drawings."""

from __future__ import annotations

import pytest

from labeling.models import Project
from rewardtrain import charts, registry
from tests.rewardtrain.conftest import CHAMPION, make_model, make_report, rank_prompts


def test_a_model_stands_beside_the_champion_longer_wins_and_people() -> None:
    shares = charts.comparison(make_report(accuracy=0.7, interval=(0.6, 0.8), champion=CHAMPION))
    assert [share.kind for share in shares] == ["model", "champion", "longer", "people"]
    own, champion = shares[:2]
    assert (own.x_low, own.x, own.x_high, own.width) == (60.0, 70.0, 80.0, 20.0)
    assert (champion.x_low, champion.x, champion.x_high, champion.width) == (68.0, 68.0, 68.0, 0.5)


def test_what_is_not_known_is_not_drawn() -> None:
    shares = charts.comparison(make_report() | {"human_ceiling": None})
    assert [share.kind for share in shares] == ["model", "longer"]


@pytest.mark.django_db(transaction=True)
def test_versions_are_drawn_with_what_each_was_held_against(project: Project) -> None:
    rank_prompts(project, train=2, test=1, validation=0)
    first = make_model(project, make_report(accuracy=0.6, interval=(0.5, 0.7)))
    registry.promote(first, by=None, reason="the first one")
    make_model(project, make_report(champion=CHAMPION), rival=first)
    second, champion = charts.versions(project.reward_models.prefetch_related("evaluations"))
    assert (second.number, second.champion, second.own.x) == (2, False, 70.0)
    assert (champion.number, champion.champion, champion.own.x) == (1, True, 60.0)
    assert champion.people is not None
    assert champion.longer.kind == "longer"
