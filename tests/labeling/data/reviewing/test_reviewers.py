"""Named reviewers: who gets a case, who may decide it, and what becomes of it when somebody leaves."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.data.reviewing import acts, cases, decisions, reviewers
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Prompt, ReviewAct, ReviewCase, Role, User
from labeling.people import deactivation, members
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank, tiers_of
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


@pytest.fixture
def manager(project: Project) -> User:
    assert project.created_by is not None
    return project.created_by


@pytest.fixture
def rita(project: Project) -> User:
    return join(project, Role.REVIEWER, "rita")


@pytest.fixture
def max_(project: Project) -> User:
    return join(project, Role.REVIEWER, "max")


def opened(project: Project, n: int = 1) -> list[ReviewCase]:
    prompts = [make_prompt(project) for _ in range(n)]
    return [cases.open_case(prompt, ReviewCase.Reason.DISAGREEMENT) for prompt in prompts]


def again(case: ReviewCase) -> ReviewCase:
    return cases.find_case(case.project, case.pk)


def trail(case: ReviewCase) -> list[tuple[str, str, str]]:
    return [(act.act, str(act.by or ""), str(act.whom or "")) for act in cases.trail(case)]


class TestNamed:
    def test_nobody_gets_a_case_before_somebody_is_named(self, project: Project, rita: User) -> None:
        [case] = opened(project)
        assert case.reviewer is None
        assert [each.takes_cases for each in reviewers.reviewers_of(project)] == [False, False]

    def test_new_cases_are_shared_out_evenly_and_say_for_whom(
        self, project: Project, manager: User, rita: User, max_: User
    ) -> None:
        reviewers.name_reviewers(project, ["rita", "max"], by=manager)
        found = opened(project, 60)
        shares = Counter(str(case.reviewer) for case in found)
        assert set(shares) == {"rita", "max"}
        assert min(shares.values()) >= 15
        assert trail(found[0]) == [("opened", "", str(found[0].reviewer))]
        assert {each.username: each.waiting for each in reviewers.reviewers_of(project)} == {
            **shares, str(manager): 0,
        }  # fmt: skip

    def test_whoever_ranked_the_prompt_does_not_get_it(self, project: Project, manager: User, rita: User) -> None:
        reviewers.name_reviewers(project, ["rita"], by=manager)
        prompt = make_prompt(project)
        rank(project, rita, (1, 2, 3, 4))
        rank(project, join(project), (4, 3, 2, 1))
        case = cases.open_case_of(prompt)
        assert case is not None
        assert case.reviewer is None

    def test_a_submission_that_opens_a_case_takes_no_statement_more(
        self, project: Project, manager: User, rita: User
    ) -> None:
        costs = []
        for names in ([], ["rita"]):
            reviewers.name_reviewers(project, names, by=manager)
            make_prompt(project)
            rank(project, join(project), (1, 2, 3, 4))
            task = claimed(project, join(project))
            with CaptureQueriesContext(connection) as asked:
                rankings.submit(task, {"tiers": tiers_of(task, (4, 3, 2, 1))})
            costs.append(len(asked))
        assert costs[0] == costs[1]
        assert ReviewCase.objects.filter(reviewer=rita).count() == 1

    @pytest.mark.parametrize("name", ["nobody", "labeler", "x" * 10_000, ""])
    def test_only_who_reviews_here_can_be_named(self, project: Project, manager: User, rita: User, name: str) -> None:
        join(project, username="labeler")
        with pytest.raises(Invalid, match="name a reviewer or a manager of this project") as caught:
            reviewers.name_reviewers(project, ["rita", name], by=manager)
        assert caught.value.code == "not_a_reviewer"
        assert not any(each.takes_cases for each in reviewers.reviewers_of(project))

    @pytest.mark.django_db(transaction=True)
    def test_two_who_name_at_once_leave_what_one_of_them_said(
        self, project: Project, manager: User, rita: User, max_: User
    ) -> None:
        at_once([partial(reviewers.name_reviewers, project, [name], by=manager) for name in ("rita", "max")])
        assert sum(each.takes_cases for each in reviewers.reviewers_of(project)) == 1


class TestReserved:
    @pytest.fixture
    def case(self, project: Project, manager: User, rita: User, max_: User) -> ReviewCase:
        reviewers.name_reviewers(project, ["rita"], by=manager)
        [case] = opened(project)
        return case

    def test_others_see_it_and_decide_nothing(self, case: ReviewCase, max_: User) -> None:
        for act in (
            partial(acts.leave, case, by=max_),
            partial(acts.discard, case, by=max_, words="bad"),
            partial(decisions.task_for, case, max_),
            partial(reviewers.reserve, case, "max", by=max_),
        ):
            with pytest.raises(Conflict, match=r"reserved for rita\. They or a manager can hand it on") as caught:
                act()
            assert caught.value.code == "case_reserved"
        assert again(case).state == "open"

    def test_its_reviewer_and_a_manager_may(
        self, project: Project, case: ReviewCase, rita: User, manager: User
    ) -> None:
        assert decisions.task_for(case, rita)
        acts.leave(case, by=manager)
        assert again(case).outcome == "left"

    def test_it_is_handed_on_given_back_and_taken(
        self, case: ReviewCase, rita: User, max_: User, manager: User
    ) -> None:
        reviewers.reserve(case, "max", by=rita)
        reviewers.reserve(case, "max", by=max_)  # twice is harmless
        reviewers.reserve(case, None, by=max_)
        reviewers.reserve(case, "rita", by=rita)
        reviewers.reserve(case, str(manager), by=manager)
        assert again(case).reviewer == manager
        assert trail(case)[1:] == [
            ("reserved", "rita", "max"), ("freed", "max", "max"), ("reserved", "rita", "rita"),
            ("reserved", str(manager), str(manager)),
        ]  # fmt: skip

    def test_not_to_whoever_ranked_it_nor_to_a_stranger(self, project: Project, case: ReviewCase, rita: User) -> None:
        party = join(project, Role.REVIEWER, "party")
        claims.claim(project, party)
        rank(project, party)
        make_user("stranger")
        with pytest.raises(Conflict, match="party ranked this prompt"):
            reviewers.reserve(case, "party", by=rita)
        with pytest.raises(Invalid, match="stranger reviews nothing here"):
            reviewers.reserve(case, "stranger", by=rita)
        assert again(case).reviewer == rita

    def test_a_closed_one_is_nobodys_to_reserve(self, case: ReviewCase, rita: User) -> None:
        acts.leave(case, by=rita)
        with pytest.raises(Conflict, match="closed already"):
            reviewers.reserve(case, "max", by=rita)

    @pytest.mark.django_db(transaction=True)
    def test_of_two_who_take_it_at_once_one_has_it(self, project: Project, rita: User, max_: User) -> None:
        [case] = opened(project)

        def take(person: User) -> str:
            try:
                reviewers.reserve(again(case), person.username, by=person)
            except Conflict as error:
                return error.code
            return person.username

        said = at_once([partial(take, person) for person in (rita, max_)])
        assert sorted(said) in (["case_reserved", "max"], ["case_reserved", "rita"])
        assert str(again(case).reviewer) in said


class TestLeaving:
    @pytest.fixture
    def case(self, project: Project, manager: User, rita: User) -> ReviewCase:
        reviewers.name_reviewers(project, ["rita"], by=manager)
        [case] = opened(project)
        assert case.reviewer == rita
        return case

    def test_who_is_named_no_more_gives_theirs_back(self, project: Project, case: ReviewCase, manager: User) -> None:
        reviewers.name_reviewers(project, [], by=manager)
        assert again(case).reviewer is None
        assert trail(case)[-1] == ("freed", str(manager), "rita")
        [new] = opened(project)
        assert new.reviewer is None

    def test_and_who_leaves_is_deactivated_or_labels_from_now_on(
        self, project: Project, case: ReviewCase, manager: User, rita: User
    ) -> None:
        members.set_member(project, username="rita", role=Role.LABELER, by=manager)
        assert again(case).reviewer is None
        assert not project.memberships.get(user=rita).takes_cases
        members.set_member(project, username="rita", role=Role.REVIEWER, by=manager)
        reviewers.reserve(case, "rita", by=manager)
        deactivation.deactivate(rita, by=None)
        assert again(case).reviewer is None
        deactivation.reactivate(rita, by=None)
        reviewers.reserve(case, "rita", by=manager)
        members.remove_member(project, username="rita")
        assert again(case).reviewer is None
        assert trail(case)[-1] == ("freed", "", "rita")

    @pytest.mark.django_db(transaction=True)
    def test_nothing_is_left_to_whoever_leaves_while_cases_are_opened(
        self, project: Project, manager: User, rita: User
    ) -> None:
        reviewers.name_reviewers(project, ["rita"], by=manager)
        prompts = [make_prompt(project) for _ in range(8)]

        def open_one(prompt: Prompt) -> None:
            cases.open_case(prompt, ReviewCase.Reason.ASKED)

        leave = partial(members.remove_member, project, username="rita")
        at_once([*(partial(open_one, prompt) for prompt in prompts), leave])
        assert not ReviewCase.objects.filter(reviewer=rita).exists()
        assert ReviewAct.objects.filter(act="opened").count() == 8


@pytest.mark.django_db(transaction=True)
def test_handing_on_while_who_has_it_is_named_no_more_waits_in_no_circle(
    project: Project, manager: User, rita: User, max_: User
) -> None:
    for _ in range(10):
        reviewers.name_reviewers(project, ["rita"], by=manager)
        [case] = opened(project)
        at_once(
            [
                partial(reviewers.reserve, again(case), "max", by=manager),
                partial(reviewers.name_reviewers, project, [], by=manager),
            ]
        )
        assert again(case).reviewer in (None, max_)


def test_the_list_of_reviewers_takes_two_statements_however_many(project: Project) -> None:
    for _ in range(5):
        join(project, Role.REVIEWER)
    opened(project, 3)
    with CaptureQueriesContext(connection) as asked:
        assert len(reviewers.reviewers_of(project)) == 6
    assert len(asked) == 2
