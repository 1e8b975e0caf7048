"""Every operation of the HTTP API, as its document lists them, with something behind each address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from django.core.files.storage import storages
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from labeling.data.bulk import bulk_jobs
from labeling.data.bulk.bulk_jobs import Foreseen
from labeling.data.versions.datasets import freeze
from labeling.models import (
    Cohort,
    Invitation,
    Membership,
    Project,
    ReviewAct,
    ReviewCase,
    Role,
    SavedView,
    User,
    VersionLink,
)
from tests.factories import claimed, join, make_import, make_project, make_prompt, make_user, rank
from tests.rewardtrain.conftest import make_training, rank_prompts

INVITATION = 10**6  # the id of the open one
PROMPT = "1000000"  # the id in the file of a ranked one
LINK = 10**6  # the id of the one to the first version
PERSON = 10**6  # the id of the account that is removed
VIEW = 10**6  # the id of a view that the manager saved
CASE = 10**6  # the id of the open review
COHORT = 10**6  # the id of the one whose tag no prompt has


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    name: str
    parameters: tuple[str, ...]  # of the query
    takes: tuple[str, ...]  # media types of a body; none where the address says all
    lists: bool

    @property
    def url(self) -> str:
        filled = {"slug": "helpful", "number": "1", "version": "1", "username": "leaver", "id": "{id}"}
        filled |= {"invitation": str(INVITATION), "external_id": PROMPT, "link": str(LINK)}
        filled |= {"person": str(PERSON), "case": str(CASE), "view_id": str(VIEW), "cohort": str(COHORT)}
        path = self.path
        for name, value in filled.items():
            path = path.replace("{" + name + "}", value)
        return path

    def __str__(self) -> str:
        return self.name


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def operations(*methods: str) -> list[Operation]:
    return [operation for operation in _operations() if operation.method in methods or not methods]


def _operations() -> Iterator[Operation]:
    for path, methods in document()["paths"].items():
        for method, said in methods.items():
            parameters = said.get("parameters", [])
            names = tuple(item["name"] for item in parameters if item["in"] == "query")
            takes = tuple(said.get("requestBody", {}).get("content", {}))
            yield Operation(method, path, said["operationId"], names, takes, "cursor" in names)


def furnish() -> dict[str, User | None]:
    """A project 'helpful' in which every address has something behind it, and the people who may try."""
    manager = make_user("manager")
    project: Project = make_project(manager=manager, slug="helpful", overlap=50)
    rank_prompts(project, train=12, test=4, validation=2)
    frozen = freeze(project)
    make_training(project)
    with storages["models"].open(frozen.file) as file:
        storages["models"].save("none", file)  # what the rows of versions that nobody froze name
    make_import(project, "{bad\n")
    bulk_jobs.request(project, "tag", "x", {"split": "test"}, by=manager, foreseen=Foreseen(10**6, True))
    labeler = join(project, Role.LABELER, "labeler")
    leaver = User.objects.create(pk=PERSON, username="leaver")
    Membership.objects.create(project=project, user=leaver, role=Role.LABELER)
    make_prompt(project, external_id=PROMPT)
    for _ in range(29):
        make_prompt(project)
    administrator = make_user("administrator", superuser=True)
    tomorrow = timezone.now() + timedelta(days=1)
    Invitation.objects.create(pk=INVITATION, project=project, created_by=manager, username="guest", expires_at=tomorrow)
    VersionLink.objects.create(pk=LINK, version=frozen, created_by=manager, expires_at=tomorrow)
    SavedView.objects.create(
        pk=VIEW, project=project, owner=manager, of="prompts", name="Test", filters={"split": "test"}
    )
    Cohort.objects.create(pk=COHORT, project=project, name="German", tags=["de"])
    rank(project, labeler)
    for person in (administrator, manager, labeler):
        claimed(project, person)
    asked = {"prompt": project.prompts.earliest("pk"), "reason": ReviewCase.Reason.ASKED}
    case = ReviewCase.objects.create(pk=CASE, project=project, **asked)
    ReviewAct.objects.create(case=case, act=ReviewAct.Act.OPENED, what=case.reason, by=manager)
    return {"administrator": administrator, "manager": manager, "labeler": labeler, "nobody": None}


def assignment_of(user: User | None) -> int:
    return user.assignments.latest("pk").pk if user else 1
