"""The best few of many ranked and the rest left below: asked, refused, stored, changed, taken back, decided, judged."""

from __future__ import annotations

from typing import Any

import pytest

from labeling.answers import rankings
from labeling.answers.asks.asked import Asked
from labeling.answers.side_by_side import side_by_side
from labeling.board.form import RankingForm
from labeling.board.pictures import picture_of
from labeling.data.leaving import person_export
from labeling.data.reviewing import cases, decisions
from labeling.errors import Invalid
from labeling.models import Assignment, PreferencePair, Project, Ranking, ReviewCase, Role, User
from labeling.projects import counters
from labeling.projects.projects import create_project, update_project
from labeling.quality.checks import golds
from labeling.quality.checks.results import Said, compared
from tests.factories import claimed, ids_of, join, make_project, make_prompt, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return update_project(make_project(overlap=2), top_k=3)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


@pytest.fixture
def assignment(project: Project, labeler: User) -> Assignment:
    make_prompt(project, k=9)
    return claimed(project, labeler)


def best(assignment: Assignment, n: int = 3) -> list[list[str]]:
    return [[each] for each in ids_of(assignment)[:n]]


def keys_of_the_rest(ranking: Ranking) -> set[int]:
    stored = Ranking.objects.get(pk=ranking.pk)
    places = list(stored.ranked.all())
    last = stored.rank_of_the_rest(places)
    return {place.completion_id for place in places if place.rank == last}


def test_the_best_three_of_nine_are_above_six_of_which_no_two_are_compared(assignment: Assignment) -> None:
    submitted = rankings.submit(assignment, {"tiers": best(assignment)})
    assert (submitted.pairs, submitted.ties, submitted.ranking.unranked) == (3 + 18, 0, 6)
    rest = keys_of_the_rest(submitted.ranking)
    assert len(rest) == 6
    pairs = PreferencePair.objects.filter(ranking=submitted.ranking)
    assert pairs.count() == 21
    assert not pairs.filter(chosen__in=rest).exists()
    assert counters.of(submitted.ranking.prompt.project).total.ties == 0
    assert counters.differences() == []


def test_ties_are_those_among_the_best(assignment: Assignment) -> None:
    one, two, three = (each[0] for each in best(assignment))
    submitted = rankings.submit(assignment, {"tiers": [[one, two], [three]]})
    assert (submitted.pairs, submitted.ties) == (2 + 18, 1)
    assert counters.of(submitted.ranking.prompt.project).total.ties == 1


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_the_best_are_refused_and_counted(assignment: Assignment, n: int) -> None:
    with pytest.raises(Invalid) as caught:
        rankings.submit(assignment, {"tiers": best(assignment, n)})
    assert caught.value.attr == "tiers"
    assert caught.value.code == ("too_few_ranked" if n else "nothing_ranked")
    if n:
        assert f"the best 3 of 9 at least; {n} " in caught.value.detail


@pytest.mark.parametrize(("n", "unranked", "pairs"), [(5, 4, 10 + 20), (7, 2, 21 + 14), (8, 0, 36), (9, 0, 36)])
def test_more_are_taken_and_one_alone_below_is_ranked(
    assignment: Assignment, n: int, unranked: int, pairs: int
) -> None:
    submitted = rankings.submit(assignment, {"tiers": best(assignment, n)})
    assert (submitted.ranking.unranked, submitted.pairs, submitted.ties) == (unranked, pairs, 0)


def test_a_rest_and_the_same_completions_tied_last_are_two_answers(assignment: Assignment) -> None:
    first = rankings.submit(assignment, {"tiers": best(assignment)})
    assert not rankings.submit(assignment, {"tiers": best(assignment)}).created
    tied = rankings.amend(assignment, {"tiers": [*best(assignment), ids_of(assignment)[3:]]})
    assert (tied.created, tied.pairs, tied.ties) == (True, first.pairs, 15)
    assert counters.of(first.ranking.prompt.project).total.ties == 15
    again = rankings.amend(assignment, {"tiers": best(assignment)})
    assert (again.ranking.revision, again.ties) == (3, 0)
    assert counters.of(first.ranking.prompt.project).total.ties == 0
    assert counters.differences() == []


def test_what_is_taken_back_is_the_draft_that_gives_it_again(assignment: Assignment) -> None:
    first = rankings.submit(assignment, {"tiers": best(assignment)}).ranking
    draft: dict[str, Any] = rankings.withdraw(assignment).draft  # type: ignore[assignment]
    assert sorted(draft["ranks"].values()) == [1, 2, 3]
    assert counters.differences() == []
    form = RankingForm.of(assignment)
    assert list(form.slots) == [1, 2, 3]
    assert [slot.number for card in form.cards() for slot in card.slots if slot.chosen] == [1, 2, 3]
    again = rankings.submit(assignment, {"tiers": best(assignment)}).ranking
    assert again.payload_sha256 == first.payload_sha256


def test_a_full_ranking_from_before_keeps_all_its_places_to_be_edited(project: Project, labeler: User) -> None:
    update_project(project, top_k=0)
    make_prompt(project, k=9)
    assignment = claimed(project, labeler)
    whole = rankings.submit(assignment, {"tiers": best(assignment, 9)}).ranking
    update_project(project, top_k=3)
    assignment = Assignment.objects.get(pk=assignment.pk)
    form = RankingForm.of(assignment, draft=rankings.draft_of(whole, assignment))
    assert len(form.slots) == 9
    assert [slot.number for card in form.cards() for slot in card.slots if slot.chosen] == list(range(1, 10))


