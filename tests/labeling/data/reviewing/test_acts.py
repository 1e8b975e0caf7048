"""What a reviewer does about a case: what becomes of rankings, pairs, the queue, the next version; and the trail."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from labeling.answers import rankings
from labeling.data.bulk import setting_changes
from labeling.data.reviewing import acts, cases, decisions, sent_back
from labeling.data.revising.revisions import revise
from labeling.data.versions.datasets import freeze, read_groups
from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict, Invalid, PodiumError
from labeling.models import Assignment, PreferencePair, Project, Prompt, Ranking, ReviewAct, ReviewCase, Role, User
from labeling.projects.projects import update_project
from labeling.queue import claims
from tests.factories import claimed, ids_of, join, make_project, make_prompt, rank, tiers_of
from tests.threads import at_once

ANN, BOB = [1, 2, 3], [3, 2, 1]


@pytest.fixture
def project(db: None) -> Project:
    project = make_project(overlap=2)
    make_prompt(project, k=3, split="train")
    return project


@pytest.fixture
def ann(project: Project) -> User:
    return join(project, username="ann")


@pytest.fixture
def reviewer(project: Project) -> User:
    return join(project, Role.REVIEWER, username="rita")


@pytest.fixture
def case(project: Project, ann: User) -> ReviewCase:
    """Ann and Bob disagree."""
    rank(project, ann, ANN)
    rank(project, join(project, username="bob"), BOB)
    return cases.cases_of(project).get()


def decided(case: ReviewCase, reviewer: User, ranks: list[int], words: str = "By the guidelines.") -> Ranking:
    task = decisions.task_for(case, reviewer)
    return decisions.decide(case, task, {"tiers": tiers_of(task, ranks)}, by=reviewer, words=words).ranking


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(PodiumError) as caught:
        act()
    return caught.value.code


def trail(case: ReviewCase) -> list[tuple[str, str, str]]:
    return [(act.act, act.by.username if act.by else act.what, act.words) for act in cases.trail(case)]


class TestDecide:
    def test_the_reviewers_ranking_takes_the_place_of_all_others(self, case: ReviewCase, reviewer: User) -> None:
        ranking = decided(case, reviewer, [2, 1, 3])
        assert set(PreferencePair.objects.values_list("ranking", flat=True)) == {ranking.pk}
        assert PreferencePair.objects.count() == 3
        others = Ranking.objects.exclude(pk=ranking.pk)
        assert {(each.live, each.superseded_by_id) for each in others} == {(False, ranking.pk)}
        assert (case.state, case.outcome) == ("closed", "decided")
        assert trail(case) == [
            ("opened", "disagreement", ""), ("decided", "rita", "By the guidelines."),
        ]  # fmt: skip

    def test_the_prompt_needs_no_more_and_nobody_gets_it_again(
        self, project: Project, case: ReviewCase, reviewer: User, ann: User
    ) -> None:
        decided(case, reviewer, [2, 1, 3])
        prompt = Prompt.objects.get()
        assert (prompt.ranked, prompt.overlap, prompt.disagrees, prompt.decided_at is None) == (1, 1, False, False)
        assert claims.claim(project, ann) is claims.claim(project, join(project)) is None
        setting_changes.update(project, {"overlap": 5}, by=None)
        assert claims.claim(project, ann) is claims.claim(project, join(project)) is None

    def test_before_all_have_ranked_open_tasks_end(self, project: Project, ann: User, reviewer: User) -> None:
        rank(project, ann, ANN)
        at_work = claimed(project, join(project))
        case = cases.open_case(Prompt.objects.get(), ReviewCase.Reason.ASKED)
        decided(case, reviewer, [2, 1, 3])
        assert refused(partial(rankings.submit, at_work, {"tiers": [ids_of(at_work)]})) == "lease_expired"
        assert Prompt.objects.get().ranked == 1

    def test_the_next_version_has_it_and_one_frozen_before_stays(
        self, project: Project, case: ReviewCase, reviewer: User
    ) -> None:
        before = freeze(project)
        decided(case, reviewer, [2, 1, 3])
        after = freeze(project)
        assert [len(group["rankings"]) for group in read_groups(before)] == [2]
        [[said]] = [group["rankings"] for group in read_groups(after)]
        assert said["ranks"] == [2, 1, 3]

    def test_as_one_of_them_ranked_it(self, case: ReviewCase, reviewer: User, ann: User) -> None:
        hers = Ranking.objects.get(labeler=ann)
        submitted = decisions.decide_as(case, hers, by=reviewer)
        said = dict(hers.ranked.values_list("completion", "rank"))
        assert dict(submitted.ranking.ranked.values_list("completion", "rank")) == said
        assert submitted.ranking.labeler == reviewer
        assert not Ranking.objects.get(pk=hers.pk).live

    def test_the_board_is_the_reviewers_own_and_the_same_again(self, case: ReviewCase, reviewer: User) -> None:
        once, again = decisions.task_for(case, reviewer), decisions.task_for(case, reviewer)
        assert (once.pk, once.shown_order) == (again.pk, again.shown_order)
        assert Assignment.objects.filter(state__in=Assignment.LIVE).count() == 2  # it takes no slot

    def test_whoever_ranked_it_does_not_decide(self, project: Project, case: ReviewCase, ann: User) -> None:
        project.memberships.filter(user=ann).update(role=Role.REVIEWER)
        assert refused(partial(decisions.task_for, case, ann)) == "own_ranking"
        hers = Ranking.objects.get(labeler=ann)
        assert refused(partial(decisions.decide_as, case, hers, by=ann)) == "own_ranking"

    def test_a_task_of_another_prompt_or_person_is_none(
        self, project: Project, case: ReviewCase, reviewer: User
    ) -> None:
        make_prompt(project, k=3)
        for task in (claimed(project, reviewer), claimed(project, join(project))):
            payload = {"tiers": [ids_of(task)]}
            assert refused(partial(decisions.decide, case, task, payload, by=reviewer)) == "unknown_task"

    def test_an_answer_that_is_wrong_changes_nothing(self, case: ReviewCase, reviewer: User) -> None:
        task = decisions.task_for(case, reviewer)
        with pytest.raises(Invalid):
            decisions.decide(case, task, {"tiers": [ids_of(task)[:2]]}, by=reviewer)
        assert Ranking.objects.filter(live=True).count() == 2
        assert ReviewCase.objects.get().state == "open"

    def test_what_was_set_aside_or_skipped_by_all_is_decided_too(self, project: Project, reviewer: User) -> None:
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        case = cases.cases_of(project).get()
        decided(case, reviewer, [2, 1, 3])
        prompt = Prompt.objects.get()
        assert (prompt.held_at, prompt.held_reason, prompt.ranked, prompt.overlap) == (None, "", 1, 1)
        assert [act for act, *_ in trail(case)] == ["opened", "decided"]

    def test_it_can_not_be_undone_but_changed(self, case: ReviewCase, reviewer: User) -> None:
        task = decided(case, reviewer, [2, 1, 3]).assignment
        assert refused(partial(rankings.withdraw, task)) == "decision"
        rankings.amend(task, {"tiers": tiers_of(task, [1, 2, 3])})
        assert PreferencePair.objects.count() == 3

    def test_a_superseded_answer_can_not_be_changed(self, case: ReviewCase, reviewer: User, ann: User) -> None:
        decided(case, reviewer, [2, 1, 3])
        hers = Assignment.objects.get(labeler=ann)
        assert refused(partial(rankings.amend, hers, {"tiers": [ids_of(hers)]})) == "superseded"
        assert refused(partial(rankings.withdraw, hers)) == "superseded"

    def test_withdrawn_and_put_back_the_decision_stands_alone(
        self, project: Project, case: ReviewCase, reviewer: User
    ) -> None:
        ranking = decided(case, reviewer, [2, 1, 3])
        name = Prompt.objects.get().external_id
        withdrawals.withdraw(project, [name])
        withdrawals.restore(project, [name])
        assert list(Ranking.objects.filter(live=True)) == [ranking]
        assert not cases.cases_of(project).exists()

    def test_other_texts_are_for_everybody_again(self, project: Project, case: ReviewCase, reviewer: User) -> None:
        decided(case, reviewer, [2, 1, 3])
        revise(project, Prompt.objects.get(), base=1, by=None, messages=[{"role": "user", "content": "Another?"}])
        prompt = Prompt.objects.get()
        assert (prompt.ranked, prompt.overlap, prompt.decided_at) == (0, 2, None)

    def test_a_decision_is_not_drawn_for_review(self, project: Project, case: ReviewCase, reviewer: User) -> None:
        update_project(project, review_percent=100)
        decided(case, reviewer, [2, 1, 3])
        assert not cases.cases_of(project).exists()


class TestSendBack:
    def test_the_labeler_sees_the_word_and_no_name_and_changes_the_answer(
        self, project: Project, case: ReviewCase, reviewer: User, ann: User
    ) -> None:
        hers = Ranking.objects.get(labeler=ann)
        acts.send_back(case, hers, by=reviewer, words="Look at B again.")
        [waits] = sent_back.sent_back_to(ann, project)
        assert (waits.words, waits.sent_back_id) == ("Look at B again.", hers.assignment_id)
        assert not sent_back.sent_back_to(User.objects.get(username="bob"), project).exists()
        task = Assignment.objects.get(labeler=ann)
        changed = rankings.amend(task, {"tiers": tiers_of(task, BOB)}).ranking
        assert not sent_back.sent_back_to(ann, project).exists()
        back = cases.cases_of(project).get()
        assert (back.pk, back.state) == (case.pk, "open")
        assert trail(case)[1:] == [("sent_back", "rita", "Look at B again."), ("changed", "ann", "")]
        said = set(PreferencePair.objects.filter(labeler=ann).values_list("ranking", flat=True))
        assert said == {changed.pk}
        assert [word.act for word in sent_back.words_about([task.pk])[task.pk]] == ["sent_back", "changed"]

    def test_or_says_that_it_stays(self, project: Project, case: ReviewCase, reviewer: User, ann: User) -> None:
        hers = Ranking.objects.get(labeler=ann)
        acts.send_back(case, hers, by=reviewer, words="Look at B again.")
        assert refused(partial(sent_back.stays, hers.assignment, " ")) == "reason_required"
        sent_back.stays(hers.assignment, "I did.")
        assert trail(case)[-1] == ("stays", "ann", "I did.")
        assert refused(partial(sent_back.stays, hers.assignment, "I did.")) == "not_sent_back"
        assert Ranking.objects.get(pk=hers.pk).live

    def test_a_reviewer_may_go_on_without_an_answer(self, case: ReviewCase, reviewer: User, ann: User) -> None:
        hers = Ranking.objects.get(labeler=ann)
        acts.send_back(case, hers, by=reviewer, words="Look at B again.")
        decided(case, reviewer, [2, 1, 3])
        assert not sent_back.sent_back_to(ann).exists()
        assert refused(partial(sent_back.stays, hers.assignment, "I did.")) == "not_sent_back"

    def test_only_a_standing_answer_of_somebody_who_is_there(
        self, project: Project, case: ReviewCase, reviewer: User, ann: User
    ) -> None:
        hers, his = (Ranking.objects.get(labeler__username=name) for name in ("ann", "bob"))

        def send(ranking: Ranking, by: User = reviewer, words: str = "Look.") -> str:
            return refused(partial(acts.send_back, case, ranking, by=by, words=words))

        assert send(hers, words=" ") == "reason_required"
        assert send(hers, words="x" * 1_001) == "reason_too_long"
        assert send(hers, by=ann) == "own_ranking"
        rankings.amend(hers.assignment, {"tiers": tiers_of(hers.assignment, [2, 3, 1])})
        assert send(hers) == "ranking_ended"
        project.memberships.filter(user=his.labeler).delete()
        assert send(his) == "labeler_gone"
        Ranking.objects.filter(pk=his.pk).update(source="imported")
        assert send(his) == "imported"


class TestOtherActs:
    def test_left_as_it_is(self, case: ReviewCase, reviewer: User) -> None:
        acts.leave(case, by=reviewer, words="Both are fine.")
        assert trail(case)[-1] == ("left", "rita", "Both are fine.")
        assert Ranking.objects.filter(live=True).count() == 2

    def test_discarded_it_is_withdrawn(self, project: Project, case: ReviewCase, reviewer: User) -> None:
        assert refused(partial(acts.discard, case, by=reviewer, words="")) == "reason_required"
        acts.discard(case, by=reviewer, words="Spam.")
        assert Prompt.objects.get().withdrawn_at is not None
        assert not PreferencePair.objects.exists()
        assert [act for act, *_ in trail(case)] == ["opened", "discarded"]

    def test_put_back_it_goes_to_others(self, project: Project, reviewer: User) -> None:
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        case = cases.cases_of(project).get()
        acts.put_back(case, by=reviewer, words="It is fine.")
        assert claims.claim(project, join(project)) is not None
        assert (case.outcome, [act for act, *_ in trail(case)]) == ("put_back", ["opened", "put_back"])

    def test_what_is_not_set_aside_is_not_put_back(self, case: ReviewCase, reviewer: User) -> None:
        assert refused(partial(acts.put_back, case, by=reviewer)) == "not_set_aside"
        assert ReviewCase.objects.get().state == "open"

    def test_a_closed_case_says_what_happened(self, case: ReviewCase, reviewer: User) -> None:
        acts.leave(case, by=reviewer)
        with pytest.raises(Conflict, match=r"closed already: left as it is, by rita\. Nothing was changed"):
            acts.discard(case, by=reviewer, words="Spam.")
        assert Prompt.objects.get().withdrawn_at is None


@pytest.mark.django_db(transaction=True)
def test_of_many_acts_at_once_one_wins_and_the_others_are_told() -> None:
    project = make_project(overlap=2)
    make_prompt(project, k=3)
    people = [join(project, Role.REVIEWER) for _ in range(4)]
    for ranks in (ANN, BOB):
        rank(project, join(project), ranks)
    case = cases.cases_of(project).get()

    def told(act: Callable[[], object]) -> str:
        try:
            act()
        except Conflict as error:
            return error.code
        return "done"

    hers = Ranking.objects.filter(live=True).earliest("pk")

    def again() -> ReviewCase:
        return ReviewCase.objects.get(pk=case.pk)

    said = at_once(
        [
            partial(told, partial(acts.leave, again(), by=people[0])),
            partial(told, partial(acts.discard, again(), by=people[1], words="Spam.")),
            partial(told, partial(decisions.decide_as, again(), hers, by=people[2])),
            partial(told, partial(decisions.decide_as, again(), hers, by=people[3])),
        ]
    )
    assert sorted(said) == ["case_closed", "case_closed", "case_closed", "done"]
    assert ReviewAct.objects.exclude(act="opened").count() == 1
