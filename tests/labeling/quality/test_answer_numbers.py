"""What one person's answers to yes/no questions say beside everybody's, counted by hand; what page and API show."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from labeling.models import Project, RankedCompletion, Ranking, User
from labeling.quality import answer_numbers, labeler_numbers
from labeling.quality.answer_numbers import Answers
from tests import factories

pytestmark = pytest.mark.django_db
QUESTIONS = [{"name": "rude", "label": "Rude"}, {"name": "spam", "label": "Spam"}]


@pytest.fixture
def project() -> Project:
    manager = factories.make_user("mara")
    return factories.make_project(manager=manager, slug="texts", kind="classification", flags=QUESTIONS, overlap=20)


@pytest.fixture
def lena(project: Project) -> User:
    return factories.join(project, username="lena")


def said(project: Project, labeler: User, *answers: tuple[bool, bool]) -> None:
    for rude, spam in answers:
        factories.answer(project, labeler, rude=rude, spam=spam)


def prompts(project: Project, n: int) -> None:
    for _ in range(n):
        factories.make_prompt(project, k=1)


def answers_of(project: Project, person: User) -> Answers:
    found = labeler_numbers.numbers_of(project, person.pk).answers
    assert found is not None
    return found


def test_agreement_is_of_what_others_answered_to_the_same_question(project: Project, lena: User) -> None:
    """Lena and otto answer two texts alike but for one question of four; ada answers the first as lena does. So five of
    six comparisons agree, and of lena's six answers nobody gave two."""
    otto, ada = factories.join(project), factories.join(project)
    prompts(project, 3)
    said(project, lena, (True, False), (True, True), (False, False))
    said(project, otto, (True, False), (True, False))
    said(project, ada, (True, False))
    found = answers_of(project, lena)
    assert (found.agreement.value, found.agreement.n, found.agreement.n_prompts) == (pytest.approx(5 / 6), 6, 2)
    assert (found.compared.value, found.compared.n, found.compared.n_prompts) == (pytest.approx(4 / 6), 6, 3)
    # Of the first text three people are three comparisons a question, all alike; of the second one of two.
    assert (found.agreement_in_project.value, found.agreement_in_project.n) == (pytest.approx(7 / 8), 8)
    rude, spam = found.questions
    assert (rude.label, rude.yes.value, rude.yes.n, rude.yes_in_project.n) == ("Rude", pytest.approx(2 / 3), 3, 6)
    assert (spam.yes.value, spam.yes_in_project.value) == (pytest.approx(1 / 3), pytest.approx(1 / 6))


def test_more_people_on_the_same_texts_make_it_no_surer(project: Project, lena: User) -> None:
    """Ten texts, on half of which otto answers otherwise, and then eight more people as he does: 90 comparisons instead
    of ten, of the same ten texts. p (1 - p) / variance is 9 both times."""
    prompts(project, 10)
    said(project, lena, *[(True, True)] * 10)
    said(project, factories.join(project), *[(place % 2 == 0, place % 2 == 0) for place in range(10)])
    one = answers_of(project, lena).agreement
    for _ in range(8):
        said(project, factories.join(project), *[(place % 2 == 0, place % 2 == 0) for place in range(10)])
    nine = answers_of(project, lena).agreement
    assert (one.n, nine.n) == (20, 180)
    assert (one.value, one.low, one.high) == pytest.approx((nine.value, nine.low, nine.high))
    assert one.low == pytest.approx(0.2265, abs=1e-3)  # Wilson's of 9, where 180 answers alone would say 0.43
    assert one.n_prompts == nine.n_prompts == 10


def test_only_what_stands_is_compared_and_only_questions_asked_now(project: Project, lena: User) -> None:
    otto = factories.join(project)
    prompts(project, 2)
    for person in (lena, otto):
        said(project, person, (True, True), (True, True))
    RankedCompletion.objects.update(flags={"rude": True, "spam": True, "gone": True})
    Ranking.objects.filter(pk=Ranking.objects.filter(labeler=otto).earliest("pk").pk).update(live=False)
    assert answers_of(project, lena).agreement.n == 2
    Ranking.objects.filter(labeler=otto).update(live=False)
    found = answers_of(project, lena)
    assert (found.agreement.value, found.compared.value) == (None, 0.0)


def test_a_bounded_part_of_what_others_said_is_read(
    project: Project, lena: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts(project, 1)
    for person in [lena, *(factories.join(project) for _ in range(4))]:
        said(project, person, (True, True))
    monkeypatch.setattr(labeler_numbers, "OTHERS", 3)
    assert answers_of(project, lena).agreement.n == 6
    monkeypatch.setattr(answer_numbers, "LATEST", 2)
    assert answers_of(project, lena).agreement_in_project.n == 2


def test_it_costs_three_statements_more_than_a_ranking(project: Project, lena: User) -> None:
    costs = []
    for _ in range(2):
        prompts(project, 4)
        said(project, lena, *[(True, False)] * 4)
        with CaptureQueriesContext(connection) as context:
            answers_of(project, lena)
        costs.append(len(context))
    assert costs == [10, 10]


def test_page_and_api_say_it_and_nothing_without_a_meaning(project: Project, lena: User) -> None:
    prompts(project, 2)
    for person in (lena, factories.join(project)):
        said(project, person, (True, False), (False, False))
    client = Client()
    client.force_login(User.objects.get(username="mara"))
    html = client.get(f"/p/texts/people/{lena.pk}/").content.decode()
    text = " ".join(re.sub(r"<[^>]+>", " ", html).replace("\xa0", " ").split())
    for words in (
        "The same answer as others",
        "4 comparisons of 2 prompts",
        "Yes to “Rude”",
        "Yes to “Spam”",
        "2 texts",
    ):
        assert words in text, words
    assert "people here: 100 %" in text
    for words in ("Ties", "Shown first", "The longer one", "Flags", "Agreement with others", "Choices that others"):
        assert words not in text, words
    answers = client.get(f"/api/v1/projects/texts/people/{lena.pk}/").json()["numbers"]["answers"]
    assert answers["agreement"]["value"] == 1.0
    assert answers["agreement"]["n_prompts"] == 2
    assert [(each["name"], each["yes"]["value"]) for each in answers["questions"]] == [("rude", 0.5), ("spam", 0.0)]
    ranks = factories.make_project(slug="ranks", manager=User.objects.get(username="mara"))
    factories.make_prompt(ranks)
    factories.rank(ranks, factories.join(ranks, username="otto"))
    otto = User.objects.get(username="otto")
    assert client.get(f"/api/v1/projects/ranks/people/{otto.pk}/").json()["numbers"]["answers"] is None
