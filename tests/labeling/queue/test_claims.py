"""The queue: who gets which prompt, for how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.answers import rankings
from labeling.errors import Conflict, Invalid
from labeling.models import Assignment, Membership, Project, Prompt, Role, User
from labeling.queue import claims, slots
from tests.factories import claimed, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once


def claimed_ahead(project: Project, labeler: User, current: Assignment) -> Assignment:
    ahead = claims.claim_ahead(project, labeler, current=current)
    assert ahead is not None, "nothing to claim ahead"
    return ahead


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

    def test_it_serves_by_priority_and_then_in_the_order_of_import(self, project: Project) -> None:
        first, second, third = (make_prompt(project) for _ in range(3))
        labeler = join(project)
        slots.serve([first.pk], priority=slots.LAST)
        slots.serve([third.pk], priority=1)
        assert [rank(project, labeler).prompt for _ in range(3)] == [third, second, first]

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
        assert claims.claim(project, next_one) is None
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
        claims.skip(claimed(project, bored), "not my language")
        assert claims.claim(project, bored) is None
        assert claimed(project, other).prompt is not None

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_a_skip_needs_a_reason(self, project: Project, reason: str) -> None:
        make_prompt(project)
        with pytest.raises(Invalid, match="Say why"):
            claims.skip(claimed(project, join(project)), reason)

    def test_what_cannot_be_ranked_leaves_the_queue_for_all(self, project: Project) -> None:
        prompt = make_prompt(project)
        claims.cannot_rank(claimed(project, join(project)), "all four are empty")
        assert claims.claim(project, join(project)) is None
        prompt.refresh_from_db()
        assert prompt.held_reason == "all four are empty"

    def test_what_was_set_aside_returns_by_a_decision_but_not_to_who_set_it_aside(self, project: Project) -> None:
        prompt = make_prompt(project)
        doubtful = join(project)
        claims.cannot_rank(claimed(project, doubtful), "all four are empty")
        claims.return_to_queue(prompt)
        claims.return_to_queue(prompt)
        prompt.refresh_from_db()
        assert (prompt.held_at, prompt.held_reason) == (None, "")
        assert claims.claim(project, doubtful) is None
        assert claimed(project, join(project)).prompt == prompt

    def test_a_released_prompt_may_come_back_to_the_same_labeler(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        first = claimed(project, labeler)
        claims.release(first)
        claims.release(first)
        assert claimed(project, labeler).pk != first.pk

    def test_a_ranked_task_can_be_neither_skipped_nor_released(self, project: Project) -> None:
        make_prompt(project)
        assignment = rank(project, join(project)).assignment
        for action in (lambda: claims.skip(assignment, "why"), lambda: claims.release(assignment)):
            with pytest.raises(Conflict, match="not open any more"):
                action()

    def test_a_draft_is_kept_with_the_task_and_extends_the_lease(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        assignment = claimed(project, labeler)
        claims.save_draft(assignment, {"tiers": [["1"]]})
        again = claimed(project, labeler)
        assert again.draft == {"tiers": [["1"]]}
        assert again.expires_at > assignment.expires_at

    def test_it_says_why_there_is_nothing_to_do(self, project: Project) -> None:
        one, two = join(project), join(project)
        assert claims.queue_reason(project, one).reason == "no_prompts"
        make_prompt(project)
        rank(project, one)
        assert claims.queue_reason(project, one).reason == "all_ranked_by_you"
        assert claims.queue_reason(project, two).reason == "all_done"
        make_prompt(project)
        claimed(project, two)
        assert claims.queue_reason(project, one).reason == "all_taken"

    @pytest.mark.parametrize("rest", ["never had", "skipped", "held", "ranked and held", "held by its labeler"])
    def test_all_is_had_where_only_what_is_held_or_skipped_is_left(self, project: Project, rest: str) -> None:
        """Counters say it: what of theirs is held must not stand for a prompt that they never had."""
        labeler = join(project)
        first, last = make_prompt(project), make_prompt(project)
        rank(project, labeler)
        if rest == "skipped":
            claims.skip(claimed(project, labeler), "not my field")
        elif rest == "held by its labeler":
            claims.cannot_rank(claimed(project, labeler), "not a question")
        elif rest == "held":
            Prompt.objects.filter(pk=last.pk).update(held_at=timezone.now())
        elif rest == "ranked and held":
            Prompt.objects.filter(pk=first.pk).update(held_at=timezone.now())
        had_all = rest in ("skipped", "held", "held by its labeler")
        assert claims.queue_reason(project, labeler).reason == ("all_ranked_by_you" if had_all else "all_done")
        assert claims.queue_reason(project, join(project)).reason == "all_done"

    def test_an_answer_taken_back_and_another_project_are_not_had(self, project: Project) -> None:
        labeler, elsewhere = join(project), make_project()
        Membership.objects.create(project=elsewhere, user=labeler, role=Role.LABELER)
        for _ in range(2):
            make_prompt(elsewhere)
            rank(elsewhere, labeler)
        make_prompt(project)
        ranking = rank(project, labeler)
        assert claims.queue_reason(project, labeler).reason == "all_ranked_by_you"
        rankings.withdraw(Assignment.objects.select_related("prompt__project").get(pk=ranking.assignment_id))
        assert claims.queue_reason(project, labeler).reason == "all_done"

    def test_one_statement_says_why_there_is_nothing_to_do(self, project: Project) -> None:
        make_prompt(project)
        labeler = join(project)
        rank(project, labeler)
        with CaptureQueriesContext(connection) as queries:
            claims.queue_reason(project, labeler)
        assert len(queries) == 1


@pytest.mark.django_db
class TestTheTaskAfterThisOne:
    @pytest.fixture
    def project(self) -> Project:
        project = make_project()
        for _ in range(4):
            make_prompt(project)
        return project

    @pytest.fixture
    def labeler(self, project: Project) -> User:
        return join(project)

    def test_it_is_leased_ahead_and_asking_again_gives_the_same(self, project: Project, labeler: User) -> None:
        current = claimed(project, labeler)
        ahead, again = claimed_ahead(project, labeler, current), claimed_ahead(project, labeler, current)
        assert (ahead.pk, ahead.shown_order) == (again.pk, again.shown_order)
        assert again.expires_at >= ahead.expires_at
        assert ahead.prompt_id != current.prompt_id
        assert claimed(project, join(project)).prompt_id not in (current.prompt_id, ahead.prompt_id)

    def test_a_labeler_holds_two_at_most(self, project: Project, labeler: User) -> None:
        current = claimed(project, labeler)
        ahead = claimed_ahead(project, labeler, current)
        assert claimed_ahead(project, labeler, ahead) == current
        assert claimed(project, labeler) == current
        assert Assignment.objects.filter(labeler=labeler, state="claimed").count() == 2

    def test_after_the_answer_it_is_the_next_task(self, project: Project, labeler: User) -> None:
        current = claimed(project, labeler)
        ahead = claimed_ahead(project, labeler, current)
        rankings.submit(current, {"tiers": tiers_of(current)})
        assert claimed(project, labeler) == ahead
        assert claimed_ahead(project, labeler, current) == ahead

    def test_there_may_be_none(self, project: Project, labeler: User) -> None:
        tasks = [claimed(project, labeler)]
        for _ in range(3):
            tasks.append(claimed_ahead(project, labeler, tasks[-1]))
            rankings.submit(tasks[-2], {"tiers": tiers_of(tasks[-2])})
        assert claims.claim_ahead(project, labeler, current=tasks[-1]) is None

    @pytest.mark.parametrize("lost", [run_out, claims.release])
    def test_it_is_never_the_prompt_that_is_shown_though_its_lease_is_gone(
        self, labeler: User, project: Project, lost: Callable[[Assignment], None]
    ) -> None:
        Prompt.objects.exclude(pk__in=Prompt.objects.order_by("id")[:1]).update(held_at=timezone.now())
        current = claimed(project, labeler)
        lost(current)
        assert claims.claim_ahead(project, labeler, current=current) is None

    def test_what_was_not_begun_is_given_back(self, project: Project, labeler: User) -> None:
        current = claimed(project, labeler)
        ahead = claimed_ahead(project, labeler, current)
        assert claims.give_back(ahead)
        assert not claims.give_back(ahead)
        assert claimed(project, labeler) == current
        assert claimed(project, join(project)).prompt == ahead.prompt

    def test_what_was_begun_or_ranked_is_not_given_back(self, project: Project, labeler: User) -> None:
        begun = claimed(project, labeler)
        claims.save_draft(begun, {"ranks": {"1": 2}})
        assert not claims.give_back(begun)
        rankings.submit(begun, {"tiers": tiers_of(begun)})
        assert not claims.give_back(begun)
        begun.refresh_from_db()
        assert begun.state == "ranked"

    def test_a_tab_goes_on_with_what_another_gave_back(self, project: Project, labeler: User) -> None:
        assignment = claimed(project, labeler)
        claims.give_back(assignment)
        saved = claims.save_draft(assignment, {"comment": "still here"})
        assert (saved.state, saved.finished_at) == ("claimed", None)
        claims.release(assignment)
        assert rankings.submit(assignment, {"tiers": tiers_of(assignment)}).created

    def test_what_was_given_back_and_taken_by_someone_else_is_lost(self, project: Project, labeler: User) -> None:
        assignment = claimed(project, labeler)
        claims.release(assignment)
        claimed(project, join(project))
        with pytest.raises(Conflict, match="given back and someone else has it now") as caught:
            claims.extend(assignment)
        assert caught.value.code == "lease_expired"

    def test_what_was_given_back_and_taken_anew_is_the_new_task_s(self, project: Project, labeler: User) -> None:
        Project.objects.filter(pk=project.pk).update(overlap=2)
        Prompt.objects.update(overlap=2)
        old = claimed(project, labeler)
        claims.release(old)
        assert claimed(project, labeler).prompt == old.prompt
        with pytest.raises(Conflict, match="You took this prompt anew"):
            claims.extend(old)

    def test_what_was_skipped_is_not_taken_back(self, project: Project, labeler: User) -> None:
        assignment = claimed(project, labeler)
        claims.skip(assignment, "not my field")
        for again in (lambda: claims.extend(assignment), lambda: claims.save_draft(assignment, {})):
            with pytest.raises(Conflict, match="You skipped this task") as caught:
                again()
            assert caught.value.code == "not_claimed"

    def test_a_tab_can_skip_what_another_gave_back(self, project: Project, labeler: User) -> None:
        assignment = claimed(project, labeler)
        claims.release(assignment)
        claims.skip(assignment, "not my field")
        assert claimed(project, labeler).prompt != assignment.prompt


@pytest.mark.django_db
class TestDrafts:
    @pytest.fixture
    def assignment(self) -> Assignment:
        project = make_project()
        make_prompt(project)
        return claimed(project, join(project))

    def test_each_save_is_a_revision(self, assignment: Assignment) -> None:
        assert assignment.draft_revision == 0
        assert claims.save_draft(assignment, {"comment": "a"}).draft_revision == 1
        assert claims.save_draft(assignment, {"comment": "b"}, base=1).draft_revision == 2

    def test_a_tab_that_fell_behind_learns_so_and_overwrites_nothing(self, assignment: Assignment) -> None:
        claims.save_draft(assignment, {"comment": "first tab"}, base=0)
        with pytest.raises(Conflict, match="at revision 1, and yours goes on from 0") as caught:
            claims.save_draft(assignment, {"comment": "second tab"}, base=0)
        assert caught.value.code == "draft_changed"
        assignment.refresh_from_db()
        assert (assignment.draft, assignment.draft_revision) == ({"comment": "first tab"}, 1)

    def test_who_gives_no_base_has_the_last_word(self, assignment: Assignment) -> None:
        claims.save_draft(assignment, {"comment": "first"})
        assert claims.save_draft(assignment, {"comment": "second"}).draft == {"comment": "second"}

    @pytest.mark.parametrize("text", ["\x00", "\ud800"])
    def test_what_postgresql_can_not_store_is_refused(self, assignment: Assignment, text: str) -> None:
        with pytest.raises(Invalid, match="can't be stored"):
            claims.save_draft(assignment, {"comment": text})

    def test_a_draft_that_is_too_long_is_refused(self, assignment: Assignment) -> None:
        with pytest.raises(Invalid, match="A draft has at most 160 KiB; this has 196"):
            claims.save_draft(assignment, {"comment": "x" * 200_000})


def in_threads(work: list[User], project: Project) -> list[Assignment | None]:
    return at_once([partial(claims.claim, project, labeler) for labeler in work])


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


@pytest.mark.django_db(transaction=True)
def test_two_tabs_that_look_ahead_get_the_same_task() -> None:
    project = make_project()
    for _ in range(9):
        make_prompt(project, k=2)
    labeler = join(project)
    current = claimed(project, labeler)
    ahead = at_once([lambda: claims.claim_ahead(project, labeler, current=current)] * 8)
    assert len({found.pk for found in ahead if found is not None}) == 1
    assert Assignment.objects.filter(labeler=labeler, state="claimed").count() == 2


@pytest.mark.django_db(transaction=True)
def test_claiming_while_another_tab_answers_never_fails() -> None:
    project = make_project()
    for _ in range(5):
        make_prompt(project, k=2)
    labeler = join(project)
    for _ in range(4):
        current = claimed(project, labeler)
        answer = partial(rankings.submit, current, {"tiers": tiers_of(current)})
        at_once([answer, *[partial(claims.claim, project, labeler)] * 3])
    assert labeler.rankings.count() == 4
    claims.claim(project, labeler)  # the three may all have come before the answer, and found what it then ended
    assert Assignment.objects.filter(labeler=labeler, state="claimed").count() == 1


@pytest.mark.django_db
def test_a_prompt_knows_how_often_it_was_ranked() -> None:
    project = make_project(overlap=2)
    prompt = make_prompt(project)
    for expected in (1, 2):
        rank(project, join(project))
        prompt.refresh_from_db()
        assert prompt.ranked == expected
    assert claims.claim(project, join(project)) is None
