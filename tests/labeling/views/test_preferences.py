"""The preferences' page, and in which language a page speaks: the person's, the visitor's, the browser's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.template import Context, Template
from django.test import Client
from django.utils import timezone, translation

from labeling.models import Ranking, User
from labeling.templatetags.podium import ago, lasted, percent, sentence
from tests import factories

pytestmark = pytest.mark.django_db

FORM = {"language": "", "theme": "", "daily_goal": "", "break_minutes": "50", "single_keys": "on"}


@pytest.fixture
def user() -> User:
    return factories.make_user("lena")


@pytest.fixture
def client(user: User) -> Client:
    return client_of(user)


def client_of(user: User, language: str = "") -> Client:
    client = Client(headers={"accept-language": language} if language else None)
    client.force_login(user)
    return client


def test_the_page_shows_and_keeps_what_is_chosen(client: Client) -> None:
    chosen = {"language": "de", "theme": "dark", "daily_goal": "40", "break_minutes": "25"}
    response = client.post("/preferences/", chosen, follow=True)
    assert response.redirect_chain == [("/preferences/", 302)]
    user = User.objects.get()
    assert (user.language, user.daily_goal, user.break_minutes, user.single_keys) == ("de", 40, 25, False)
    html = response.content.decode()
    assert '<html lang="de" dir="ltr" data-theme="dark">' in html
    assert "Einstellungen gespeichert." in html
    assert 'value="40"' in html
    assert html.count(" checked") == 2


def test_an_empty_goal_is_none(client: Client, user: User) -> None:
    User.objects.update(daily_goal=12)
    client.post("/preferences/", FORM)
    assert User.objects.get().daily_goal is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"daily_goal": "0"}, "A daily goal of 0 can&#x27;t be"),
        ({"daily_goal": "many"}, "Enter a whole number."),
        ({"break_minutes": "1000"}, "A break after 1000 minutes can&#x27;t be"),
        ({"break_minutes": ""}, "This field is required."),
        ({"language": "tlh"}, "tlh is not one of the available choices"),
        ({"theme": "pink"}, "pink is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_nothing_changes(
    client: Client, wrong: dict[str, str], words: str
) -> None:
    response = client.post("/preferences/", {**FORM, "daily_goal": "7", **wrong})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert User.objects.get().daily_goal is None


def test_preferences_are_one_s_own(client: Client, user: User) -> None:
    other = factories.make_user("otto")
    client.post("/preferences/", {**FORM, "daily_goal": "432", "username": "otto", "id": str(other.pk)})
    other.refresh_from_db()
    assert other.daily_goal is None
    assert b"432" not in client_of(other).get("/preferences/").content


def test_nobody_is_sent_to_the_login_page() -> None:
    for response in (
        Client().get("/preferences/"),
        Client().post("/preferences/"),
        Client().post("/preferences/tour/"),
    ):
        assert response.status_code == 302
        assert response["Location"].startswith("/accounts/login/")


def test_the_tour_can_be_seen_again(client: Client) -> None:
    assert b"Show the tour again" not in client.get("/preferences/").content
    User.objects.update(tour_seen_at=timezone.now())
    assert b"Show the tour again" in client.get("/preferences/").content
    assert b"The tour starts the next time you practise." in client.post("/preferences/tour/", follow=True).content
    assert User.objects.get().tour_seen_at is None


def test_a_page_speaks_the_browser_s_language_until_one_is_chosen(user: User) -> None:
    client = client_of(user, "de-AT,de;q=0.9,en;q=0.5")
    response = client.get("/")
    assert response["Content-Language"] == "de"
    assert '<html lang="de" dir="ltr">' in response.content.decode()
    client.post("/language/", {"language": "en", "next": "/preferences/"})
    response = client.get("/")
    assert response["Content-Language"] == "en"
    assert User.objects.get().language == "en"
    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies
    client.post("/preferences/", FORM)
    assert client.get("/")["Content-Language"] == "de"


def test_a_visitor_s_choice_is_kept_in_a_cookie() -> None:
    client = Client()
    response = client.post("/language/", {"language": "de", "next": "/accounts/login/?next=/p/x/"})
    assert response["Location"] == "/accounts/login/?next=/p/x/"
    assert "Benutzername" in client.get("/accounts/login/").content.decode()


def test_the_person_s_choice_goes_before_the_visitor_s(user: User) -> None:
    client = Client()
    client.post("/language/", {"language": "de"})
    client.force_login(user)
    assert client.get("/")["Content-Language"] == "de"
    User.objects.update(language="en")
    assert client.get("/")["Content-Language"] == "en"


def test_following_the_browser_forgets_the_visitor_s_choice(user: User) -> None:
    client = Client()
    client.post("/language/", {"language": "de"})
    client.force_login(user)
    assert "Preferences saved." in client.post("/preferences/", FORM, follow=True).content.decode()


@pytest.mark.parametrize("language", ["", "tlh", "../../etc", "de\n"])
def test_a_language_that_there_is_not_changes_nothing(client: Client, language: str) -> None:
    response = client.post("/language/", {"language": language, "next": "https://elsewhere.example/"})
    assert response["Location"] == "/"
    assert User.objects.get().language == ""
    assert client.get("/")["Content-Language"] == "en"


def test_a_language_that_is_gone_from_the_settings_is_not_missed(user: User) -> None:
    User.objects.update(language="tlh")
    assert client_of(user, "de").get("/")["Content-Language"] == "de"


def test_errors_speak_the_language_too(user: User) -> None:
    User.objects.update(language="de")
    client = client_of(user)
    assert "Unter dieser Adresse gibt es nichts" in client.get("/nowhere/").content.decode()
    project = factories.make_project(slug="work")
    project.memberships.create(user=user, role="labeler")
    html = client.get("/p/work/people/").content.decode()
    assert "Dafür ist die Rolle „Leitung“ nötig; Ihre Rolle hier ist „Bewertung“." in html


def test_the_api_follows_the_request() -> None:
    answers = {
        language: Client(headers={"accept-language": language}).get("/api/v1/projects/").json()["errors"][0]["detail"]
        for language in ("en", "de")
    }
    assert answers == {
        "en": "Authentication credentials were not provided.",
        "de": "Anmeldedaten fehlen.",
    }


def test_times_and_shares_are_written_as_the_language_writes_them() -> None:
    now = timezone.now()
    moments = {"minutes": 3, "hours": 5, "days": 1}
    with translation.override("de"):
        words = [str(ago(now - timedelta(**{unit: n}))) for unit, n in {**moments, "weeks": 1}.items()]
        assert [word.split(">")[1].split("<")[0] for word in words] == [
            "vor 3 Min.",
            "vor 5 Std.",
            "gestern",
            "vor 7 Tagen",
        ]
        assert percent(0.714) == "71\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (7.4, "7 s"), (59, "59 s"), (150, "2\N{NO-BREAK SPACE}minutes")]
)
def test_what_took_less_than_a_minute_is_told_in_seconds(seconds: float, words: str) -> None:
    now = timezone.now()
    assert lasted(now, now + timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Bewertet <time>vor 3 Min.</time>.", "Bewertet <time>vor 3 Min.</time>"),
        ("Bewertet <time>vor 3 Min.</time>", "Bewertet <time>vor 3 Min.</time>"),
        ("Ranked <time>3 min ago</time>.", "Ranked <time>3 min ago</time>."),
        ("Ranked <time>3 min ago</time>", "Ranked <time>3 min ago</time>."),
        ("And so on...", "And so on..."),
    ],
)
def test_a_sentence_ends_with_one_full_stop(words: str, shown: str) -> None:
    assert sentence(words) == shown


def test_a_part_of_a_sentence_may_stand_on_lines_of_its_own() -> None:
    source = "{% load podium %}{% part as who %}\n  <b>{{ name }}</b>\n{% endpart %}By {{ who }}."
    assert Template(source).render(Context({"name": "A & B"})) == "By <b>A &amp; B</b>."


def test_a_ranking_of_this_hour_is_told_with_one_full_stop_in_german() -> None:
    project = factories.make_project()
    factories.make_prompt(project)
    user = factories.join(project)
    ranking = factories.rank(project, user)
    Ranking.objects.filter(pk=ranking.pk).update(created_at=timezone.now() - timedelta(minutes=3))
    page = client_of(user, "de").get(f"/p/{project.slug}/history/{ranking.assignment_id}/")
    assert "vor 3 Min.</time></span>" in page.text
