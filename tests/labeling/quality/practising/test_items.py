"""A project's own practice items: made of gold, never drawn as checks, marked by what the project has for right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.data.withdrawing import withdrawals
from labeling.errors import Conflict
from labeling.models import Assignment, GoldAnswer, Project, Prompt, Ranking, User
from labeling.quality.checks import golds
from labeling.quality.practising import items
from labeling.quality.practising.marking import mark
from labeling.quality.practising.sample import Verdict
from labeling.queue import claims
from tests.factories import claimed, join, make_project, make_prompt, rank
from tests.labeling.queue.test_checks import always

pytestmark = pytest.mark.django_db
ASKED = ["hateful"]


def make_item(project: Project, ranks: Sequence[int] = (1, 2, 3, 4), *, explanation: str = "It is so.") -> Prompt:
    prompt = make_prompt(project, k=len(ranks))
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    known = golds.Known(dict(zip(keys, ranks, strict=True)))
    golds.make(project, prompt, known, source="typed", by=None, explanation=explanation, practice=True)
    return prompt


@pytest.fixture
def project() -> Project:
    return make_project()


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


class TestMarking:
    known = {1: 1, 2: 2, 3: 2, 4: 3}

    def test_each_comparison_of_the_known_order_is_told_and_what_it_ties_is_none(self) -> None:
        marked = mark(self.known, {}, given={1: 1, 2: 1, 3: 3, 4: 2}, said={}, asked=[])
        found = {(one.better, one.worse): one.verdict for one in marked.comparisons}
        agreed, tied, reversed_ = Verdict.AGREED, Verdict.TIED, Verdict.REVERSED
        assert found == {(1, 2): tied, (1, 3): agreed, (1, 4): agreed, (2, 4): agreed, (3, 4): reversed_}
        assert (marked.right, marked.total) == (3.5, 5)

    def test_questions_count_as_comparisons_and_those_that_are_asked_no_more_do_not(self) -> None:
        flags = {1: {"hateful": True, "old": True}, 2: {"hateful": False}, 3: {"hateful": False}}
        said = {1: {"hateful": True}, 2: {"hateful": True}}
        marked = mark({}, flags, given={1: 1, 2: 2, 3: 3}, said=said, asked=ASKED)
        assert [(one.completion, one.known, one.given, one.is_right) for one in marked.questions] == [
            (1, True, True, True), (2, False, True, False), (3, False, None, False),
        ]  # fmt: skip
        assert (marked.right, marked.total, marked.comparisons) == (1, 3, [])

    def test_a_completion_that_is_gone_is_compared_with_none(self) -> None:
        assert mark(self.known, {}, given={1: 1, 2: 2}, said={}, asked=[]).total == 1


class TestItems:
    def test_it_is_never_drawn_as_a_check_nor_served(self, project: Project, labeler: User) -> None:
        make_item(project)
        for _ in range(3):
            make_prompt(project)
        always(project, "gold")
        for _ in range(3):
            rank(project, labeler)
        assert claims.claim(project, labeler) is None
        assert set(Assignment.objects.values_list("purpose", flat=True)) == {"label"}

    def test_gold_becomes_an_item_once_and_stays_one_when_it_is_changed(self, project: Project, labeler: User) -> None:
        prompt = make_item(project)
        GoldAnswer.objects.update(practice=False)
        assert golds.use_for_practice(project, prompt)
        assert not golds.use_for_practice(project, prompt)
        keys = list(prompt.completions.values_list("pk", flat=True))
        other = golds.Known({key: 4 - at for at, key in enumerate(keys)})
        assert golds.make(project, prompt, other, source="typed", by=None).practice
        assert not golds.use_for_practice(project, make_prompt(project))
        golds.take_back(project, prompt)
        assert items.n_items(project) == 0
        assert {claimed(project, labeler).prompt_id, claimed(project, labeler).prompt_id} <= set(
            project.prompts.values_list("pk", flat=True)
        )

    def test_its_earlier_rankings_stay_data_and_practising_stores_none(self, project: Project, labeler: User) -> None:
        make_prompt(project)
        ranking = rank(project, labeler)
        golds.make_from(project, ranking, by=None, practice=True)
        assert Ranking.objects.get().live

    def test_there_are_so_many_and_no_more(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(golds, "MOST_TO_PRACTISE", 2)
        first = make_item(project)
        make_item(project)
        golds.use_for_practice(project, first)  # is one of the two
        with pytest.raises(Conflict, match="at most 2 prompts to practise on"):
            make_item(project)
        assert items.n_items(project) == 2

    def test_one_that_is_withdrawn_is_none(self, project: Project, labeler: User) -> None:
        prompt = make_item(project)
        withdrawals.withdraw(project, [prompt.external_id])
        assert items.item_at(project, 1, labeler) == (None, 0)

    def test_each_person_sees_it_in_an_order_of_their_own_under_names_that_say_nothing(self, project: Project) -> None:
        make_item(project)
        people = [join(project) for _ in range(12)]
        shown = []
        for person in people:
            item, _n = items.item_at(project, 1, person)
            again, _n = items.item_at(project, 1, person)
            assert item is not None
            assert again is not None
            assert list(item.completions) == list(again.completions)
            assert not {str(each.pk) for each in item.completions.values()} & {*item.completions}
            shown.append(tuple(each.external_id for each in item.completions.values()))
        assert len(set(shown)) > 4

    def test_one_of_many_costs_four_statements(self, project: Project, labeler: User) -> None:
        prompts = [make_item(project) for _ in range(3)]
        for place, at in ((1, 0), (3, 2)):
            with CaptureQueriesContext(connection) as queries:
                item, n = items.item_at(project, place, labeler)
                assert item is not None
                assert len(item.completions) == 4
            assert (item.gold.prompt_id, n) == (prompts[at].pk, 3)
            assert len(queries) == 4  # the role, which a request has read, the keys, the item and its texts
        assert [items.item_at(project, place, labeler) for place in (0, 4, 2**40)] == [(None, 3)] * 3
