"""Every address, tried by manager, reviewer, labeler, stranger, nobody and administrator."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.urls import reverse

from labeling.answers import saved_views
from labeling.data.versions import datasets
from labeling.models import BulkAct, Cohort, Import, Project, Role, User
from labeling.people import invitations
from tests.factories import claimed, join, make_project, make_prompt, make_user, rank
from tests.labeling.api.client import as_user

pytestmark = pytest.mark.django_db

EVERYONE_IN = {"manager": 200, "reviewer": 200, "labeler": 200, "stranger": 404, "nobody": 401, "administrator": 200}
REVIEWERS = {**EVERYONE_IN, "labeler": 403}
MANAGERS = {**REVIEWERS, "reviewer": 403}
CREATED = {**MANAGERS, "manager": 201, "administrator": 201}

DOORS = [
    ("get", "project", {}, EVERYONE_IN),
    ("patch", "project", {"name": "New name"}, MANAGERS),
    ("delete", "project", {}, {**MANAGERS, "manager": 400, "administrator": 400}),  # not confirmed
    ("post", "project_pause", {"reason": "We look at the guidelines."}, MANAGERS),
    ("post", "project_resume", {}, MANAGERS),
    ("get", "members", {}, MANAGERS),
    ("post", "members", {"username": "newcomer", "role": "labeler"}, {**CREATED, "manager": 400}),  # invited, not added
    ("post", "members", {"username": "colleague", "role": "reviewer"}, CREATED),
    ("get", "people", {}, MANAGERS),
    ("get", "invitations", {}, MANAGERS),
    ("post", "invitation_links", {"people": ["Ada"], "role": "labeler"}, MANAGERS),
    ("post", "invitations", {"username": "newcomer", "role": "labeler"}, CREATED),
    ("post", "prompts", {"id": "x", "prompt": "?", "completions": [{"text": "a"}, {"text": "b"}]}, MANAGERS),
    ("get", "prompts", {}, REVIEWERS),
    ("get", "imports", {}, MANAGERS),
    ("post", "imports", {"id": "y"}, {**MANAGERS, "manager": 202, "administrator": 202}),
    ("post", "prompts_withdraw", {"ids": ["p2"]}, MANAGERS),
    ("get", "bulk_acts", {}, MANAGERS),
    ("post", "bulk_acts", {"act": "tag", "tag": "x", "all": True}, MANAGERS),
    ("get", "cohorts", {}, MANAGERS),
    ("post", "cohorts", {"name": "German"}, {**CREATED, "administrator": 409}),  # the manager's is there
    ("get", "views", {}, REVIEWERS),
    ("post", "views", {"of": "prompts", "name": "Mine", "filters": {"split": "test"}}, REVIEWERS),
    ("post", "prompts_restore", {"ids": ["p2"]}, MANAGERS),
    ("post", "assignment_next", {}, EVERYONE_IN),
    ("get", "rankings", {}, EVERYONE_IN),
    ("get", "pairs", {}, EVERYONE_IN),
    ("get", "reviews", {}, REVIEWERS),
    ("post", "reviews", {"prompt": "p0"}, REVIEWERS),
    ("get", "reviewers", {}, REVIEWERS),
    ("put", "reviewers", {"reviewers": []}, MANAGERS),
    ("get", "agreement", {}, REVIEWERS),
    ("get", "export", {}, MANAGERS),
    ("get", "datasets", {}, REVIEWERS),
    ("post", "datasets", {}, {**CREATED, "administrator": 200}),  # the manager's, since when nothing is new
]


@dataclass
class Cast:
    project: Project
    people: dict[str, User | None]


@pytest.fixture
def cast() -> Cast:
    manager = make_user("manager")
    project = make_project(manager=manager, slug="helpful", overlap=9)
    for number in range(3):
        make_prompt(project, split="train", external_id=f"p{number}")
    make_user("newcomer")
    people = {
        "manager": manager,
        "reviewer": join(project, Role.REVIEWER),
        "labeler": join(project),
        "stranger": make_project(slug="elsewhere").created_by,
        "nobody": None,
        "administrator": make_user(superuser=True),
    }
    join(project, username="colleague")
    rank(project, manager)
    return Cast(project, people)


@pytest.mark.parametrize(
    ("verb", "name", "body", "expected"),
    DOORS,
    ids=[f"{verb} {name} {body.get('username', '')}" for verb, name, body, _ in DOORS],
)
def test_each_door_opens_for_whom_it_is_meant(
    cast: Cast, verb: str, name: str, body: dict[str, object], expected: dict[str, int]
) -> None:
    url = reverse(f"labeling_api:{name}", args=["helpful"])
    answers = {who: getattr(as_user(user), verb)(url, body).status_code for who, user in cast.people.items()}
    assert answers == expected


def test_the_list_holds_only_projects_that_one_is_in(cast: Cast) -> None:
    def listed(who: str) -> list[str]:
        response = as_user(cast.people[who]).get(reverse("labeling_api:projects"))
        return [project["slug"] for project in response.json()["results"]]

    assert listed("labeler") == ["helpful"]
    assert listed("stranger") == ["elsewhere"]
    assert listed("administrator") == ["helpful", "elsewhere"]
    assert as_user(None).get(reverse("labeling_api:projects")).status_code == 401


def test_projects_are_made_by_administrators_and_by_managers_of_another(cast: Cast) -> None:
    def make(who: str) -> int:
        body = {"slug": f"by-{who}", "name": "Mine"}
        return int(as_user(cast.people[who]).post(reverse("labeling_api:projects"), body).status_code)

    assert {who: make(who) for who in cast.people} == {
        "manager": 201, "reviewer": 403, "labeler": 403, "stranger": 201, "nobody": 401, "administrator": 201,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        ("post", "ranking"),
        ("put", "ranking"),
        ("post", "undo"),
        ("post", "skip"),
        ("delete", "skip"),
        ("post", "release"),
        ("get", "draft"),
        ("put", "draft"),
    ],
)
def test_an_assignment_is_nobody_elses(cast: Cast, verb: str, name: str) -> None:
    assignment = rank(cast.project, join(cast.project)).assignment
    url = reverse(f"labeling_api:assignment_{name}", args=[assignment.pk])
    answers = {who: getattr(as_user(user), verb)(url, {}).status_code for who, user in cast.people.items()}
    assert answers == {**dict.fromkeys(cast.people, 404), "nobody": 401}


@pytest.mark.parametrize(("verb", "given"), [("patch", 200), ("delete", 204)])
def test_a_view_is_changed_by_whoever_saved_it(cast: Cast, verb: str, given: int) -> None:
    answers = {}
    for who, user in cast.people.items():
        view = saved_views.save(
            cast.project, cast.project.created_by, "prompts", name="Hers", filters={"split": "test"}, is_shared=True
        )
        answers[who] = getattr(as_user(user), verb)(reverse("labeling_api:view", args=["helpful", view.pk])).status_code
    assert answers == {**dict.fromkeys(cast.people, 404), "manager": given, "labeler": 403, "nobody": 401}


@pytest.mark.parametrize(("verb", "name"), [("get", "bulk_act"), ("post", "bulk_act_cancel")])
def test_an_act_on_many_prompts_is_for_managers(cast: Cast, verb: str, name: str) -> None:
    url = reverse(f"labeling_api:{name}", args=["helpful", 1])
    answers = {}
    for who, user in cast.people.items():
        BulkAct.objects.all().delete()
        BulkAct.objects.create(project=cast.project, number=1, act="tag", value="x")
        answers[who] = getattr(as_user(user), verb)(url).status_code
    assert answers == MANAGERS


@pytest.mark.parametrize(("verb", "given"), [("get", 200), ("patch", 200), ("delete", 204)])
def test_a_cohort_is_for_managers(cast: Cast, verb: str, given: int) -> None:
    answers = {}
    for who, user in cast.people.items():
        Cohort.objects.all().delete()
        cohort = Cohort.objects.create(project=cast.project, name="German")
        url = reverse("labeling_api:cohort", args=["helpful", cohort.pk])
        answers[who] = getattr(as_user(user), verb)(url).status_code
    assert answers == {**MANAGERS, "manager": given, "administrator": given}


@pytest.mark.parametrize(
    ("verb", "name", "status"),
    [
        ("get", "import", 200), ("post", "import_pause", 200), ("post", "import_resume", 200),
        ("post", "import_cancel", 409), ("post", "import_undo", 409), ("get", "import_bad_lines", 409),
    ],
)  # fmt: skip
def test_an_import_is_for_managers(cast: Cast, verb: str, name: str, status: int) -> None:
    state = "draft" if status == 409 else "queued"
    Import.objects.create(project=cast.project, number=1, size=1, sha256="", state=state, upload="gone")
    url = reverse(f"labeling_api:{name}", args=["helpful", 1])
    answers = {who: getattr(as_user(user), verb)(url).status_code for who, user in cast.people.items()}
    assert answers == {**MANAGERS, "manager": status, "administrator": status}


def test_a_frozen_version_is_for_reviewers(cast: Cast) -> None:
    version = datasets.freeze(cast.project)
    url = reverse("labeling_api:dataset", args=["helpful", version.number])
    assert {who: as_user(user).get(url).status_code for who, user in cast.people.items()} == REVIEWERS


def test_a_frozen_versions_note_is_written_by_managers(cast: Cast) -> None:
    url = reverse("labeling_api:dataset", args=["helpful", datasets.freeze(cast.project).number])
    answers = {who: as_user(user).patch(url, {"note": who}).status_code for who, user in cast.people.items()}
    assert answers == MANAGERS


def test_a_prompt_is_for_reviewers(cast: Cast) -> None:
    url = reverse("labeling_api:prompt", args=["helpful", "p0"])
    assert {who: as_user(user).get(url).status_code for who, user in cast.people.items()} == REVIEWERS


def test_a_frozen_versions_folder_is_for_managers(cast: Cast) -> None:
    version = datasets.freeze(cast.project)
    url = reverse("labeling_api:dataset_folder", args=["helpful", version.number])
    assert {who: as_user(user).get(url).status_code for who, user in cast.people.items()} == MANAGERS


def test_a_member_is_removed_by_a_manager(cast: Cast) -> None:
    def remove(who: str) -> int:
        url = reverse("labeling_api:member", args=["helpful", join(cast.project).username])
        return int(as_user(cast.people[who]).delete(url).status_code)

    expected = {**MANAGERS, "manager": 204, "administrator": 204}
    assert {who: remove(who) for who in cast.people} == expected


def test_an_invitation_is_withdrawn_by_a_manager(cast: Cast) -> None:
    manager = cast.people["manager"]
    assert manager is not None

    def withdraw(who: str) -> int:
        invitation = invitations.ask(cast.project, by=manager, username="newcomer", role="labeler")
        url = reverse("labeling_api:invitation", args=["helpful", invitation.pk])
        return int(as_user(cast.people[who]).delete(url).status_code)

    expected = {**MANAGERS, "manager": 204, "administrator": 204}
    assert {who: withdraw(who) for who in cast.people} == expected


def test_a_member_who_was_removed_loses_their_assignment(cast: Cast) -> None:
    labeler = cast.people["labeler"]
    assert labeler is not None
    assignment = claimed(cast.project, labeler)
    cast.project.memberships.filter(user=labeler).delete()
    url = reverse("labeling_api:assignment_release", args=[assignment.pk])
    assert as_user(labeler).post(url).status_code == 404
