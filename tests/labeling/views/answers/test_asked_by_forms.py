"""More than an order by forms: the settings, the board with its draft, the history, the reviewer's board, the lists."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labeling.answers import rankings
from labeling.data.reviewing import cases
from labeling.models import Assignment, Project, Ranking, ReviewCase, Role, User
from labeling.projects.projects import update_project
from tests import factories
from tests.labeling.answers.test_more_than_an_order import ASKS, answer_to

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work", overlap=2)
    factories.make_prompt(project, k=2)
    return update_project(project, **ASKS)


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project)


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(task: Assignment, **changes: str) -> dict[str, str]:
    one, two = factories.ids_of(task)
    fields = {
        **{f"rank-{one}": "2", f"rank-{two}": "1", "acceptable": "1", "reason-correct": "1", "compare-kinder": "-2"},
        **{f"rate-{one}-helpful": "3", f"rate-{two}-helpful": "5"},
        **{"rewrite_of": two, "rewrite": "Better."},
    }
    return {"assignment": str(task.pk), **fields, **changes}


def test_the_settings_say_all_of_it_and_keep_it(project: Project) -> None:
    manager = as_user(User.objects.get(username="manager-of-work"))
    url = reverse("project_settings", args=["work"])
    page = manager.get(url).content.decode()
    assert "helpful: Helpful | 5\nkinder: Kinder | comparison" in page
    assert "correct: More correct" in page
    sent = {
        **{"name": "Work", "overlap": "2", "lease_minutes": "20", "extra_percent": "0", "extra_overlap": "3"},
        **{"justification": "optional", "ask_reasons": "Shorter\nmore_polite: Polite"},
        "attributes": "clear: Clear | 7 | hard to follow | plain\nkinder: Kinder | comparison",
    }
    assert manager.post(url, sent).status_code == 302
    project.refresh_from_db()
    assert (project.ask_acceptable, project.justification) == (False, "optional")
    assert project.ask_reasons == [{"name": "shorter", "label": "Shorter"}, {"name": "more_polite", "label": "Polite"}]
    clear = {"name": "clear", "label": "Clear", "scale": 7, "low": "hard to follow", "high": "plain"}
    assert project.attributes == [clear, {"name": "kinder", "label": "Kinder", "kind": "comparison"}]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("attributes", "helpful: Helpful | five", "such as 5, or the word comparison; not five"),
        ("attributes", "helpful: Helpful | 11", "a number of 2 to 10"),
        ("ask_reasons", "Correct: x\n", "is like"),
        ("justification", "maybe", "maybe"),
    ],
)
def test_settings_that_can_not_be_are_said_at_their_field(project: Project, field: str, value: str, words: str) -> None:
    manager = as_user(User.objects.get(username="manager-of-work"))
    sent = {"name": "Work", "overlap": "2", "lease_minutes": "20", field: value}
    page = manager.post(reverse("project_settings", args=["work"]), sent)
    assert words in page.content.decode()
    assert Project.objects.get(slug="work").justification == "required"


def test_a_settings_page_from_before_leaves_what_it_has_no_field_of(project: Project) -> None:
    manager = as_user(User.objects.get(username="manager-of-work"))
    sent = {"name": "Work", "overlap": "2", "lease_minutes": "20"}
    assert manager.post(reverse("project_settings", args=["work"]), sent).status_code == 302
    project.refresh_from_db()
    assert (project.justification, len(project.attributes), len(project.ask_reasons)) == ("required", 2, 1)


def test_the_board_asks_and_stores(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    page = client.get("/p/work/rank/").content.decode()
    for words in (
        "Acceptable down to",
        "More correct",
        "Helpful: A",
        "A clearly",
        "a reason or a comment",
        "A better text",
    ):
        assert words in page
    client.post("/p/work/rank/", form(labeler.assignments.get()))
    ranking = Ranking.objects.get()
    assert (ranking.acceptable, ranking.reasons, ranking.rewrite) == (1, ["correct"], "Better.")
    shown = ranking.ranked.order_by("shown_position").values_list("attributes", flat=True)
    assert list(shown) == [{"helpful": 3, "kinder": -2}, {"helpful": 5, "kinder": 2}]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("acceptable", "where the acceptable ones end"),
        ("compare-kinder", "Not said yet: Kinder"),
        ("rate-{one}-helpful", "Not said yet: Helpful of A"),
        ("reason-correct", "Say why: pick a reason"),
    ],
)
def test_the_board_says_what_is_missing_and_keeps_the_rest(
    project: Project, labeler: User, missing: str, words: str
) -> None:
    client = as_user(labeler)
    client.get("/p/work/rank/")
    task = labeler.assignments.get()
    sent = form(task)
    del sent[missing.format(one=factories.ids_of(task)[0])]
    page = client.post("/p/work/rank/", sent)
    assert page.status_code == 422
    assert words in page.content.decode()
    assert page.content.decode().count("checked") == len(sent) - 3
    assert ">Better.</textarea>" in page.content.decode()
    assert not Ranking.objects.exists()


def test_a_line_is_under_a_slot_and_counts_tiers(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    client.get("/p/work/rank/")
    task = labeler.assignments.get()
    one, two = factories.ids_of(task)
    client.post("/p/work/rank/", form(task, **{f"rank-{one}": "2", f"rank-{two}": "2", "acceptable": "2"}))
    assert Ranking.objects.get().acceptable == 1  # both are tied, in the one tier that there is


def test_the_draft_is_on_the_page_again(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    client.get("/p/work/rank/")
    task = labeler.assignments.get()
    saved = client.post(f"/p/work/rank/{task.pk}/draft/", form(task, draft_revision="0"))
    assert saved.status_code == 200
    draft: Any = Assignment.objects.get(pk=task.pk).draft
    one, two = factories.ids_of(task)
    assert {name: draft[name] for name in ("acceptable", "reasons", "attributes", "comparisons")} == {
        "acceptable": 1,
        "reasons": ["correct"],
        "attributes": {one: {"helpful": 3}, two: {"helpful": 5}},
        "comparisons": {one: {"kinder": -2}},
    }
    assert client.get("/p/work/rank/").content.decode().count("checked") == 7
    # What another client kept towards the second is the same choice.
    Assignment.objects.filter(pk=task.pk).update(draft={"comparisons": {two: {"kinder": 2}}})
    page = client.get("/p/work/rank/").content.decode()
    assert 'value="-2"' in page.partition("checked")[0].rpartition("<input")[2]


@pytest.mark.parametrize(
    "draft",
    [
        {"acceptable": "x"},
        {"reasons": 3},
        {"attributes": [1]},
        {"attributes": {"a": 3}},
        {"comparisons": {"a": {"b": []}}},
    ],
)
def test_a_draft_of_another_shape_breaks_no_page(project: Project, labeler: User, draft: dict[str, object]) -> None:
    client = as_user(labeler)
    client.get("/p/work/rank/")
    labeler.assignments.update(draft=draft)
    assert client.get("/p/work/rank/").status_code == 200


def test_it_is_changed_from_the_history_and_told_there(project: Project, labeler: User) -> None:
    client = as_user(labeler)
    task = factories.claimed(project, labeler)
    rankings.submit(task, answer_to(task))
    edit = reverse("history_edit", args=["work", task.pk])
    assert client.get(edit).content.decode().count("checked") == 7
    assert client.post(edit, form(task, acceptable="2")).status_code == 302
    assert Ranking.objects.get(live=True).acceptable == 2
    text = " ".join(client.get(reverse("history", args=["work"])).content.decode().split())
    for words in (
        "all acceptable",
        "More correct",
        "Helpful 3/5",
        "Kinder -2",
        "Kinder +2",
        "A better B, in their words",
    ):
        assert words in text


def test_reviewers_see_it_in_the_list_and_side_by_side_and_rank_so_too(project: Project, labeler: User) -> None:
    task = factories.claimed(project, labeler)
    said = rankings.submit(task, answer_to(task)).ranking
    reviewer = factories.join(project, Role.REVIEWER)
    client = as_user(reviewer)
    for url in (reverse("rankings", args=["work"]), reverse("prompt", args=["work", said.prompt_id])):
        text = " ".join(client.get(url).content.decode().split())
        for words in (
            "acceptable down to rank 1",
            "More correct",
            "Helpful 2/5",
            "Kinder +3",
            "in their words",
            "Better",
        ):
            assert words in text
    case = cases.open_case(said.prompt, ReviewCase.Reason.ASKED, by=reviewer)
    page = client.get(reverse("review_decide", args=["work", case.pk]))
    assert "Helpful: A" in page.content.decode()


def test_practice_asks_the_same_and_stores_none_of_it(project: Project, labeler: User) -> None:
    page = as_user(labeler).get(reverse("practice", args=["work"])).content.decode()
    assert "Helpful: D" in page
    assert "Kinder" not in page  # of four nobody compares two


def test_a_page_from_before_the_scale_still_ranks_two(labeler: User) -> None:
    project = factories.make_project(slug="two", ask_strength=True)
    factories.make_prompt(project, k=2)
    person = factories.join(project)
    client = as_user(person)
    assert "A clearly" in client.get("/p/two/rank/").content.decode()
    task = person.assignments.get()
    one, two = factories.ids_of(task)
    old = {"assignment": str(task.pk), f"rank-{one}": "2", f"rank-{two}": "1", "strength": "3"}
    client.post("/p/two/rank/", old)
    assert Ranking.objects.get().strength == 3
    rankings.amend(task, {"tiers": [[one], [two]], "strength": 1})
    page = client.get(reverse("history_edit", args=["two", task.pk])).content.decode()
    assert 'value="1"' in page.partition("checked")[0].rpartition("<input")[2]


@pytest.mark.parametrize(("value", "tiers", "strength"), [("3", 2, 3), ("-1", 2, 1), ("0", 1, None)])
def test_one_value_is_order_and_strength(value: str, tiers: int, strength: int | None) -> None:
    project = factories.make_project(slug="two", ask_strength=True)
    factories.make_prompt(project, k=2)
    person = factories.join(project)
    client = as_user(person)
    client.get("/p/two/rank/")
    task = person.assignments.get()
    sent = {"assignment": str(task.pk), "order": value}
    assert client.post(f"/p/two/rank/{task.pk}/draft/", sent | {"draft_revision": "0"}).status_code == 200
    draft: Any = Assignment.objects.get(pk=task.pk).draft
    assert (len(set(draft["ranks"].values())), draft["strength"]) == (tiers, strength)
    client.post("/p/two/rank/", sent)
    ranking = Ranking.objects.get()
    ranks = list(ranking.ranked.order_by("shown_position").values_list("rank", flat=True))
    assert (ranking.strength, ranks) == (strength, [1, 2] if value == "3" else [2, 1] if value == "-1" else [1, 1])


@pytest.mark.parametrize("value", ["", "4", "x", "1.5"])
def test_a_scale_without_an_answer_is_refused(value: str) -> None:
    project = factories.make_project(slug="two", ask_strength=True)
    factories.make_prompt(project, k=2)
    person = factories.join(project)
    client = as_user(person)
    client.get("/p/two/rank/")
    answer = client.post("/p/two/rank/", {"assignment": str(person.assignments.get().pk), "order": value})
    assert answer.status_code == 422
    assert "Nothing is ranked yet" in answer.content.decode()
