"""The queue: who gets which prompt, for how long."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from labeling import assignments, rankings
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Project, User
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of


def run_out(assignment: Assignment) -> None:
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
class TestTheQueue:
    @pytest.fixture
    def project(self) -> Project:
        return make_project()

    def test_it_gives_prompts_in_order_and_each_once(self, project: Project) -> None:
        first, second = make_prompt(project), make_prompt(project)
        one, two = join(project), join(project)
        assert claimed(project, one).prompt == first
        assert claimed(project, two).prompt == second

    def test_asking_again_gives_the_same_task_in_the_same_order(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        once, again = claimed(project, labeler), claimed(project, labeler)
        assert (once.pk, once.shown_order) == (again.pk, again.shown_order)
        assert again.expires_at >= once.expires_at

    def test_two_labelers_see_their_own_shuffles_of_the_same_completions(self, project: Project) -> None:
        Project.objects.filter(pk=project.pk).update(overlap=20)
        project.refresh_from_db()
        prompt = make_prompt(project)
        orders = [tuple(claimed(project, join(project)).shown_order) for _ in range(20)]
        assert {tuple(sorted(order)) for order in orders} == {
            tuple(sorted(prompt.completions.values_list("pk", flat=True)))
        }
        assert len(set(orders)) > 1

    def test_a_lease_that_ran_out_goes_to_the_next_who_asks(self, project: Project) -> None:
        make_prompt(project)
        slow, next_one = join(project), join(project)
        lost = claimed(project, slow)
        assert assignments.claim(project, next_one) is None
        run_out(lost)
        assert claimed(project, next_one).prompt == lost.prompt
        lost.refresh_from_db()
        assert lost.state == "expired"

    def test_a_late_ranking_counts_as_long_as_nobody_took_the_prompt(self, project: Project) -> None:
        make_prompt(project)
        assignment = claimed(project, join(project))
        run_out(assignment)
        assert rankings.submit(assignment, {"tiers": tiers_of(assignment)}).pairs == 6

    def test_a_late_ranking_is_refused_when_someone_else_took_the_prompt(self, project: Project) -> None:
        make_prompt(project)
        late, assignment = None, claimed(project, join(project))
        run_out(assignment)
        late = claimed(project, join(project))
        with pytest.raises(Conflict, match="someone else has it now") as caught:
            rankings.submit(assignment, {"tiers": tiers_of(assignment)})
        assert caught.value.code == "lease_expired"
        assert late.state == "claimed"

    def test_a_skipped_prompt_does_not_come_back_to_who_skipped_it(self, project: Project) -> None:
        make_prompt(project)
        bored, other = join(project), join(project)
        assignments.skip(claimed(project, bored), "not my language")
        assert assignments.claim(project, bored) is None
        assert claimed(project, other).prompt is not None

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_a_skip_needs_a_reason(self, project: Project, reason: str) -> None:
        make_prompt(project)
        with pytest.raises(Invalid, match="Say why"):
            assignments.skip(claimed(project, join(project)), reason)

    def test_what_cannot_be_ranked_leaves_the_queue_for_all(self, project: Project) -> None:
        prompt = make_prompt(project)
        assignments.cannot_rank(claimed(project, join(project)), "all four are empty")
        assert assignments.claim(project, join(project)) is None
        prompt.refresh_from_db()
        assert prompt.held_reason == "all four are empty"

    def test_a_released_prompt_may_come_back_to_the_same_labeler(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        first = claimed(project, labeler)
        assignments.release(first)
        assignments.release(first)
        assert claimed(project, labeler).pk != first.pk

    def test_a_ranked_task_can_be_neither_skipped_nor_released(self, project: Project) -> None:
        make_prompt(project)
        assignment = rank(project, join(project)).assignment
        for action in (lambda: assignments.skip(assignment, "why"), lambda: assignments.release(assignment)):
            with pytest.raises(Conflict, match="not open any more"):
                action()

    def test_a_draft_is_kept_with_the_task_and_extends_the_lease(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        assignment = claimed(project, labeler)
        assignments.save_draft(assignment, {"tiers": [["1"]]})
        again = claimed(project, labeler)
        assert again.draft == {"tiers": [["1"]]}
        assert again.expires_at > assignment.expires_at

    def test_it_says_why_there_is_nothing_to_do(self, project: Project) -> None:
        one, two = join(project), join(project)
        assert assignments.queue_reason(project, one) == "no_prompts"
        make_prompt(project)
        rank(project, one)
        assert assignments.queue_reason(project, one) == "all_ranked_by_you"
        assert assignments.queue_reason(project, two) == "all_done"
        make_prompt(project)
        claimed(project, two)
        assert assignments.queue_reason(project, one) == "all_taken"


def in_threads(work: list[User], project: Project) -> list[Assignment | None]:
    def claim(labeler: User) -> Assignment | None:
        try:
            return assignments.claim(project, labeler)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(claim, work))


@pytest.mark.django_db(transaction=True)
def test_twelve_labelers_at_once_never_exceed_the_overlap() -> None:
    project = make_project(overlap=2)
    for _ in range(5):
        make_prompt(project, k=2)
    claims = in_threads([join(project) for _ in range(12)], project)
    taken = Counter(claim.prompt_id for claim in claims if claim is not None)
    assert sum(taken.values()) == 10
    assert set(taken.values()) == {2}


@pytest.mark.django_db(transaction=True)
def test_one_labeler_in_eight_tabs_holds_one_task() -> None:
    project = make_project(overlap=8)
    for _ in range(3):
        make_prompt(project, k=2)
    labeler = join(project)
    claims = in_threads([labeler] * 8, project)
    assert len({claim.pk for claim in claims if claim is not None}) == 1
    assert Assignment.objects.filter(labeler=labeler, state="claimed").count() == 1


@pytest.mark.django_db
def test_a_prompt_knows_how_often_it_was_ranked() -> None:
    project = make_project(overlap=2)
    prompt = make_prompt(project)
    for expected in (1, 2):
        rank(project, join(project))
        prompt.refresh_from_db()
        assert prompt.ranked == expected
    assert assignments.claim(project, join(project)) is None
