from __future__ import annotations

import pytest
from django.urls import reverse

from labeling.models import Project, Role
from tests.factories import join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user, errors_of

pytestmark = pytest.mark.django_db
PROJECTS = "/api/v1/projects/"


def test_a_made_project_reads_back_as_it_was_sent() -> None:
    client = as_user(make_user(superuser=True))
    sent = {
        "slug": "helpful",
        "name": "Helpful",
        "kind": "ranking",
        "guidelines": "Prefer the truth.",
        "flags": [{"name": "hateful", "label": "Hateful"}],
        "ask_strength": True,
        "ask_acceptable": True,
        "ask_reasons": [{"name": "correct", "label": "More correct"}],
        "justification": "optional",
        "attributes": [
            {"name": "helpful", "label": "Helpful", "scale": 7, "low": "not", "high": "very"},
            {"name": "kinder", "label": "Kinder", "kind": "comparison"},
        ],
        "ask_rewrite": "optional",
        "top_k": 3,
        "overlap": 2,
        "extra_percent": 20,
        "extra_overlap": 5,
        "lease_minutes": 30,
        "daily_limit": 200,
        "review_percent": 5,
        "champion_percent": 80,
        "gold_percent": 7,
        "repeat_percent": 2,
        "repeat_after": 30,
        "repeat_minutes": 120,
        "gold_warn": 70,
        "gold_pause": 65,
        "gold_stop": 50,
        "repeat_warn": 60,
        "repeat_pause": 40,
        "repeat_stop": 30,
        "check_fewest": 15,
        "qualify_items": 0,
        "qualify_percent": 80,
        "qualify_attempts": 2,
        "qualify_wait_hours": 24,
        "search_language": "german",
    }
    made = client.post(PROJECTS, sent)
    assert made.status_code == 201
    read = client.get(reverse("labeling_api:project", args=["helpful"])).json()
    assert (
        read
        == made.json()
        == sent
        | {
            "created_at": read["created_at"],
            "paused_at": None,
            "pause_reason": "",
        }
    )


def test_its_maker_becomes_its_manager() -> None:
    admin = make_user(superuser=True)
    as_user(admin).post(PROJECTS, {"slug": "helpful", "name": "Helpful"})
    assert Project.objects.get().memberships.get().user == admin
    assert Project.objects.get().memberships.get().role == Role.MANAGER


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"slug": "taken"}, 409, ("slug_taken", "slug")),
        ({"slug": "no spaces"}, 400, ("invalid", "slug")),
        ({"slug": ""}, 400, ("blank", "slug")),
        ({"overlap": 0}, 400, ("min_value", "overlap")),
        ({"overlap": "many"}, 400, ("invalid", "overlap")),
        ({"lease_minutes": 10**6}, 400, ("max_value", "lease_minutes")),
        ({"flags": [{"name": "Not A Name"}]}, 400, ("invalid", "flags.0.name")),
        ({"name": "\0"}, 400, ("unstorable", "name")),
    ],
)
def test_a_wrong_project_is_refused_by_field(changes: dict[str, object], status: int, error: tuple[str, str]) -> None:
    make_project(slug="taken")
    response = as_user(make_user(superuser=True)).post(PROJECTS, {"slug": "new", "name": "New", **changes})
    assert (response.status_code, errors_of(response)) == (status, [error])
    assert Project.objects.count() == 1


def test_a_change_leaves_what_it_does_not_name() -> None:
    manager = make_user()
    project = make_project(manager=manager, slug="helpful", overlap=3)
    response = as_user(manager).patch(reverse("labeling_api:project", args=["helpful"]), {"name": "Kind"})
    assert response.json()["name"] == "Kind"
    project.refresh_from_db()
    assert (project.name, project.overlap, project.slug) == ("Kind", 3, "helpful")


