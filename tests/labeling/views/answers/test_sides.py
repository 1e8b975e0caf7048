"""The rankings on a prompt's page: who said what, where they differ, who skipped it and why."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from labeling.answers import rankings
from labeling.models import Project, Prompt, Ranking, Role, User
from labeling.queue import claims, shown_ids
from tests import factories
from tests.labeling.views.test_prompts import as_user, reviewer_of, words

FLAGS = ({"name": "wrong", "label": "Factual error"},)


@pytest.fixture
def project(db: None) -> Project:
    return factories.make_project(slug="work", overlap=4, flags=FLAGS)


@pytest.fixture
def prompt(project: Project) -> Prompt:
    return factories.make_prompt(project, external_id="row-17", k=3)


def submit(project: Project, name: str, ranks: tuple[int, ...], **more: object) -> Ranking:
    """The note and the flag are about the first completion."""
    task = factories.claimed(project, factories.join(project, username=name))
    first = shown_ids.of(task, task.prompt.completions.order_by("position")[0].pk)
    flags, notes = ({first: more.pop(name)} if name in more else {} for name in ("flags", "note"))
    answer = {"tiers": factories.tiers_of(task, ranks), "flags": flags, "notes": notes, **more}
    return rankings.submit(task, answer).ranking


def rows_of(project: Project, prompt: Prompt, user: User | None = None) -> str:
    client = reviewer_of(project) if user is None else as_user(user)
    return words(client.get(f"/p/work/prompts/{prompt.pk}/"))


def test_nobody_has_answered(project: Project, prompt: Prompt) -> None:
    assert "Rankings Nobody has answered yet." in rows_of(project, prompt)


def test_each_person_s_ranks_stand_in_the_order_of_the_completions(project: Project, prompt: Prompt) -> None:
    letters = []
    for name, ranks in (("ada", (1, 2, 2)), ("bo", (3, 1, 2))):
        ranking = submit(project, name, ranks)
        places = ranking.ranked.order_by("completion__position")
        letters.append(["ABC"[place.shown_position or 0] for place in places])
    text = rows_of(project, prompt)
    (a, b, c), (d, e, f) = letters
    assert f"ada just now 1 differs {a} 2 = differs {b} 2 = differs {c} bo just now 3 differs {d} 1 differs {e}" in text
    assert f"2 differs {f}" in text
    assert "Of 2 comparisons that two people made, they agree on 0." in text
    assert "Marked: beside another completion" in text


def test_people_who_agree_are_not_marked(project: Project, prompt: Prompt) -> None:
    for name in ("ada", "bo"):
        submit(project, name, (1, 2, 3))
    text = rows_of(project, prompt)
    assert "Of 3 comparisons that two people made, they agree on 3." in text
    assert "differs" not in text
    assert "Marked" not in text


def test_what_they_wrote_is_shown_as_they_wrote_it(project: Project, prompt: Prompt) -> None:
    submit(
        project, "ada", (1, 2, 3), comment="<b>B</b> is\nbetter", note="Off by <i>ten</i>.", flags={"wrong": True},
        active_seconds=47.4,
    )  # fmt: skip
    response = reviewer_of(project).get(f"/p/work/prompts/{prompt.pk}/")
    assert b"&lt;b&gt;B&lt;/b&gt; is\nbetter" in response.content
    text = words(response)
    assert "ada just now · 47 s" in text
    assert "1 Off by <i>ten</i>." in text
    assert "Factual error" in text


def test_a_changed_answer_says_its_revision_and_one_that_was_taken_back_is_gone(
    project: Project, prompt: Prompt
) -> None:
    kept, gone = submit(project, "ada", (1, 2, 3)), submit(project, "bo", (1, 2, 3))
    rankings.amend(kept.assignment, {"tiers": factories.tiers_of(kept.assignment, (3, 2, 1))})
    rankings.withdraw(gone.assignment)
    text = rows_of(project, prompt)
    assert "revision 2" in text
    assert "bo" not in text.split()


def test_a_skip_stands_with_its_reason(project: Project, prompt: Prompt) -> None:
    claims.skip(factories.claimed(project, factories.join(project, username="dora")), "I can't read the language")
    assert "Skipped by dora I can't read the language just now" in rows_of(project, prompt)


def test_answers_to_questions_are_marked_where_most_said_otherwise(db: None) -> None:
    project = factories.make_project(kind="classification", slug="work", flags=FLAGS, overlap=3)
    prompt = factories.make_prompt(project, k=1, external_id="row-1")
    for name, wrong in (("ada", True), ("bo", True), ("cy", False)):
        factories.answer(project, factories.join(project, username=name), wrong=wrong)
    text = rows_of(project, prompt)
    assert "Answers" in text
    assert "cy just now differs Factual error: no" in text
    assert text.count("differs") == 1
    assert "Marked: most of the others answered otherwise." in text


def test_a_labeler_sees_nothing_of_it(project: Project, prompt: Prompt) -> None:
    ranking = submit(project, "ada", (1, 2, 3), comment="mine")
    assert as_user(ranking.labeler).get(f"/p/work/prompts/{prompt.pk}/").status_code == 403
    assert as_user(factories.make_user()).get(f"/p/work/prompts/{prompt.pk}/").status_code == 404


def test_fifty_rankings_cost_as_many_statements_as_one(db: None) -> None:
    project = factories.make_project(slug="work", overlap=50)
    prompt = factories.make_prompt(project, k=4)
    reviewer = as_user(factories.join(project, Role.REVIEWER))
    costs = []
    for n in (1, 11):
        while Ranking.objects.count() < n:
            factories.rank(project, factories.join(project))
        with CaptureQueriesContext(connection) as statements:
            assert reviewer.get(f"/p/work/prompts/{prompt.pk}/").status_code == 200
        costs.append(len(statements))
    assert costs[0] == costs[1] <= 15
