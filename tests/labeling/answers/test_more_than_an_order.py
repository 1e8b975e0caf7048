"""What is asked beyond an order, stored: with its ranking, its revision, its draft; by a reviewer as one said it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from labeling.answers import rankings
from labeling.data.leaving import person_export
from labeling.data.leaving.erased_rows import erase_words
from labeling.data.reviewing import cases, decisions
from labeling.data.revising.erasures import erase
from labeling.errors import Invalid
from labeling.models import Assignment, Project, RankedCompletion, Ranking, ReviewCase, Role, User
from labeling.projects.projects import create_project, update_project
from tests.factories import claimed, ids_of, join, make_project, make_prompt, make_user, tiers_of
from tests.labeling.test_constraints import refused

pytestmark = pytest.mark.django_db

ASKS: dict[str, Any] = {
    "ask_acceptable": True,
    "ask_reasons": [{"name": "correct", "label": "More correct"}],
    "justification": "required",
    "attributes": [{"name": "helpful", "label": "Helpful", "scale": 5}, {"name": "kinder", "kind": "comparison"}],
    "ask_rewrite": "optional",
}


@pytest.fixture
def project() -> Project:
    project = make_project(overlap=2)
    return update_project(project, **ASKS)


@pytest.fixture
def labeler(project: Project) -> User:
    return join(project)


def answer_to(assignment: Assignment, **changes: object) -> dict[str, Any]:
    ids = ids_of(assignment)
    comparisons = {"comparisons": {ids[0]: {"kinder": -3}}} if len(ids) == 2 else {}
    return {
        "tiers": tiers_of(assignment),
        "acceptable": 1,
        "reasons": ["correct"],
        "rewrite": {"of": tiers_of(assignment)[0][0], "text": "Better."},
        "attributes": {name: {"helpful": 1 + place} for place, name in enumerate(ids)},
        **comparisons,
        **changes,
    }


def test_it_is_stored_with_its_ranking(project: Project, labeler: User) -> None:
    make_prompt(project, k=2)
    assignment = claimed(project, labeler)
    submitted = rankings.submit(assignment, answer_to(assignment))
    ranking = Ranking.objects.get(pk=submitted.ranking.pk)
    assert (ranking.acceptable, ranking.reasons, ranking.says_more) == (1, ["correct"], True)
    assert (ranking.rewrite, ranking.rewrite_of) == ("Better.", ranking.ranked.get(rank=1).completion)
    assert (submitted.ranking.acceptable, submitted.ranking.reasons) == (1, ["correct"])
    shown = [place.attributes for place in ranking.ranked.order_by("shown_position")]
    assert shown == [{"helpful": 1, "kinder": -3}, {"helpful": 2, "kinder": 3}]
    assert submitted.pairs == 1


def test_of_three_only_ratings_are_asked(project: Project, labeler: User) -> None:
    make_prompt(project, k=3)
    assignment = claimed(project, labeler)
    with pytest.raises(Invalid, match="no such attribute"):
        rankings.submit(assignment, answer_to(assignment, comparisons={ids_of(assignment)[0]: {"kinder": 1}}))
    assert rankings.submit(assignment, answer_to(assignment)).created


def test_the_same_again_is_stored_once_and_another_is_a_revision(project: Project, labeler: User) -> None:
    make_prompt(project, k=2)
    assignment = claimed(project, labeler)
    assert rankings.submit(assignment, answer_to(assignment)).created
    assert not rankings.submit(assignment, answer_to(assignment)).created
    assert rankings.amend(assignment, answer_to(assignment, acceptable=2)).ranking.revision == 2
    assert list(Ranking.objects.order_by("revision").values_list("acceptable", "live")) == [(1, False), (2, True)]


def test_what_is_taken_back_is_the_draft_that_gives_it_again(project: Project, labeler: User) -> None:
    make_prompt(project, k=2)
    assignment = claimed(project, labeler)
    sent = answer_to(assignment)
    first = rankings.submit(assignment, sent).ranking
    draft: dict[str, Any] = rankings.withdraw(assignment).draft  # type: ignore[assignment]
    again = {name: draft[name] for name in ("acceptable", "reasons", "attributes", "comparisons", "rewrite")}
    second = rankings.submit(assignment, {"tiers": sent["tiers"], **again}).ranking
    assert second.payload_sha256 == first.payload_sha256


def test_a_project_that_asks_nothing_stores_nothing_of_it(labeler: User) -> None:
    project = make_project()
    make_prompt(project)
    assignment = claimed(project, join(project))
    ranking = rankings.submit(assignment, {"tiers": tiers_of(assignment)}).ranking
    stored = Ranking.objects.get(pk=ranking.pk)
    assert (stored.acceptable, stored.reasons, stored.says_more) == (None, [], False)
    assert {str(place.attributes) for place in stored.ranked.all()} == {"{}"}


def test_a_reviewer_decides_as_one_said_even_where_more_is_asked_by_now(project: Project, labeler: User) -> None:
    make_prompt(project, k=2)
    update_project(project, ask_acceptable=False, justification="off", attributes=ASKS["attributes"][:1])
    assignment = claimed(project, labeler)
    answer = answer_to(assignment, comparisons={})
    said = rankings.submit(assignment, {name: answer[name] for name in ("tiers", "attributes", "reasons")}).ranking
    update_project(project, **{**ASKS, "ask_reasons": []})
    reviewer = join(project, Role.REVIEWER)
    case = cases.open_case(said.prompt, ReviewCase.Reason.ASKED, by=reviewer)
    decided = decisions.decide_as(case, said, by=reviewer).ranking
    places = RankedCompletion.objects.filter(ranking=decided)
    rated = dict(places.values_list("completion", "attributes"))
    assert rated == dict(said.ranked.values_list("completion", "attributes"))
    assert (Ranking.objects.get(pk=decided.pk).acceptable, Ranking.objects.get(pk=decided.pk).reasons) == (None, [])


def test_the_database_refuses_what_no_answer_says(project: Project, labeler: User) -> None:
    make_prompt(project, k=2)
    assignment = claimed(project, labeler)
    rows = Ranking.objects.filter(pk=rankings.submit(assignment, answer_to(assignment)).ranking.pk)
    refused("ranking_acceptable_tiers", partial(rows.update, acceptable=11))
    refused("ranking_reasons_at_most", partial(rows.update, reasons=["a"] * 21))
    refused("ranking_rewrite_of_something", partial(rows.update, rewrite=""))
    refused("ranking_rewrite_of_something", partial(rows.update, rewrite_of=None))
    other = make_prompt(project, k=2).completions.earliest("pk")
    refused("ranking_rewrite_of_its_prompt", partial(rows.update, rewrite_of=other))
    refused("ranking_says_more_with_a_rewrite", partial(rows.update, says_more=False))
    refused("ranking_says_what_it_says", partial(rows.update, says_more=False, rewrite="", rewrite_of=None))
    projects = Project.objects.filter(pk=project.pk)
    refused("project_justification_known", partial(projects.update, justification="maybe"))
    flags = [{"name": "rude", "label": "Rude"}]
    refused("project_rewrite_known", partial(projects.update, ask_rewrite="must"))
    as_texts = partial(projects.update, kind="classification", flags=flags)
    refused("project_classification_has_no_best", as_texts)
    refused("project_classification_has_no_order", partial(as_texts, ask_rewrite="off"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ask_reasons": "correct"}, "is a list such as"),
        ({"ask_reasons": [{"name": "Correct"}]}, "is like 'factual_error', not 'Correct'"),
        ({"ask_reasons": [{"name": "a"}, {"name": "a"}]}, "a is there twice"),
        ({"ask_reasons": [{"name": "a", "labels": "A"}]}, "has no labels"),
        ({"ask_reasons": [{"name": "a", "label": "x" * 121}]}, "at most 120 characters"),
        ({"ask_reasons": [{"name": f"a{n}"} for n in range(21)]}, "has 21 entries; a project has at most 20"),
        ({"ask_reasons": ["a"]}, "not a"),
        ({"attributes": [{"name": "helpful", "scale": 1}]}, "a number of 2 to 10, not '1'"),
        ({"attributes": [{"name": "helpful", "scale": True}]}, "not 'True'"),
        ({"attributes": [{"name": "helpful", "kind": "guess"}]}, "not 'guess'"),
        ({"attributes": [{"name": "helpful", "kind": "comparison", "scale": 5}]}, "leave its scale out"),
        ({"attributes": [{"name": f"a{n}"} for n in range(11)]}, "at most 10"),
        ({"justification": "maybe"}, "justification"),
    ],
)
def test_settings_that_ask_nothing_sensible_are_refused(project: Project, change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid) as caught:
        update_project(project, **change)
    assert words in caught.value.detail


@pytest.mark.parametrize(
    ("name", "value"), [("ask_acceptable", True), ("attributes", ASKS["attributes"]), ("ask_rewrite", "optional")]
)
def test_a_classification_refuses_what_belongs_to_an_order(name: str, value: object) -> None:
    flags = [{"name": "rude", "label": "Rude"}]
    with pytest.raises(Invalid) as caught:
        create_project(by=make_user(), slug="texts", name="Texts", kind="classification", flags=flags, **{name: value})
    assert (caught.value.code, caught.value.attr) == ("not_of_this_kind", name)


def test_a_classification_asks_for_reasons(project: Project) -> None:
    flags = [{"name": "rude", "label": "Rude"}]
    reasons = ASKS["ask_reasons"]
    made = create_project(
        by=make_user(), slug="texts", name="Texts", kind="classification", flags=flags, ask_reasons=reasons
    )
    make_prompt(made, k=2)
    assignment = claimed(made, join(made))
    said = {name: {"rude": False} for name in ids_of(assignment)}
    answer = {"tiers": [ids_of(assignment)], "flags": said, "reasons": ["correct"]}
    assert Ranking.objects.get(pk=rankings.submit(assignment, answer).ranking.pk).reasons == ["correct"]


@pytest.mark.parametrize("of", ["person", "prompt"])
def test_a_rewrite_goes_with_its_labelers_words_and_with_its_prompt(project: Project, labeler: User, of: str) -> None:
    prompt = make_prompt(project, k=2)
    assignment = claimed(project, labeler)
    ranking = rankings.submit(assignment, answer_to(assignment)).ranking
    [exported] = person_export._rankings(labeler)
    assert exported["rewrite"] == {"of": tiers_of(assignment)[0][0], "text": "Better."}
    if of == "person":
        erase_words(labeler)
    else:
        erase(project, prompt, confirm=prompt.external_id, by=None)
    stored = Ranking.objects.get(pk=ranking.pk)
    assert (stored.rewrite, stored.rewrite_of_id) == ("", None)
