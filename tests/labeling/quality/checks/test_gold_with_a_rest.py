"""Gold with a rest: made in each way that there is, checked by what it says alone, shown and marked as a rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations, permutations
from statistics import pvariance

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.answers import rankings
from labeling.data.importing.import_report import Report
from labeling.data.importing.imports import import_lines
from labeling.errors import Invalid
from labeling.models import CheckResult, GoldAnswer, Project, Prompt, Role
from labeling.projects.projects import update_project
from labeling.quality.checks import acting, golds
from labeling.quality.checks.verdicts import Checked, check_order
from labeling.quality.practising import items
from labeling.quality.practising.marking import REST, mark
from tests import factories
from tests.factories import claimed, join, make_project, make_prompt, tiers_of
from tests.labeling.data.bulk.test_gold import do
from tests.labeling.quality.checks.test_acting import serve
from tests.labeling.test_constraints import refused
from tests.labeling.views.practising.test_items import answer
from tests.labeling.views.practising.test_practice import as_user, words

GOLDS = "/api/v1/projects/work/golds/"
BEST_TWO = [1, 2, 3, 3, 3, 3, 3]


@pytest.fixture
def project(db: None) -> Project:
    return update_project(make_project(slug="work"), top_k=2)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return make_prompt(project, k=7, external_id="row-1")


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(join(project, Role.MANAGER))


def known(prompt: Prompt) -> tuple[list[int], int]:
    gold = GoldAnswer.objects.get(prompt=prompt)
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    return [gold.ranks[str(key)] for key in keys], gold.unranked


def make(prompt: Prompt, ranks: list[int], top_k: int | None, *, practice: bool = False) -> GoldAnswer:
    keys = prompt.completions.order_by("position").values_list("pk", flat=True)
    said = golds.Known(dict(zip(keys, ranks, strict=True)), top_k=top_k)
    return golds.make(prompt.project, prompt, said, source="typed", by=None, practice=practice)


def checked(prompt: Prompt, *, best: int = 0) -> tuple[int | None, float | None]:
    """Has somebody answer it as a check, rightly: all of it, or the best alone."""
    task = serve(prompt, join(prompt.project))
    tiers = tiers_of(task, tuple(range(1, 8)))
    rankings.submit(task, {"tiers": tiers[:best] if best else tiers})
    acting.look()
    result = CheckResult.objects.get(assignment=task)
    return result.comparisons, result.right


class TestMade:
    def test_of_an_answered_prompt(self, project: Project, prompt: Prompt) -> None:
        task = claimed(project, join(project))
        ranking = rankings.submit(task, {"tiers": tiers_of(task, tuple(range(1, 8)))[:2]}).ranking
        golds.make_from(project, ranking, by=None)
        assert known(prompt) == (BEST_TWO, 5)

    def test_on_the_board(self, prompt: Prompt, manager: Client) -> None:
        address = f"/p/work/prompts/{prompt.pk}/gold/rank/"
        texts = [each.text for each in prompt.completions.order_by("position")]
        sent = answer(manager.get(address).content.decode(), texts)
        best = {name: value for name, value in sent.items() if not name.startswith("rank-") or int(value) <= 2}
        assert "It is gold by your answer now." in words(manager.post(address, best, follow=True))
        assert known(prompt) == (BEST_TWO, 5)
        manager.post(address, {**sent, "rank-" + ids_last(sent): ""}, follow=True)  # one alone is last, and so ranked
        assert known(prompt) == ([1, 2, 3, 4, 5, 6, 7], 0)

    def test_by_api(self, prompt: Prompt, manager: Client) -> None:
        tiers = [["a"], ["b"], ["c", "d", "e", "f", "g"]]
        sent = {"prompt": "row-1", "tiers": tiers, "top_k": 2}
        made = manager.post(GOLDS, sent, content_type="application/json").json()
        assert (made["tiers"], made["top_k"]) == (tiers, 2)
        assert manager.get(GOLDS).json()["results"][0]["top_k"] == 2
        assert known(prompt) == (BEST_TWO, 5)
        changed = manager.post(GOLDS, {"prompt": "row-1", "tiers": tiers}, content_type="application/json").json()
        assert (changed["top_k"], known(prompt)) == (None, (BEST_TWO, 0))

    @pytest.mark.parametrize("top_k", [1, 3, 7, 9])
    def test_what_the_tiers_belie_is_refused(self, prompt: Prompt, manager: Client, top_k: int) -> None:
        sent = {"prompt": "row-1", "tiers": [["a"], ["b"], ["c", "d", "e", "f", "g"]], "top_k": top_k}
        [error] = manager.post(GOLDS, sent, content_type="application/json").json()["errors"]
        assert (error["code"], error["attr"]) == ("bad_gold", "top_k")
        assert "here 2 and at least 1" in error["detail"]
        assert not GoldAnswer.objects.exists()

    @pytest.mark.parametrize("top_k", [0, -1, 10**20, "2", True, [2]])
    def test_what_is_no_number_of_them_is_refused(self, prompt: Prompt, manager: Client, top_k: object) -> None:
        sent = {"prompt": "row-1", "tiers": [["a"], ["b", "c", "d", "e", "f", "g"]], "top_k": top_k}
        response = manager.post(GOLDS, sent, content_type="application/json")
        assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, "top_k")
        assert not GoldAnswer.objects.exists()

    def test_a_rest_of_one_is_ranked_and_of_no_order_there_is_none(self, prompt: Prompt) -> None:
        assert make(prompt, [1, 2, 3, 4, 5, 6, 7], 6).unranked == 0
        with pytest.raises(Invalid):
            golds.make(prompt.project, prompt, golds.Known(top_k=1), source="typed", by=None)

    def test_the_database_refuses_a_rest_of_nothing(self, prompt: Prompt) -> None:
        make(prompt, BEST_TWO, 2)
        for changes in ({"unranked": 1}, {"unranked": 10}, {"unranked": -1}, {"ranks": {}}):
            refused("gold_rest_of_some", lambda changes=changes: GoldAnswer.objects.update(**changes))


def ids_last(sent: Mapping[str, str]) -> str:
    return next(name.removeprefix("rank-") for name, value in sent.items() if value == "7")


class TestFiles:
    def bring(self, project: Project, **gold: object) -> Report:
        texts = [{"id": str(place), "text": f"Text {place}"} for place in range(7)]
        row = {"id": "q", "prompt": "Question?", "completions": texts, "gold": gold}
        return import_lines(project, [json.dumps(row).encode()])

    def test_a_row_says_it_and_says_the_same_again(self, project: Project) -> None:
        assert self.bring(project, ranks=BEST_TWO, top_k=2).created == 1
        assert known(Prompt.objects.get()) == (BEST_TWO, 5)
        assert self.bring(project, ranks=BEST_TWO, top_k=2).skipped == 1
        [other] = self.bring(project, ranks=BEST_TWO).errors  # as a tie: another gold
        assert other.field == "gold"

    def test_of_a_known_prompt_a_tie_is_no_rest(self, project: Project) -> None:
        assert self.bring(project, ranks=BEST_TWO).created == 1
        assert known(Prompt.objects.get()) == (BEST_TWO, 0)
        assert len(self.bring(project, ranks=BEST_TWO, top_k=2).errors) == 1
        assert self.bring(project, ranks=BEST_TWO).skipped == 1

    @pytest.mark.parametrize("top_k", [0, 3, 7, True, "2", 2.0, [2], 10**30])
    def test_a_number_that_the_ranks_belie_is_refused_and_named(self, project: Project, top_k: object) -> None:
        [error] = self.bring(project, ranks=BEST_TWO, top_k=top_k).errors
        assert error.field == "gold.top_k"
        assert "here 2 and at least 1" in error.detail

    def test_without_ranks_there_is_none(self, project: Project) -> None:
        assert self.bring(project, top_k=1).errors[0].field == "gold.top_k"


class TestInBulk:
    @pytest.mark.parametrize(
        ("by", "agreed"),
        [
            ((BEST_TWO, BEST_TWO), (BEST_TWO, 5)),
            # What one of them ranked further is known; below it is what both left.
            ((BEST_TWO, [1, 2, 3, 4, 5, 5, 5]), ([1, 2, 3, 4, 5, 5, 5], 3)),
            ((BEST_TWO, [1, 2, 3, 4, 5, 6, 7]), ([1, 2, 3, 4, 5, 6, 7], 0)),
        ],
    )
    def test_the_rest_is_what_all_left(
        self, project: Project, by: list[list[int]], agreed: tuple[list[int], int]
    ) -> None:
        update_project(project, overlap=2)
        prompt = make_prompt(project, k=7)
        for ranks in by:
            task = claimed(project, join(project))
            n = len(set(ranks)) - (len(ranks) > len(set(ranks)))
            rankings.submit(task, {"tiers": tiers_of(task, tuple(ranks))[:n]})
        assert do(project).changed == 1
        assert known(prompt) == agreed

    def test_what_one_finds_alike_is_a_tie(self, project: Project) -> None:
        update_project(project, overlap=2)
        prompt = make_prompt(project, k=7)
        for cut in (2, 3):
            task = claimed(project, join(project))
            rankings.submit(task, {"tiers": tiers_of(task, tuple(BEST_TWO))[:cut]})
        assert do(project).changed == 1
        assert known(prompt) == (BEST_TWO, 0)


class TestChecked:
    """Of seven with the best two known there are 21 comparisons, 10 of them of two of the rest."""

    @pytest.mark.parametrize(("best", "asked"), [(0, 11), (2, 11), (3, 11), (6, 11)])
    def test_a_whole_ranking_and_one_of_the_best_are_asked_what_gold_says(
        self, prompt: Prompt, best: int, asked: int
    ) -> None:
        make(prompt, BEST_TWO, 2)
        assert checked(prompt, best=best) == (asked, asked)

    def test_it_counts_as_before_where_gold_is_whole(self, prompt: Prompt) -> None:
        make(prompt, [1, 2, 3, 4, 5, 6, 7], None)
        assert checked(prompt) == (21, 21)
        assert checked(prompt, best=2) == (11, 11)


@settings(max_examples=200)
@given(st.permutations(range(7)), st.integers(1, 7), st.permutations(range(7)), st.integers(1, 7))
def test_only_what_both_say_is_counted(gold: list[int], top: int, said: list[int], best: int) -> None:
    """In checks and in marks alike, whichever of the two leaves a rest."""
    known = {key: min(place, top) for place, key in enumerate(gold)}
    ranks = {key: min(place, best) for place, key in enumerate(said)}
    gold_rest, rest = frozenset(gold[top:]), frozenset(said[best:])
    pairs = [
        pair for pair in combinations(range(7), 2) if not (gold_rest.issuperset(pair) or rest.issuperset(pair))
    ]  # fmt: skip
    right = sum((known[a] < known[b]) == (ranks[a] < ranks[b]) for a, b in pairs)
    found = check_order(known, ranks, rest=rest)
    assert (found and (found.comparisons, found.right)) == ((len(pairs), right) if pairs else None)
    marked = mark(
        {key: REST if key in gold_rest else rank + 1 for key, rank in known.items()}, {},
        given={key: REST if key in rest else rank + 1 for key, rank in ranks.items()}, said={}, asked=[],
    )  # fmt: skip
    assert (marked.total, marked.right) == (len(pairs), right)


def guesses(known: dict[int, int], best: int) -> list[Checked]:
    """What each order of the completions would be counted as, given whole or the best of it alone."""
    found = []
    for order in permutations(known):
        given = {key: min(place, best) for place, key in enumerate(order)}
        found.append(check_order(known, given, rest=frozenset(order[best:])))
    return [each for each in found if each]


@pytest.mark.parametrize("ranks", [(1, 2, 3, 3, 3, 3), (1, 2, 2, 2, 2, 2), (1, 1, 2, 2, 3, 3), (1, 2, 3, 4, 5, 6)])
def test_the_worth_is_that_of_random_orders(ranks: tuple[int, ...]) -> None:
    """A quarter over the variance of the share of who guesses, by all 720 orders of six."""
    checks = guesses(dict(enumerate(ranks)), 6)
    variance = pvariance([each.right / each.comparisons for each in checks])
    assert [each.worth for each in checks] == [pytest.approx(0.25 / variance)] * len(checks)


@pytest.mark.parametrize("best", [1, 2, 3])
def test_where_the_answer_leaves_a_rest_it_is_so_on_the_whole(best: int) -> None:
    """How much is counted differs from answer to answer then: of all together it is within a tenth."""
    checks = guesses(dict(enumerate((1, 2, 3, 3, 3, 3))), best)
    n = sum(each.comparisons for each in checks)
    spread = sum((each.right - each.comparisons / 2) ** 2 for each in checks)
    assert sum(each.worth for each in checks) == pytest.approx(n * n / 4 / spread, rel=0.1)


class TestShown:
    def test_who_practises_reads_of_a_rest_and_of_no_equal_places(self, project: Project, prompt: Prompt) -> None:
        make(prompt, BEST_TWO, 2, practice=True)
        labeler = as_user(join(project))
        texts = [each.text for each in prompt.completions.order_by("position")]
        sent = answer(labeler.get("/p/work/practice/").content.decode(), texts)
        page = words(labeler.post("/p/work/practice/", sent))
        assert "11 of 11 as this project has them" in page
        assert "below, not ranked: completion" in page
        assert "tied: completion" not in page

    def test_so_do_the_page_of_gold_and_the_prompt(self, prompt: Prompt, manager: Client) -> None:
        make(prompt, BEST_TWO, 2)
        said = "Rank 1: completion 1; rank 2: completion 2; below, not ranked: completion 3, completion 4"
        for page in ("/p/work/gold/", f"/p/work/prompts/{prompt.pk}/"):
            assert said in words(manager.get(page))
        make(prompt, BEST_TWO, None)
        assert "rank 3, tied: completion 3" in words(manager.get("/p/work/gold/"))

    def test_its_items_have_the_rest_below_all_others(self, project: Project, prompt: Prompt) -> None:
        make(prompt, BEST_TWO, 2, practice=True)
        item, _n = items.item_at(project, 1, factories.make_user(superuser=True))
        assert item is not None
        assert sorted(item.ranks().values()) == [0, 0, 0, 0, 0, 1, 2]
