"""Pages of the qualification: what is right is on none of them before it was answered; who decides; what it costs."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from labeling.data.leaving import person_export
from labeling.models import Membership, Project, QualificationAnswer, QualificationAttempt, Role, User
from labeling.projects import projects
from labeling.quality.checks import acting
from labeling.quality.practising import attempts, standing
from tests import factories
from tests.labeling.quality.checks.test_acting import RIGHT, make_gold
from tests.labeling.quality.checks.test_acting import answer as answer_check
from tests.labeling.quality.practising.test_attempts import attempt
from tests.labeling.quality.practising.test_items import make_item
from tests.labeling.views.practising.test_items import answer
from tests.labeling.views.practising.test_practice import as_user, words

pytestmark = pytest.mark.django_db
PAGE = "/p/work/qualification/"
WHY = "The first alone is a prime."
NEXT = "/api/v1/projects/work/assignments/next/"


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work")
    for _ in range(4):
        make_item(project, explanation=WHY)
    factories.make_prompt(project)
    return projects.update_project(project, qualify_items=2, qualify_wait_hours=0, qualify_attempts=2)


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project, username="lena")


@pytest.fixture
def client(labeler: User) -> Client:
    return as_user(labeler)


def texts_of(row: QualificationAnswer) -> list[str]:
    return [each.text for each in row.prompt.completions.order_by("position")]


def test_from_the_first_page_to_the_first_task(project: Project, client: Client) -> None:
    home = client.get("/")
    assert "Before your first task here you answer some practice items." in words(home)
    assert PAGE in home.content.decode()
    assert "First qualify" in words(client.get("/p/work/rank/"))
    page = words(client.get(PAGE))
    assert "You rank 2 practice items of this project. 70 % of all comparisons" in page
    assert "You have 2 attempts." in page
    response = client.post(PAGE)
    for place, row in enumerate(QualificationAnswer.objects.order_by("place"), start=1):
        assert response["Location"] == f"{PAGE}1/{place}/"
        board = client.get(response["Location"]).content.decode()
        assert WHY not in board
        response = client.post(f"{PAGE}1/{place}/", answer(board, texts_of(row)))
        marked = client.get(response["Location"])
        assert "6 of 6 as this project has them" in words(marked)
        assert WHY in words(marked)
        response = client.post(PAGE)
    page = words(client.get(PAGE))
    assert "You passed passed 12 of 12 comparisons right, in 2 items (100 %; 70 % are needed)" in page
    assert "rank-board" in client.get("/p/work/rank/").content.decode()
    assert "Before your first task" not in words(client.get("/"))


def test_what_is_right_is_nowhere_before_it_was_answered(project: Project, client: Client, labeler: User) -> None:
    """Not by the free practice, by another attempt, by the gold's list or by what an answer that is no answer gets."""
    client.post(PAGE)
    assert "A sample, not from this project." in words(client.get("/p/work/practice/"))
    for address in (
        *(f"{PAGE}1/1/", PAGE, f"{PAGE}1/1/compare/", "/p/work/practice/1/", "/p/work/gold/", "/p/work/guidelines/"),
        *("/api/v1/projects/work/", "/api/v1/projects/work/golds/", "/api/v1/projects/work/rankings/", "/"),
    ):
        assert WHY not in client.get(address).content.decode(), address
    refused = client.post(f"{PAGE}1/1/", {"rank-1": "1"})
    assert refused.status_code == 422
    assert WHY not in refused.content.decode()
    assert client.get("/p/work/practice/1/").status_code == 404
    assert not QualificationAnswer.objects.exclude(answered_at=None).exists()


def test_the_board_is_the_same_whatever_the_known_order_is(project: Project, client: Client) -> None:
    client.post(PAGE)
    pages = []
    for _ in range(2):
        html = client.get(f"{PAGE}1/1/").content.decode()
        pages.append(re.sub(r'(csrfmiddlewaretoken" value="|nonce="|X-CSRFToken": ")[^"]*', "", html))
        gold = QualificationAnswer.objects.get(place=1).prompt.gold
        gold.ranks = {key: 5 - rank for key, rank in gold.ranks.items()}
        gold.save()
    assert pages[0] == pages[1]


