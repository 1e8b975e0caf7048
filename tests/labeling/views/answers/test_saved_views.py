"""Views of a list: kept under a name, found again, shared, renamed, deleted, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from labeling.answers import saved_views
from labeling.errors import Conflict, Invalid
from labeling.models import Project, Role, SavedView, User
from tests.factories import join, make_project, make_prompt, make_user
from tests.labeling.views.test_doors import as_user
from tests.threads import at_once

pytestmark = pytest.mark.django_db
PROMPTS, VIEWS = "/p/work/prompts/", "/p/work/views/"


@pytest.fixture
def project() -> Project:
    project = make_project(manager=make_user("mara"), slug="work", flags=[{"name": "odd", "label": "Odd"}])
    for number, split in enumerate(("train", "train", "test")):
        make_prompt(project, question=f"Question {number}?", split=split)
    return project


@pytest.fixture
def mara(project: Project) -> Client:
    return as_user(project.created_by)


def shown(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def keep(client: Client, name: str, query: str, of: str = "prompts", **more: str) -> Any:
    return client.post(VIEWS, {"of": of, "name": name, "query": query, **more}, follow=True)


def test_what_narrows_a_list_is_kept_and_found_again(project: Project, mara: Client) -> None:
    assert "Save this view" not in shown(mara, PROMPTS)
    assert "Save this view" in shown(mara, f"{PROMPTS}?split=test&order=newest")
    kept = keep(mara, "  To  check ", "split=test&order=newest&page=3&go=7&after=5&nonsense=1")
    assert kept.redirect_chain == [(f"{PROMPTS}?order=newest&split=test", 302)]
    html = kept.content.decode()
    assert "Kept as “To check”." in html
    assert "Change this view" in html
    assert "Question 2?" in html
    assert "Question 1?" not in html
    assert '<a href="?order=newest&amp;split=test">' in shown(mara, PROMPTS)
    assert "To check" not in shown(mara, "/p/work/rankings/")
    keep(mara, "To check", "split=train")
    assert [view.filters for view in SavedView.objects.all()] == [{"split": "train"}]


def test_a_view_is_ones_own_until_it_is_shared(project: Project, mara: Client) -> None:
    rita = as_user(join(project, Role.REVIEWER, "rita"))
    keep(mara, "Mine", "words=some", of="rankings")
    [view] = SavedView.objects.all()
    assert "Mine" not in shown(rita, "/p/work/rankings/")
    for act, seen in (("share", True), ("keep", False), ("share", True)):
        mara.post(f"{VIEWS}{view.pk}/", {"act": act})
        assert ("Mine" in shown(rita, "/p/work/rankings/")) == seen
    shared = shown(rita, "/p/work/rankings/?words=some")
    assert "Change this view" not in shared
    assert "mara" in shared
    for act in ("share", "keep", "rename", "delete"):
        assert rita.post(f"{VIEWS}{view.pk}/", {"act": act, "name": "Hers"}).status_code == 404
    assert SavedView.objects.get().name == "Mine"


def test_ones_own_stand_before_however_many_others_share(
    project: Project, mara: Client, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "MOST_SHOWN", 3)
    rita, owner = join(project, Role.REVIEWER, "rita"), project.created_by
    assert isinstance(owner, User)
    for name in ("a", "B", "c", "d"):
        saved_views.save(project, rita, "prompts", name=name, filters={"split": "test"}, is_shared=True)
    keep(mara, "z", "split=test")
    with django_assert_num_queries(1):
        found = [(view.name, view.owner.username) for view in saved_views.views_of(project, owner, "prompts")]
    assert found == [("z", "mara"), ("a", "rita"), ("B", "rita")]


def test_it_is_renamed_and_deleted(project: Project, mara: Client) -> None:
    for name in ("One", "Two"):
        keep(mara, name, "split=test")
    one = SavedView.objects.get(name="One")
    taken = mara.post(f"{VIEWS}{one.pk}/", {"act": "rename", "name": "Two"}, follow=True)
    assert "You have a view “Two” of this list already" in taken.content.decode()
    mara.post(f"{VIEWS}{one.pk}/", {"act": "rename", "name": "Three"})
    assert sorted(SavedView.objects.values_list("name", flat=True)) == ["Three", "Two"]
    gone = mara.post(f"{VIEWS}{one.pk}/", {"act": "delete"}, follow=True)
    assert "“Three” is deleted." in gone.content.decode()
    assert mara.post(f"{VIEWS}{one.pk}/", {"act": "delete"}).status_code == 404


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("", "split=test", "A view&#x27;s name has 1 to 60 letters"),
        ("x" * 61, "split=test", "A view&#x27;s name has 1 to 60 letters"),
        ("a\u202eb", "split=test", "A view&#x27;s name has 1 to 60 letters"),
        ("Long", f"q={'x' * 4001}", "has 4001 letters; at most 4000 are kept"),
        ("Nothing", "", "narrowed by nothing"),
        ("Long", f"q={'x' * 300_000}", "has 300000 letters; at most 4000 are kept"),
        ("Nothing", "tag=a%00b", "narrowed by nothing"),
        ("Nothing", "page=3&nonsense=1", "narrowed by nothing"),
    ],
)
def test_what_can_t_be_kept_is_told(mara: Client, project: Project, name: str, query: str, said: str) -> None:
    assert said in keep(mara, name, query).content.decode()
    assert not SavedView.objects.exists()


def test_a_filter_that_has_gone_away_is_told_when_the_view_is_opened(project: Project, mara: Client) -> None:
    keep(mara, "Old", "flag=rude&labeler=gone&tag=gone&from_day=yesterday")
    [view] = SavedView.objects.all()
    opened = mara.get(f"{PROMPTS}?{view.query}")
    assert opened.status_code == 200
    html = opened.content.decode()
    assert "rude is not one of the available choices" in html
    assert "None of these fit." in html


def test_there_are_so_many_and_two_at_once_are_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    mara = project.created_by
    assert isinstance(mara, User)
    monkeypatch.setattr(saved_views, "MOST", 2)
    for name in ("One", "Two", "Two"):
        saved_views.save(project, mara, "prompts", name=name, filters={"split": "test"})
    with pytest.raises(Conflict, match="2 views"):
        saved_views.save(project, mara, "prompts", name="Three", filters={"split": "test"})
    saved_views.save(project, mara, "rankings", name="Three", filters={"words": "some"})
    with pytest.raises(Invalid, match="narrowed by nothing"):
        saved_views.save(project, mara, "prompts", name="Two", filters={"split": ""})


@pytest.mark.django_db(transaction=True)
def test_saving_twice_at_once_keeps_one(project: Project) -> None:
    mara = project.created_by
    assert isinstance(mara, User)
    at_once([lambda: saved_views.save(project, mara, "prompts", name="Same", filters={"split": "test"})] * 4)
    assert SavedView.objects.count() == 1
