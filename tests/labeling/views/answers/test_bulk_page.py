"""The page that changes all prompts of a list, and the addresses of the API that do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from labeling.data.bulk import bulk_jobs, bulk_worker
from labeling.data.leaving import erasure_worker, erasures
from labeling.models import BulkAct, Project, Prompt, Role
from tests import factories
from tests.labeling.api.client import as_user as as_api_user
from tests.labeling.views.test_prompts import as_user, words

PAGE = "/p/work/prompts/bulk/"
API = "/api/v1/projects/work/bulk-acts/"


@pytest.fixture
def project(db: None) -> Project:
    project = factories.make_project(slug="work", manager=factories.make_user("mara"))
    for n in range(4):
        factories.make_prompt(project, external_id=f"row-{n}", split="train" if n % 2 else "test")
    return project


@pytest.fixture
def manager(project: Project) -> Client:
    return as_user(project.created_by)


def tagged(project: Project, tag: str) -> list[str]:
    return list(project.prompts.filter(tags__contains=[tag]).order_by("pk").values_list("external_id", flat=True))


def confirmed(answer: Any) -> dict[str, str]:
    return {**dict(answer.context["again"]), "step": "do"}


def test_it_is_said_first_and_done_then(project: Project, manager: Client) -> None:
    assert f'href="{PAGE}?split=train"' in manager.get("/p/work/prompts/?split=train&order=newest").content.decode()
    assert "Split: Train" in words(manager.get(f"{PAGE}?split=train"))
    look = manager.post(f"{PAGE}?split=train", {"act": "tag", "tag": " to   check ", "priority": "x"})
    assert "2 prompts would be changed" in words(look)
    assert tagged(project, "to check") == []
    done = manager.post(f"{PAGE}?split=train", confirmed(look), follow=True)
    assert done.redirect_chain == [("/p/work/prompts/?split=train", 302)]
    assert "Add the tag “to check”: 2 prompts changed." in words(done)
    assert tagged(project, "to check") == ["row-1", "row-3"]
    assert "No prompt would be changed" in words(
        manager.post(f"{PAGE}?tag=to+check", {"act": "tag", "tag": "to check"})
    )


def test_more_than_a_thousand_are_a_workers_and_a_page_says_how_far_it_is(
    project: Project, manager: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 3)
    look = manager.post(PAGE, {"act": "hold", "reason": "a <b>licence</b>"})
    assert "A worker does it" in words(look)
    page = manager.post(PAGE, confirmed(look), follow=True)
    assert page.redirect_chain == [(f"{PAGE}1/", 302)]
    assert "hx-get" in page.content.decode()
    assert "queued" in words(page)
    bulk_worker.work_all()
    page = manager.get(f"{PAGE}1/")
    assert "hx-get" not in page.content.decode()
    assert ("Hold: a <b>licence</b>" in words(page), "4 Prompts changed" in words(page)) == (True, False)
    assert "Prompts changed 4" in words(page)
    held = words(manager.get("/p/work/prompts/?state=held"))
    assert (held.count("on hold"), held.count("can't be ranked")) == (4, 0)
    prompt = project.prompts.earliest("pk")
    assert "Held" in words(manager.get(f"/p/work/prompts/{prompt.pk}/"))
    assert "4 prompts changed" in words(manager.get(PAGE))


def test_one_that_waits_is_cancelled_and_one_that_ended_is_not(
    project: Project, manager: Client, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 3)
    manager.post(PAGE, {"act": "tag", "tag": "x", "step": "do"})
    assert "cancelled" in words(manager.post(f"{PAGE}1/", follow=True))
    assert "has ended already" in words(manager.post(f"{PAGE}1/", follow=True))
    bulk_worker.work_all()
    assert tagged(project, "x") == []


@pytest.mark.parametrize(
    ("address", "body", "said"),
    [
        (PAGE, {}, "This field is required"),
        (PAGE, {"act": "tag"}, "A tag has 1 to 50 letters"),
        (PAGE, {"act": "priority", "priority": "10"}, "less than or equal to 9"),
        (PAGE, {"act": "priority", "priority": ""}, "A priority is a whole number from -9"),
        (PAGE, {"act": "hold"}, "Say why in a few words"),
        (PAGE, {"act": "burn", "tag": "x"}, "burn is not one of the available choices"),
        (f"{PAGE}?flag=none", {"act": "tag", "tag": "x"}, "Flag: Select a valid choice"),
        (f"{PAGE}?from_day=x", {"act": "tag", "tag": "x"}, "Enter a valid date"),
        (f"{PAGE}?q=-x", {"act": "tag", "tag": "x"}, "Name at least one word"),
    ],
)
def test_what_can_not_be_read_changes_nothing(
    project: Project, manager: Client, address: str, body: dict[str, str], said: str
) -> None:
    answer = manager.post(address, {**body, "step": "do"})
    assert (answer.status_code, BulkAct.objects.count()) == (422, 0)
    assert said in words(answer)


def test_too_many_that_wait_are_refused_with_a_sentence(project: Project, manager: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 0)
    monkeypatch.setattr(bulk_jobs, "MOST_WAITING", 0)
    answer = manager.post(PAGE, {"act": "tag", "tag": "x", "step": "do"})
    assert answer.status_code == 409
    assert "wait for the first" in words(answer)


def test_only_managers_do_it(project: Project) -> None:
    doors = [factories.join(project, role) for role in (Role.REVIEWER, Role.LABELER)] + [factories.make_user()]
    body = {"act": "tag", "tag": "x", "step": "do"}
    assert [as_user(user).post(PAGE, body).status_code for user in doors] == [403, 403, 404]
    assert [as_api_user(user).post(f"{API}?split=train", body).status_code for user in doors] == [403, 403, 404]
    assert b"prompts/bulk/" not in as_user(doors[0]).get("/p/work/prompts/").content
    assert tagged(project, "x") == []


# --- By API -----------------------------------------------------------------------------------------------------------


def test_the_api_does_the_same(project: Project, monkeypatch: Any) -> None:
    api = as_api_user(project.created_by)
    dry = api.post(f"{API}?split=train&dry_run=1", {"act": "priority", "priority": 3}).json()
    assert (dry["id"], dry["state"], dry["foreseen"]) == (None, None, 2)
    done = api.post(f"{API}?split=train", {"act": "priority", "priority": 3})
    assert (done.status_code, done.json()["changed"], done.json()["filters"]) == (200, 2, {"split": "train"})
    rows = api.get("/api/v1/projects/work/prompts/?split=train").json()["results"]
    assert [(each["priority"], each["on_hold"]) for each in rows] == [(3, False)] * 2
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", 1)
    waits = api.post(API, {"act": "hold", "reason": "why", "all": True})
    assert (waits.status_code, waits.json()["state"]) == (202, "queued")
    assert api.get(f"{API}2/").json()["value"] == "why"
    assert api.post(f"{API}2/cancel/").json()["state"] == "cancelled"
    assert api.post(f"{API}2/cancel/").status_code == 409
    assert [each["id"] for each in api.get(API).json()["results"]] == [2, 1]
    assert [api.get(f"{API}{n}/").status_code for n in (3, 10**18)] == [404, 404]


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [
        ("", {"act": "tag", "tag": "x"}, "nothing_chosen"),
        ("?split=train", {"act": "tag", "tag": "x", "reason": "y"}, "two_values"),
        ("?split=train", {"act": "withdraw", "tag": "x"}, "two_values"),
        ("?split=train", {"act": "tag"}, "bad_tag"),
        ("?split=train", {"act": "hold"}, "reason_required"),
        ("?split=train", {"act": "priority"}, "bad_priority"),
        ("?split=train", {"act": "burn"}, "invalid_choice"),
        ("?split=dev", {"act": "restore"}, "unknown_split"),
        ("?state=lost", {"act": "restore"}, "unknown_state"),
        ("?flag=none", {"act": "restore"}, "unknown_flag"),
        ("?q=-x", {"act": "restore"}, "nothing_asked"),
        ("?since=1", {"act": "restore"}, "unknown_parameter"),
    ],
)
def test_the_api_refuses_by_a_code(project: Project, query: str, body: dict[str, object], code: str) -> None:
    answer = as_api_user(project.created_by).post(API + query, body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, code)
    assert not BulkAct.objects.exists()


# --- Whoever is erased ------------------------------------------------------------------------------------------------


def test_an_erasure_takes_the_name_and_the_reasons(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(bulk_jobs, "AT_ONCE", -1)
    colleague = factories.join(project, Role.MANAGER, "Änne")
    api = as_api_user(colleague)
    api.post(f"{API}?split=train", {"act": "hold", "reason": "I, Änne, say so"})
    bulk_worker.work_all()
    mara = as_api_user(project.created_by)
    mara.post(f"{API}?labeler=Änne", {"act": "withdraw"})
    mara.post(f"{API}?labeler=Änne-Marie&split=test", {"act": "withdraw"})
    erasures.request_erasure(colleague, confirm="Änne", by=factories.make_user(superuser=True))
    erasure_worker.work_all()
    bulk_worker.work_all()
    first, second, third = BulkAct.objects.order_by("pk")
    assert (first.value, first.requested_by_id, first.state) == ("", colleague.pk, "succeeded")
    assert [(each.filters, each.state) for each in (second, third)] == [
        ({}, "cancelled"),
        ({"split": "test"}, "cancelled"),
    ]
    assert not Prompt.objects.filter(held_reason__contains="nne").exists()
    assert not Prompt.objects.exclude(withdrawn_at=None).exists()
    assert as_user(project.created_by).get(PAGE).status_code == 200