def test_a_second_answer_changes_nothing_and_says_the_first(project: Project, client: Client) -> None:
    client.post(PAGE)
    row = QualificationAnswer.objects.get(place=1)
    board = client.get(f"{PAGE}1/1/").content.decode()
    client.post(f"{PAGE}1/1/", answer(board, texts_of(row)[::-1]))
    again = client.post(f"{PAGE}1/1/", answer(board, texts_of(row)), follow=True)
    assert "0 of 6 as this project has them" in words(again)


def test_no_attempt_is_left(project: Project, client: Client, labeler: User) -> None:
    for _ in range(2):
        attempt(project, labeler, False, False)
    page = words(client.get(PAGE))
    assert "not passed 0 of 12 comparisons right" in page
    assert "You have no attempt left." in page
    assert "no attempt left" in words(client.post(PAGE, follow=True))
    assert QualificationAttempt.objects.count() == 2


def test_an_item_that_was_taken_back_is_said(project: Project, client: Client) -> None:
    client.post(PAGE)
    QualificationAnswer.objects.get(place=1).prompt.gold.delete()
    assert "took this item back" in words(client.get(f"{PAGE}1/1/", follow=True))
    assert client.post(PAGE)["Location"] == f"{PAGE}1/2/"


def test_nobody_else_has_an_attempt_of_theirs(project: Project, client: Client) -> None:
    client.post(PAGE)
    other = as_user(factories.join(project))
    for address in (f"{PAGE}1/1/", f"{PAGE}1/1/compare/"):
        assert client.get(address).status_code == 200
        assert other.get(address).status_code == 404
        assert as_user(factories.make_user()).get(address).status_code == 404
    for address in ("9/1/", "1/9/", "99999999999999999999/1/", "1/99999999999999999999/"):
        assert client.get(f"{PAGE}{address}").status_code == 404


def test_programs_are_told_why_and_where(project: Project, client: Client) -> None:
    said = client.post(NEXT, content_type="application/json")
    assert (said.status_code, said["X-Queue-Reason"], said["X-Queue-Page"]) == (204, "not_qualified", PAGE)


@pytest.mark.parametrize(
    ("role", "status"), [(Role.MANAGER, 302), (Role.REVIEWER, 302), (Role.LABELER, 403), (None, 404)]
)
def test_who_may_let_somebody_pass(project: Project, labeler: User, role: Role | None, status: int) -> None:
    by = as_user(factories.join(project, role) if role else factories.make_user())
    api = f"/api/v1/projects/work/people/{labeler.pk}/qualification/"
    for act, qualified in (("let", "let"), ("ask", "")):
        assert by.post(f"/p/work/people/{labeler.pk}/qualification/", {"act": act}).status_code == status
        if status == 302:
            assert Membership.objects.get(user=labeler).qualified == qualified
    said = by.post(api, {"act": "let"}, content_type="application/json")
    assert said.status_code == (204 if status == 302 else status)
    if status == 302:
        assert by.post(api, {"act": "x"}, content_type="application/json").status_code == 400
        for key in (10**9, 99999999999999999999):
            address = f"/api/v1/projects/work/people/{key}/qualification/"
            assert by.post(address, {"act": "let"}, content_type="application/json").status_code == 404


def test_a_manager_sees_attempts_and_a_reviewer_who_has_none_left(project: Project, labeler: User) -> None:
    manager, reviewer = (as_user(factories.join(project, role)) for role in (Role.MANAGER, Role.REVIEWER))
    attempt(project, labeler, True, False)
    page = words(manager.get(f"/p/work/people/{labeler.pk}/"))
    assert "Not passed yet, 1 attempt left." in page
    assert "6 of 12 comparisons right, in 2 items (50 %; 70 % are needed)" in page
    assert "lena did not pass" not in words(reviewer.get("/p/work/gold/"))
    attempt(project, labeler, True, False)
    assert "lena did not pass the qualification" in words(reviewer.get("/p/work/gold/"))
    said = reviewer.post(f"/p/work/people/{labeler.pk}/qualification/", {"act": "let"}, follow=True)
    assert "lena may rank now" in words(said)
    assert "Let pass" in words(manager.get(f"/p/work/people/{labeler.pk}/"))


