"""When a case is opened, and when it closes by itself."""

from __future__ import annotations

import pytest

from labeling.answers import rankings
from labeling.data.bulk import setting_changes
from labeling.data.reviewing import cases
from labeling.data.revising.revisions import revise
from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict
from labeling.models import Assignment, Membership, Project, Prompt, Ranking, ReviewAct, ReviewCase
from labeling.projects.projects import update_project
from labeling.queue import claims, skips
from tests.factories import claimed, ids_of, join, make_project, make_prompt, rank, tiers_of

pytestmark = pytest.mark.django_db
Reason = ReviewCase.Reason


@pytest.fixture
def project() -> Project:
    return make_project(overlap=2)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return make_prompt(project, k=2)


def opened(project: Project) -> list[tuple[str, list[str]]]:
    return [(case.reason, case.also) for case in cases.cases_of(project)]


def closed(project: Project) -> list[str]:
    return [case.outcome for case in cases.cases_of(project, state="closed")]


class TestDisagreement:
    def test_it_opens_once_all_have_ranked_and_two_disagree(self, project: Project, prompt: Prompt) -> None:
        rank(project, join(project), [1, 2])
        assert opened(project) == []
        rank(project, join(project), [2, 1])
        assert opened(project) == [(Reason.DISAGREEMENT, [])]

    def test_it_waits_for_the_last_ranking(self, project: Project) -> None:
        setting_changes.update(project, {"overlap": 3}, by=None)
        make_prompt(project, k=2)
        rank(project, join(project), [1, 2])
        rank(project, join(project), [2, 1])
        assert opened(project) == []
        rank(project, join(project), [2, 1])
        assert opened(project) == [(Reason.DISAGREEMENT, [])]

    def test_people_who_agree_open_none(self, project: Project, prompt: Prompt) -> None:
        for _ in range(2):
            rank(project, join(project), [1, 2])
        assert opened(project) == []

    def test_what_was_left_is_opened_again_by_a_new_answer_alone(self, project: Project, prompt: Prompt) -> None:
        rank(project, join(project), [1, 2])
        other = rank(project, join(project), [2, 1]).assignment
        cases_left = cases.cases_of(project).get()
        ReviewCase.objects.filter(pk=cases_left.pk).update(state="closed", outcome="left", closed_at=prompt.created_at)
        Prompt.objects.update(priority=5)
        assert opened(project) == []
        rankings.amend(other, {"tiers": tiers_of(other, [2, 1]), "comment": "Sure."})
        assert opened(project) == [(Reason.DISAGREEMENT, [])]

    def test_what_an_import_recorded_was_settled_elsewhere(self, project: Project, prompt: Prompt) -> None:
        first = rank(project, join(project), [1, 2])
        Ranking.objects.filter(pk=first.pk).update(source="imported")
        second = claimed(project, join(project))
        Assignment.objects.filter(pk=second.pk).update(state="released")
        assert opened(project) == []


class TestSetAside:
    def test_it_opens_and_closes_with_the_prompt(self, project: Project, prompt: Prompt) -> None:
        task = claimed(project, join(project))
        claims.cannot_rank(task, "Broken")
        assert opened(project) == [(Reason.CANNOT_RANK, [])]
        skips.take_up(task)
        assert (opened(project), closed(project)) == ([], ["put_back"])
        claims.cannot_rank(task, "Broken, after all")
        assert (opened(project), closed(project)) == ([(Reason.CANNOT_RANK, [])], ["put_back"])

    def test_a_graver_reason_comes_first_and_the_other_stays_beside_it(self, project: Project, prompt: Prompt) -> None:
        cases.open_case(prompt, Reason.ASKED)
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        cases.open_case(prompt, Reason.SAMPLED)
        cases.open_case(prompt, Reason.SAMPLED)
        assert opened(project) == [(Reason.CANNOT_RANK, ["asked", "sampled"])]
        assert list(ReviewAct.objects.values_list("act", "what")) == [
            ("opened", "asked"), ("opened", "cannot_rank"), ("opened", "sampled"),
        ]  # fmt: skip


