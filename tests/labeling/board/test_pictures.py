"""A ranking's small picture: names, ties, letters, who, and the same as a sentence."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from labeling.answers import rankings
from labeling.board.pictures import Picture, Spot, flags_in_short, picture_of
from labeling.models import Ranking
from tests import factories

FLAGS = [{"name": name, "label": name.title()} for name in ("hateful", "rude", "false", "long", "odd")]


def fetched(ranking: Ranking) -> Ranking:
    return Ranking.objects.select_related("labeler").prefetch_related("ranked__completion").get(pk=ranking.pk)


@pytest.mark.django_db
def test_numbers_are_the_order_of_import_and_letters_what_the_person_saw() -> None:
    project = factories.make_project()
    factories.make_prompt(project, k=3)
    ranking = fetched(factories.rank(project, factories.join(project, username="ada"), (2, 1, 2)))
    places = {place.completion.position: place for place in ranking.ranked.all()}
    letters = ["ABC"[places[at].shown_position or 0] for at in range(3)]
    tiers = {rank: [at for at in range(3) if places[at].rank == rank] for rank in (1, 2)}
    picture = picture_of(ranking, project, seen=True, who=True)
    assert picture.tiers == [[Spot(str(at + 1), letters[at]) for at in tiers[rank]] for rank in (1, 2)]
    assert (picture.labeler, picture.live, picture.flags) == ("ada", True, ())
    own = picture_of(ranking, project, own=True)
    assert [[spot.name for spot in tier] for tier in own.tiers] == [
        sorted(letters[at] for at in tiers[r]) for r in (1, 2)
    ]
    assert own.labeler == ""


@pytest.mark.django_db
def test_of_an_imported_ranking_nobody_saw_letters() -> None:
    project = factories.make_project()
    factories.make_prompt(project, k=2)
    ranking = factories.rank(project, factories.join(project))
    ranking.ranked.update(shown_position=None)
    spots = [spot for tier in picture_of(fetched(ranking), project, seen=True).tiers for spot in tier]
    assert {(spot.name, spot.seen) for spot in spots} == {("1", ""), ("2", "")}


@pytest.mark.django_db
def test_a_replaced_one_says_so_but_in_one_s_own_history() -> None:
    project = factories.make_project()
    factories.make_prompt(project)
    ranking = factories.rank(project, factories.join(project))
    rankings.withdraw(ranking.assignment)
    assert not picture_of(fetched(ranking), project).live
    assert picture_of(fetched(ranking), project, own=True).live


@pytest.mark.django_db
def test_a_classification_of_one_text_has_no_order_and_its_flags_in_short() -> None:
    project = factories.make_project(kind="classification", flags=FLAGS[:2])
    factories.make_prompt(project, question="", texts=["You are late again."])
    ranking = fetched(factories.answer(project, factories.join(project), hateful=False, rude=True))
    picture = picture_of(ranking, project, flags=True)
    assert (picture.tiers, picture.flags) == ([], ["Rude", "no to 1"])
    assert picture_of(ranking, project).flags == ()


@pytest.mark.parametrize(
    ("answers", "short"),
    [
        ({}, []),
        ({"": {"hateful": False}}, ["no"]),
        ({"": {"hateful": False, "rude": False}}, ["no to all 2"]),
        ({"": {"hateful": True, "rude": False}}, ["Hateful", "no to 1"]),
        (
            {"": dict.fromkeys(("hateful", "rude", "false", "long", "odd"), True)},
            ["Hateful", "Rude", "False", "2 more"],
        ),
        ({"1": {"rude": True}, "2": {"rude": False}, "3": {"rude": True}}, ["Rude: 1, 3"]),
        ({"": {"former": True}}, ["former"]),
    ],
)
def test_flags_in_short(answers: dict[str, dict[str, bool]], short: list[str]) -> None:
    assert flags_in_short(answers, FLAGS) == short


def test_the_order_is_said_as_a_sentence() -> None:
    picture = Picture([[Spot("2", "B")], [Spot("1", "A"), Spot("3")]])
    assert picture.words == "Rank 1: completion 2, seen as B; rank 2, tied: completion 1, seen as A, completion 3."
    assert Picture().words == ""


def test_the_part_hides_the_drawing_from_who_hears_the_sentence() -> None:
    html = render_to_string(
        "labeling/answers/_picture.html", {"picture": Picture([[Spot("1")], [Spot("2")]], labeler="<b>")}
    )
    assert '<span class="visually-hidden">Rank 1: completion 1; rank 2: completion 2.</span>' in html
    assert 'class="picture__tiers" aria-hidden="true"' in html
    assert "&lt;b&gt;" in html
    assert "data-ended" not in html