def test_the_list_of_people_has_checks_and_qualification_at_the_same_cost(project: Project) -> None:
    manager = as_user(factories.join(project, Role.MANAGER))

    def statements(n: int) -> int:
        for _ in range(n):
            person = factories.join(project)
            attempt(project, person, True, True)
            for _ in range(2):
                answer_check(make_gold(project), person, RIGHT)
        acting.look(project.pk)
        with CaptureQueriesContext(connection) as queries:
            page = words(manager.get("/p/work/people/"))
        assert "Passed 100 %" in page
        assert "Gold 100 %" in page
        return len(queries)

    first = statements(1)
    assert statements(4) == first


def test_the_list_is_as_it_was_without_any(project: Project, labeler: User) -> None:
    Project.objects.update(qualify_items=0)
    page = words(as_user(factories.join(project, Role.MANAGER)).get("/p/work/people/"))
    assert "Qualification" not in page
    assert "Gold and repeats" not in page


def test_settings_say_whom_it_stops_and_take_new_people_only(project: Project, labeler: User) -> None:
    Project.objects.update(qualify_items=0)
    manager = as_user(factories.join(project, Role.MANAGER))
    sent = {"name": "Work", "overlap": "1", "lease_minutes": "20", "qualify_items": "3", "justification": "off"}
    page = manager.post("/p/work/settings/", sent)
    assert "1 of 1 labelers would have to qualify before their next task." in words(page)
    assert "New people only" in words(page)
    confirmed = re.search(r'name="confirmed" value="([^"]*)"', page.content.decode())
    assert confirmed
    assert Project.objects.get().qualify_items == 0
    manager.post("/p/work/settings/", sent | {"confirmed": confirmed[1], "people": "new"})
    assert Project.objects.get().qualify_items == 3
    assert Membership.objects.get(user=labeler).qualified == "before"
    refused = manager.post("/p/work/settings/", sent | {"qualify_items": "9"})
    assert "the project has 4 practice items" in words(refused)


def test_the_api_says_whom_it_would_stop(project: Project, labeler: User) -> None:
    Project.objects.update(qualify_items=0)
    manager = as_user(factories.join(project, Role.MANAGER))
    said = manager.patch(
        "/api/v1/projects/work/?dry_run=true", {"qualify_items": 2}, content_type="application/json"
    ).json()
    assert (said["labelers_stopped"], said["labelers"]) == (1, 1)
    manager.patch(
        "/api/v1/projects/work/?only_new_people=true", {"qualify_items": 2}, content_type="application/json"
    )  # fmt: skip
    assert Membership.objects.get(user=labeler).qualified == "before"


def test_the_pages_cost_the_same_whatever_was_tried_before(project: Project, labeler: User, client: Client) -> None:
    Project.objects.update(qualify_attempts=50)

    def statements(number: int) -> list[int]:
        counts = []
        for method, address in (("get", PAGE), ("post", PAGE), ("get", f"{PAGE}{number}/1/")):
            with CaptureQueriesContext(connection) as queries:
                assert getattr(client, method)(address).status_code in (200, 302)
            counts.append(len(queries))
        return counts

    first = statements(1)
    project.refresh_from_db()
    for _ in range(6):  # the first of these goes on with the open one
        attempt(project, labeler, False, False)
    assert statements(7) == first


def test_a_person_gets_their_attempts_and_nothing_of_the_known_order(project: Project, labeler: User) -> None:
    attempt(project, labeler, True, False)
    [row] = person_export._qualification_attempts(labeler)
    assert (row["project"], row["number"], row["right"], row["passed"]) == ("work", 1, 6, False)
    assert [sorted(each["ranks"].values()) for each in row["answers"]] == [[1, 2, 3, 4]] * 2
    keys = {str(key) for key in project.prompts.values_list("completions", flat=True)}
    assert not keys & {name for each in row["answers"] for name in each["ranks"]}


def test_whoever_left_and_joins_again_has_the_attempts_that_were_left(project: Project, labeler: User) -> None:
    attempt(project, labeler, False, False)
    Membership.objects.filter(user=labeler).delete()
    Membership.objects.create(project=project, user=labeler, role=Role.LABELER)
    assert standing.standing_of(project, Membership.objects.get(user=labeler)).left == 1
    assert attempts.begin(project, labeler).number == 2
    assert timezone.now() > QualificationAttempt.objects.latest("pk").started_at