class TestNobodyIsLeft:
    def test_the_last_skip_opens_it_and_taking_it_back_closes_it(self, project: Project, prompt: Prompt) -> None:
        Membership.objects.all().delete()
        first, last = join(project), join(project)
        claims.skip(claimed(project, first), "Not my field")
        assert opened(project) == []
        task = claimed(project, last)
        claims.skip(task, "Too long")
        assert opened(project) == [(Reason.SKIPPED, [])]
        skips.take_up(task)
        assert (opened(project), closed(project)) == ([], ["taken_up"])

    def test_so_does_a_ranking_after_a_skip(self, project: Project, prompt: Prompt) -> None:
        Membership.objects.all().delete()
        first, last = join(project), join(project)
        claims.skip(claimed(project, first), "Not my field")
        rank(project, last, [1, 2])
        assert opened(project) == [(Reason.SKIPPED, [])]

    def test_whoever_joins_and_ranks_it_closes_it(self, project: Project, prompt: Prompt) -> None:
        Membership.objects.all().delete()
        Prompt.objects.update(overlap=1)
        claims.skip(claimed(project, join(project)), "Not my field")
        assert opened(project) == [(Reason.SKIPPED, [])]
        rank(project, join(project), [1, 2])
        assert (opened(project), closed(project)) == ([], ["ranked"])


class TestTheSample:
    def test_all_none_or_about_as_many_as_asked(self, project: Project) -> None:
        setting_changes.update(project, {"overlap": 1}, by=None)
        for _ in range(90):
            make_prompt(project, k=2)
        labeler = join(project)

        def drawn(percent: int) -> int:
            update_project(project, review_percent=percent)
            before = len(opened(project))
            for _ in range(30):
                rank(project, labeler, [1, 2])
            return len(opened(project)) - before

        assert (drawn(0), drawn(100)) == (0, 30)
        assert 5 <= drawn(50) <= 25  # 15, give or take 3.6 standard deviations

    def test_a_task_is_drawn_once_whatever_is_changed(self, project: Project, prompt: Prompt) -> None:
        update_project(project, review_percent=100)
        task = rank(project, join(project), [1, 2]).assignment
        assert cases.cases_of(project).get().drawn_id == task.pk
        ReviewCase.objects.update(state="closed", outcome="left", closed_at=prompt.created_at)
        rankings.amend(task, {"tiers": tiers_of(task, [2, 1])})
        rankings.withdraw(task)
        rankings.submit(task, {"tiers": [ids_of(task)]})
        assert ReviewCase.objects.count() == 1


class TestThePromptItself:
    def test_a_withdrawn_one_has_no_case_and_gets_one_again(self, project: Project, prompt: Prompt) -> None:
        rank(project, join(project), [1, 2])
        rank(project, join(project), [2, 1])
        withdrawals.withdraw(project, [prompt.external_id])
        assert (opened(project), closed(project)) == ([], ["withdrawn"])
        with pytest.raises(Conflict, match="withdrawn"):
            cases.open_case(prompt, Reason.ASKED)
        withdrawals.restore(project, [prompt.external_id])
        assert opened(project) == [(Reason.DISAGREEMENT, [])]

    def test_one_that_was_set_aside_is_so_again(self, project: Project, prompt: Prompt) -> None:
        claims.cannot_rank(claimed(project, join(project)), "Broken")
        withdrawals.withdraw(project, [prompt.external_id])
        withdrawals.restore(project, [prompt.external_id])
        assert (opened(project), closed(project)) == ([(Reason.CANNOT_RANK, [])], ["withdrawn"])

    def test_other_texts_are_another_matter(self, project: Project, prompt: Prompt) -> None:
        rank(project, join(project), [1, 2])
        rank(project, join(project), [2, 1])
        revise(project, prompt, base=1, by=None, messages=[{"role": "user", "content": "Another?"}])
        assert (opened(project), closed(project)) == ([], ["revised"])