@pytest.mark.parametrize(
    ("top_k", "k", "asked"), [(0, 9, 0), (3, 2, 0), (3, 6, 0), (3, 7, 3), (3, 10, 3), (7, 7, 0), (7, 8, 7), (9, 10, 9)]
)
def test_it_is_asked_of_more_than_six_and_of_more_than_it_ranks(top_k: int, k: int, asked: int) -> None:
    assert Asked.of(Project(top_k=top_k), k).top_k == asked


def test_of_six_all_are_ranked(project: Project, labeler: User) -> None:
    make_prompt(project, k=6)
    assignment = claimed(project, labeler)
    with pytest.raises(Invalid, match="3 of 6 completions are not ranked"):
        rankings.submit(assignment, {"tiers": best(assignment)})


@pytest.mark.parametrize(("value", "words"), [(10, "top_k"), (-1, "top_k"), ("some", "top_k")])
def test_a_number_that_can_not_be_is_refused(project: Project, value: object, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        update_project(project, top_k=value)
    assert words in caught.value.detail


def test_a_classification_has_none(project: Project) -> None:
    flags = [{"name": "rude", "label": "Rude"}]
    with pytest.raises(Invalid) as caught:
        create_project(by=make_user(), slug="t", name="T", kind="classification", flags=flags, top_k=3)
    assert (caught.value.code, caught.value.attr) == ("not_of_this_kind", "top_k")


def test_the_line_and_ratings_are_of_what_is_ranked(project: Project, labeler: User) -> None:
    helpful = [{"name": "helpful", "label": "Helpful", "scale": 5}]
    update_project(project, ask_acceptable=True, attributes=helpful)
    make_prompt(project, k=9)
    assignment = claimed(project, labeler)
    ids = ids_of(assignment)
    rated = {name: {"helpful": 4} for name in ids[:3]}
    answer = {"tiers": best(assignment), "acceptable": 3, "attributes": rated}
    with pytest.raises(Invalid, match="from 0 to 3, not 4"):
        rankings.submit(assignment, {**answer, "acceptable": 4})
    with pytest.raises(Invalid, match="no rating is taken for granted"):
        rankings.submit(assignment, {**answer, "attributes": {name: rated[name] for name in ids[:2]}})
    ranking = rankings.submit(assignment, answer).ranking
    stored = Ranking.objects.get(pk=ranking.pk)
    assert (stored.acceptable, stored.unranked, stored.says_more) == (3, 6, True)
    attributes = [place.attributes for place in stored.ranked.order_by("shown_position")]
    assert attributes == [{"helpful": 4}] * 3 + [{}] * 6


def test_a_ranking_of_the_best_says_no_more_than_an_order(assignment: Assignment) -> None:
    assert not Ranking.objects.get(pk=rankings.submit(assignment, {"tiers": best(assignment)}).ranking.pk).says_more


def test_pictures_and_sides_call_it_the_rest_and_no_tie(assignment: Assignment) -> None:
    ranking = rankings.submit(assignment, {"tiers": best(assignment)}).ranking
    picture = picture_of(ranking, assignment.prompt.project, own=True)
    assert [[spot.name for spot in tier] for tier in picture.tiers] == [["A"], ["B"], ["C"]]
    assert [spot.name for spot in picture.rest] == list("DEFGHI")
    assert picture.words.endswith("; below, not ranked: " + ", ".join(f"completion {name}" for name in "DEFGHI") + ".")
    keys = [place.completion_id for place in ranking.ranked.order_by("shown_position")]
    [said] = side_by_side(ranking.prompt, keys).said
    assert [(place.is_tied, place.is_of_the_rest) for place in said.places] == [(False, False)] * 3 + [
        (False, True)
    ] * 6


def test_a_person_takes_it_along(assignment: Assignment, labeler: User) -> None:
    rankings.submit(assignment, {"tiers": best(assignment)})
    [exported] = person_export._rankings(labeler)
    assert exported["top_k"] == 3


@pytest.mark.parametrize("top_k", [3, 5, 0])
def test_a_reviewer_decides_as_one_said_whatever_is_asked_by_now(assignment: Assignment, top_k: int) -> None:
    said = rankings.submit(assignment, {"tiers": best(assignment)}).ranking
    project = assignment.prompt.project
    update_project(Project.objects.get(pk=project.pk), top_k=top_k)
    reviewer = join(project, Role.REVIEWER)
    case = cases.open_case(said.prompt, ReviewCase.Reason.ASKED, by=reviewer)
    decided = decisions.decide_as(case, said, by=reviewer)
    assert (decided.pairs, decided.ties, decided.ranking.unranked) == (21, 0, 6)
    assert keys_of_the_rest(decided.ranking) == keys_of_the_rest(said)
    assert counters.differences() == []


def test_gold_counts_no_comparison_that_an_answer_or_the_gold_leaves_open(assignment: Assignment) -> None:
    ranking = rankings.submit(assignment, {"tiers": best(assignment)}).ranking
    shown = [place.completion_id for place in ranking.ranked.order_by("shown_position")]
    whole = {key: rank for rank, key in enumerate(shown, start=1)}
    given = Said({**whole, **dict.fromkeys(shown[3:], 4)}, {}, frozenset(shown[3:]))
    checked = compared(Said(whole, {}), given)
    assert checked is not None
    assert (checked.comparisons, checked.right) == (21, 21)
    tied = compared(Said(whole, {}), given._replace(rest=frozenset()))
    assert tied is not None
    assert (tied.comparisons, tied.right) == (36, 21 + 15 / 2)
    known = golds.known_of(Ranking.objects.get(pk=ranking.pk))
    of_gold = compared(Said(known.ranks, {}), Said(whole, {}))
    assert of_gold is not None
    assert (of_gold.comparisons, of_gold.right) == (21, 21)
    neither = compared(Said(known.ranks, {}), given)
    assert neither is not None
    assert neither.comparisons == 21