def test_it_says_what_a_change_does_before_it_is_made() -> None:
    manager = make_user()
    project = make_project(manager=manager, slug="helpful")
    make_prompt(project)
    rank(project, manager)
    make_prompt(project)
    client, address = as_user(manager), reverse("labeling_api:project", args=["helpful"])
    said = client.patch(f"{address}?dry_run=true", {"overlap": 3, "flags": [{"name": "rude"}]}).json()
    assert said == {
        "changed": 2, "reopened": 1, "ended": 0, "more": 4, "fewer": 0, "is_all": True, "seconds": None, "rankings": 1,
        "flags_added": [{"name": "rude", "label": "Rude", "answers": 0}], "flags_removed": [],
        "labelers_stopped": 0, "labelers": 0,
    }  # fmt: skip
    assert list(project.prompts.values_list("overlap", flat=True)) == [1, 1]
    assert client.patch(f"{address}?only_new_prompts=true", {"overlap": 2}).json()["overlap"] == 2
    assert list(project.prompts.values_list("overlap", flat=True)) == [1, 1]
    assert client.patch(address, {"overlap": 3}).json()["overlap"] == 3
    assert list(project.prompts.values_list("overlap", flat=True)) == [3, 3]


def test_a_new_project_of_whose_overlap_nothing_is_said_has_shares() -> None:
    made = as_user(make_user(superuser=True)).post(PROJECTS, {"slug": "helpful", "name": "Helpful"}).json()
    assert (made["overlap"], made["extra_percent"], made["extra_overlap"]) == (1, 15, 3)
    made = as_user(make_user(superuser=True)).post(PROJECTS, {"slug": "other", "name": "Other", "overlap": 2}).json()
    assert (made["overlap"], made["extra_percent"]) == (2, 0)


def test_members_come_get_another_role_and_go() -> None:
    manager, ann = make_user(), make_user("ann")
    make_project(manager=manager, slug="helpful")
    client, members = as_user(manager), reverse("labeling_api:members", args=["helpful"])
    administrator = as_user(make_user(superuser=True))
    assert administrator.post(members, {"username": "ann", "role": "labeler"}).json()["role"] == "labeler"
    assert client.post(members, {"username": "ann", "role": "reviewer"}).json()["role"] == "reviewer"
    assert [row["role"] for row in client.get(members).json()["results"]] == ["manager", "reviewer"]
    assert client.delete(reverse("labeling_api:member", args=["helpful", "ann"])).status_code == 204
    assert not ann.memberships.exists()


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"username": "nobody", "role": "labeler"}, ("not_a_member", "username")),
        ({"username": "ann", "role": "king"}, ("invalid_choice", "role")),
        ({"role": "labeler"}, ("required", "username")),
    ],
)
def test_a_wrong_member_is_refused_by_field(body: dict[str, str], error: tuple[str, str]) -> None:
    manager = make_user()
    make_user("ann")
    make_project(manager=manager, slug="helpful")
    response = as_user(manager).post(reverse("labeling_api:members", args=["helpful"]), body)
    assert (response.status_code, errors_of(response)) == (400, [error])


def test_the_last_manager_stays() -> None:
    manager = make_user("ann")
    make_project(manager=manager, slug="helpful")
    response = as_user(manager).delete(reverse("labeling_api:member", args=["helpful", "ann"]))
    assert (response.status_code, errors_of(response)[0][0]) == (400, "last_manager")
    assert manager.memberships.exists()


def test_lists_come_in_pages_that_follow_each_other() -> None:
    manager = make_user()
    project = make_project(manager=manager, slug="helpful")
    names = [manager.username, *(join(project).username for _ in range(4))]
    client, url, seen = as_user(manager), reverse("labeling_api:members", args=["helpful"]) + "?page_size=2", []
    while url:
        page = client.get(url).json()
        assert len(page["results"]) <= 2
        seen += [row["username"] for row in page["results"]]
        url = page["next"]
    assert seen == names


def test_a_cursor_that_is_none_is_a_404() -> None:
    response = as_user(make_user()).get(PROJECTS + "?cursor=nonsense")
    assert (response.status_code, errors_of(response)) == (404, [("not_found", "cursor")])
