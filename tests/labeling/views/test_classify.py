"""The page on which texts are classified, without a script, and what the history says of it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from labeling.models import Assignment, Project, Ranking, User
from tests import factories

pytestmark = pytest.mark.django_db

FLAGS = [{"name": "hateful", "label": "Hateful"}, {"name": "insult", "label": "Insults a person"}]


@pytest.fixture
def project() -> Project:
    project = factories.make_project(slug="work", kind=Project.Kind.CLASSIFICATION, flags=FLAGS)
    for text in ("The first text.", "The second text."):
        factories.make_prompt(project, question="", texts=[text])
    return project


@pytest.fixture
def labeler(project: Project) -> User:
    return factories.join(project)


@pytest.fixture
def client(labeler: User) -> Client:
    client = Client()
    client.force_login(labeler)
    return client


def page(client: Client, name: str, *args: object) -> str:
    return " ".join(client.get(reverse(name, args=["work", *args])).content.decode().split())


def send(client: Client, **answers: str) -> tuple[int, str]:
    """The page's form with these answers, by the flag's name."""
    client.get(reverse("rank", args=["work"]))
    assignment = Assignment.objects.filter(state="claimed").order_by("pk")[0]
    [pk] = factories.ids_of(assignment)
    fields = {f"flag-{pk}-{name}": answer for name, answer in answers.items()}
    answer = client.post(reverse("rank", args=["work"]), {"assignment": assignment.pk, **fields}, follow=True)
    return answer.status_code, " ".join(answer.content.decode().split())


def test_one_text_is_asked_about_and_not_ranked(client: Client) -> None:
    text = page(client, "rank")
    assert "The first text." in text
    assert text.count('value="1" required') == text.count('value="0" required') == 2
    assert "checked" not in text
    assert 'class="slot' not in text
    assert "board__prompt" not in text
    assert "Can&#x27;t be judged" in text


def test_yes_and_no_are_stored_and_the_next_text_comes(client: Client) -> None:
    status, text = send(client, hateful="0", insult="1")
    assert status == 200
    assert "Saved." in text
    assert "The second text." in text
    [place] = Ranking.objects.get().ranked.all()
    assert (place.rank, place.flags) == (1, {"hateful": False, "insult": True})


def test_a_question_without_an_answer_is_named_and_the_others_are_kept(client: Client) -> None:
    status, text = send(client, hateful="0")
    assert status == 422
    assert "Not answered yet: Insults a person." in text
    assert 'value="0" required checked' in text
    assert not Ranking.objects.exists()


def test_what_is_neither_yes_nor_no_is_no_answer(client: Client) -> None:
    assert send(client, hateful="maybe", insult="1")[0] == 422


def test_no_survives_a_draft_an_undo_and_a_change_in_the_history(client: Client, labeler: User) -> None:
    client.get(reverse("rank", args=["work"]))
    assignment = Assignment.objects.get()
    [pk] = factories.ids_of(assignment)
    client.post(reverse("rank_draft", args=["work", assignment.pk]), {f"flag-{pk}-insult": "0"})
    assert page(client, "rank").count('value="0" required checked') == 1
    send(client, hateful="0", insult="0")
    client.post(reverse("rank_undo", args=["work", assignment.pk]))
    assert page(client, "rank").count('value="0" required checked') == 2
    send(client, hateful="0", insult="1")
    assert "Hateful: no" in page(client, "history")
    assert "Insults a person: yes" in page(client, "history")
    edit = reverse("history_edit", args=["work", assignment.pk])
    answer = client.post(edit, {"assignment": assignment.pk, f"flag-{pk}-hateful": "1", f"flag-{pk}-insult": "1"})
    assert answer.status_code == 302
    text = page(client, "history")
    assert "Hateful: yes" in text
    assert "Saved as revision" in text


def test_several_texts_are_ranked_and_asked_about(project: Project, client: Client, labeler: User) -> None:
    project.prompts.all().delete()
    factories.make_prompt(project, k=2)
    text = page(client, "rank")
    assert text.count('name="rank-') == 4
    assert text.count('name="flag-') == 8
    assignment = Assignment.objects.get()
    one, two = factories.ids_of(assignment)
    ranks = {"assignment": assignment.pk, f"rank-{one}": 1, f"rank-{two}": 2}
    answer = client.post(reverse("rank", args=["work"]), ranks)
    assert "A Hateful, A Insults a person, B Hateful" in answer.content.decode()
    flags = {f"flag-{pk}-{flag['name']}": "0" for pk in (one, two) for flag in FLAGS}
    answer = client.post(reverse("rank", args=["work"]), ranks | flags, follow=True)
    assert "Saved. 1 pair." in answer.content.decode()


def test_managers_see_the_text_where_there_is_no_prompt(project: Project, client: Client) -> None:
    client.force_login(project.created_by)  # type: ignore[arg-type]
    assert "The first text." in page(client, "prompts")
    text = page(client, "prompt", project.prompts.order_by("pk")[0].pk)
    assert "The first text." in text
    assert 'aria-label="Dialogue"' not in text


def test_nothing_leads_to_the_practice_which_is_about_ranking(client: Client) -> None:
    for name in ("rank", "guidelines"):
        assert reverse("practice", args=["work"]) not in page(client, name)
    assert "answer as you understand the questions" in page(client, "guidelines")


def test_one_text_has_nothing_to_be_compared_with(client: Client) -> None:
    page(client, "rank")
    address = reverse("rank_compare", args=["work", Assignment.objects.get().pk])
    assert [client.get(address + query).status_code for query in ("", "?one=B&two=A")] == [404, 404]


def test_the_home_page_speaks_of_texts_and_labels(client: Client) -> None:
    send(client, hateful="1", insult="0")
    text = " ".join(client.get("/").content.decode().split())
    assert "1 of 2 texts labeled · you labeled 1 · your role: Labeler" in text
    assert 'aria-label="Texts labeled in Work"' in text
    assert 'aria-label="Label in Work"> Label </a>' in text
    assert "ranked" not in text
