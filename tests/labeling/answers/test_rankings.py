"""What a submission may say, and what is stored of it."""

from __future__ import annotations

from functools import partial
from math import comb

import pytest

from labeling.answers import rankings
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, PreferencePair, RankedCompletion, Ranking
from tests.factories import claimed, ids_of, join, make_project, make_prompt, tiers_of
from tests.threads import at_once


@pytest.mark.django_db
class TestSubmitting:
    @pytest.fixture
    def assignment(self) -> Assignment:
        project = make_project(flags=[{"name": "hateful"}])
        make_prompt(project)
        return claimed(project, join(project))

    def test_a_ranking_of_four_becomes_six_pairs_chosen_over_rejected(self, assignment: Assignment) -> None:
        submitted = rankings.submit(assignment, {"tiers": tiers_of(assignment, [3, 1, 4, 2])})
        said = {
            (pair.chosen.external_id, pair.rejected.external_id, pair.rank_gap)
            for pair in submitted.ranking.pairs.select_related("chosen", "rejected")
        }
        assert said == {("b", "d", 1), ("b", "a", 2), ("b", "c", 3), ("d", "a", 1), ("d", "c", 2), ("a", "c", 1)}
        assert (submitted.created, submitted.pairs, submitted.ties) == (True, 6, 0)

    @pytest.mark.parametrize(
        ("ranks", "n_pairs"), [([1, 1, 2, 2], 4), ([1, 1, 1, 1], 0), ([1, 2, 2, 3], 5), ([9, 9, 9, 2], 3)]
    )
    def test_ties_make_no_pairs(self, assignment: Assignment, ranks: list[int], n_pairs: int) -> None:
        submitted = rankings.submit(assignment, {"tiers": tiers_of(assignment, ranks)})
        assert (submitted.pairs, submitted.ties) == (n_pairs, comb(4, 2) - n_pairs)

    def test_it_keeps_where_each_completion_stood_on_the_screen_and_its_flags(self, assignment: Assignment) -> None:
        flagged = ids_of(assignment)[2]
        payload = {"tiers": tiers_of(assignment), "flags": {flagged: {"hateful": True}}, "active_seconds": 12.5}
        ranking = rankings.submit(assignment, payload).ranking
        rows = {row.completion_id: row for row in RankedCompletion.objects.filter(ranking=ranking)}
        assert [rows[pk].shown_position for pk in assignment.shown_order] == [0, 1, 2, 3]
        assert rows[assignment.shown_order[2]].flags == {"hateful": True}
        pair = ranking.pairs.all()[0]
        assert pair.chosen_position == rows[pair.chosen_id].shown_position
        assert ranking.active_seconds == 12.5

    def test_it_keeps_the_note_on_a_completion(self, assignment: Assignment) -> None:
        noted = ids_of(assignment)[1]
        ranking = rankings.submit(
            assignment, {"tiers": tiers_of(assignment), "notes": {noted: " Wrong year. "}}
        ).ranking
        assert {row.completion_id: row.note for row in ranking.ranked.all() if row.note} == {
            assignment.shown_order[1]: "Wrong year."
        }

    def test_the_strength_of_a_ranking_of_two_is_its_pair_s_margin(self) -> None:
        project = make_project(ask_strength=True)
        make_prompt(project, k=2)
        assignment = claimed(project, join(project))
        ranking = rankings.submit(assignment, {"tiers": tiers_of(assignment), "strength": 2}).ranking
        assert (ranking.strength, ranking.pairs.get().margin) == (2, 2)

    def test_the_same_again_changes_nothing(self, assignment: Assignment) -> None:
        payload = {"tiers": tiers_of(assignment)}
        first, second = rankings.submit(assignment, payload), rankings.submit(assignment, payload)
        assert (first.ranking, first.pairs) == (second.ranking, second.pairs)
        assert not second.created
        assert PreferencePair.objects.count() == 6

    def test_a_different_answer_to_the_same_task_is_a_conflict(self, assignment: Assignment) -> None:
        rankings.submit(assignment, {"tiers": tiers_of(assignment)})
        with pytest.raises(Conflict, match="That answer stands"):
            rankings.submit(assignment, {"tiers": tiers_of(assignment, [4, 3, 2, 1])})

    def test_an_invalid_answer_stores_nothing_and_keeps_the_task(self, assignment: Assignment) -> None:
        with pytest.raises(Invalid):
            rankings.submit(assignment, {"tiers": []})
        assert not Ranking.objects.exists()
        assignment.refresh_from_db()
        assert assignment.state == "claimed"


@pytest.mark.django_db(transaction=True)
def test_the_same_answer_sent_eight_times_at_once_is_stored_once() -> None:
    project = make_project()
    make_prompt(project)
    assignment = claimed(project, join(project))
    payload = {"tiers": tiers_of(assignment)}

    submitted = at_once([partial(rankings.submit, assignment, payload)] * 8)
    assert sum(one.created for one in submitted) == 1
    assert Ranking.objects.count() == 1
    assert PreferencePair.objects.count() == 6
