"""Who may see and do what: every address, asked by twelve callers, by page with a session and by API with a token.

An address that stands in no list here fails, so that a new one is thought about. What a labeler is given is looked
through for the words of another one; that it tells nothing of models is in test_blind.py.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from labeling.answers import rankings
from labeling.data.versions import links
from labeling.models import (
    Assignment,
    Project,
    QualificationAnswer,
    QualificationAttempt,
    Role,
    User,
    VersionLink,
)
from labeling.people import deactivation, invitations, members
from tests.doors import NOT_OURS, Door, doors
from tests.every_door import LINK, furnish
from tests.factories import claimed, join, make_project, make_user, tiers_of
from tests.labeling.api.client import as_user
from tests.labeling.quality.practising.test_items import make_item
from tests.probes import Place
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db

NOBODY = ("anonymous", "revoked", "deactivated")  # whoever isn't logged in, or not any more
OUTSIDE = ("stranger", "removed", "other manager")
LABELERS = ("author", "other labeler")
CALLERS = (*NOBODY, *OUTSIDE, *LABELERS, "reviewer", "manager", "administrator")

ALL = set(CALLERS)
LOGGED_IN = ALL - set(NOBODY)
MEMBERS = LOGGED_IN - set(OUTSIDE)
REVIEWERS = MEMBERS - set(LABELERS)
MANAGERS = REVIEWERS - {"reviewer"}
AUTHOR = {"author"}  # whose task the address names
ADMINISTRATORS = {"administrator"}
MAKERS = MANAGERS | {"other manager"}  # of projects

# Names of addresses of pages, and of the API's without their space; `name verb` where a verb is for others.
PAGES: list[tuple[set[str], str]] = [
    (ALL, "schema api-docs invitation language theme version_shared"),
    (LOGGED_IN, "home preferences preferences_tour tour_seen own_data deleted_projects"),
    (LOGGED_IN, "invitation_accept invitation_decline"),  # whose it is not is told so at home
    (MAKERS, "project_create"),
    (ADMINISTRATORS, "styleguide account erase_account data_of_account"),
    (
        MEMBERS,
        "project rank practice practice_compare practice_item history guidelines practice_item_compare qualification",
    ),
    (AUTHOR, "rank_skip rank_cannot rank_ahead rank_draft rank_keep rank_leave rank_undo rank_compare"),
    (AUTHOR, "history_edit history_stays qualification_item qualification_compare"),
    (
        REVIEWERS,
        "prompts prompt rankings review review_case review_act review_decide review_ask prompt_put_back view_save "
        "person_resume person_qualification golds",
    ),
    ({"manager"}, "view_act"),  # whose the view is
    (MANAGERS, "prompts_withdraw prompt_revise prompt_erase imports import_sample import import_act import_bad_lines"),
    (MANAGERS, "prompts_bulk prompts_bulk_act prompt_gold prompt_gold_rank prompt_gold_compare review_reviewers"),
    (MANAGERS, "cohorts cohort cohort_new cohort_delete"),
    (MANAGERS, "people person person_skips person_work invitation_ask invitation_withdraw invitation_renew member_set"),
    (MANAGERS, "member_remove project_settings project_delete project_pause"),
    (MANAGERS, "versions version version_note version_file version_link version_link_revoke version_labelers"),
    (MANAGERS, "version_difference version_difference_lines version_methods version_prompts version_prompt"),
    (MANAGERS, "version_models export export_download export_freeze export_folder"),
    (MANAGERS, "auto_labels auto_label_cancel best_of best_of_job best_of_result best_of_cancel project_machine"),
    (MANAGERS, "playground policy runs run run_cancel models model_rollback model model_report model_download"),
    (MANAGERS, "model_promote models_scoring threshold"),
]
API: list[tuple[set[str], str]] = [
    (LOGGED_IN, "projects, deletions"),
    (MAKERS, "projects post"),
    (ADMINISTRATORS, "one_account, account_deactivate, account_reactivate, erase_account"),
    (MEMBERS, "project get, assignment_next, rankings, pairs"),
    (AUTHOR, "assignment_ranking, assignment_undo, assignment_skip, assignment_release, assignment_draft"),
    (REVIEWERS, "prompts get, prompt get, agreement, datasets get, dataset get"),
    (REVIEWERS, "reviews, review, review_task, review_decide, review_decide_as, review_send_back, review_put_back"),
    (REVIEWERS, "review_discard, review_leave, review_reserve, reviewers get"),
    (MANAGERS, "reviewers"),
    (MANAGERS, "project, project_pause, project_resume, prompts, prompt, prompts_withdraw, prompts_restore"),
    (REVIEWERS, "views"),
    ({"manager"}, "view"),  # whose the view is
    (MANAGERS, "bulk_acts, bulk_act, bulk_act_cancel, cohorts, cohort"),
    (MANAGERS, "members, member, people, person, work_withdraw, work_restore, golds, gold"),
    (REVIEWERS, "person_resume, person_qualification"),
    (MANAGERS, "invitations, invitation, invitation_links, invitation_renew"),
    (MANAGERS, "imports, import, import_pause, import_resume, import_cancel, import_undo, import_bad_lines"),
    (MANAGERS, "export, datasets, dataset, dataset_folder, dataset_file, dataset_links, dataset_link"),
    (MANAGERS, "backbones, runs, run, run_cancel, models, model_report, model_download, model_promote, model_rollback"),
    (MANAGERS, "model_threshold, auto_labels, auto_label_agreement, auto_label_job, auto_label_job_cancel"),
    (MANAGERS, "best_of, best_of_job, best_of_cancel, best_of_result, score, scoring"),
]


# Without which an address finds nothing, whoever asks.
GIVEN = {
    "view_save post": {"of": "prompts", "name": "Mine", "query": "split=test"},
    "view_act post": {"act": "share"},
    "review_act post": {"act": "leave"},
    "version_difference get": {"to": 2},
    "version_difference_lines get": {"to": 2},
}


def may() -> dict[str, set[str]]:
    pages = {name: callers for callers, names in PAGES for name in names.split()}
    pages |= {"prompts post": MANAGERS, "rank post": AUTHOR}
    return pages | {f"api:{name}": callers for callers, names in API for name in names.split(", ")}


SECRETS = (b"zelda", b"quist", b"a hidden opinion", b"a hidden note")  # of the author


@dataclass(frozen=True)
class Caller:
    name: str
    page: Client
    api: APIClient


class Cast:
    def __init__(self) -> None:
        people = furnish()
        self.manager, author = people["manager"], people["labeler"]
        assert self.manager is not None
        assert author is not None
        author.username, author.first_name, author.email = "zelda-quist", "Zelda", "zelda@quist.example"
        author.save()
        self.project = author.memberships.get().project
        self.said = self.answered(author)
        users = {
            "anonymous": None,
            **{name: join(self.project, Role.LABELER, name) for name in ("revoked", "deactivated", "removed")},
            "stranger": make_user("stranger"),
            "other manager": make_project(slug="elsewhere").created_by,
            "author": author,
            "other labeler": join(self.project, Role.LABELER, "other-labeler"),
            "reviewer": join(self.project, Role.REVIEWER, "reviewer"),
            "manager": self.manager,
            "administrator": people["administrator"],
        }
        self.callers = [Caller(name, _page(users[name]), as_user(users[name])) for name in CALLERS]
        self.end(users)
        self.values = self.behind(author)

        self.given = GIVEN | {"rank post": {"assignment": self.values[""]["pk"]}}

    def answered(self, author: User) -> Assignment:
        task = claimed(self.project, author)
        ids = [name for tier in tiers_of(task) for name in tier]
        answer = {"tiers": tiers_of(task), "comment": "A hidden opinion", "notes": {ids[0]: "A hidden note"}}
        rankings.submit(task, answer)
        return task

    def end(self, users: dict[str, User | None]) -> None:
        """Each had a session and a token until now."""
        revoked, deactivated = users["revoked"], users["deactivated"]
        assert revoked is not None
        assert deactivated is not None
        AuthToken.objects.filter(user=revoked).delete()
        next(caller for caller in self.callers if caller.name == "revoked").page.session.flush()
        deactivation.deactivate(deactivated, by=self.manager)
        members.remove_member(self.project, username="removed")

    def behind(self, author: User) -> dict[str, dict[str, object]]:
        """Gives what addresses are made with: in general, and for those with something else behind them."""
        invitation, token = invitations.invite(self.project, by=self.manager, role=Role.LABELER)
        task = claimed(self.project, author)
        attempt_of(self.project, author)
        case = self.project.review_cases.earliest("pk")
        place = Place(as_user(None), Client(), self.project, task, invitation, token, case)
        return {
            "": place.values,
            "history_edit": place.values | {"assignment_id": self.said.pk},
            **dict.fromkeys(("practice_item", "practice_item_compare"), place.values | {"place": 1}),
            **dict.fromkeys(("qualification_item", "qualification_compare"), place.values | {"place": 1, "number": 1}),
            "history_stays": place.values | {"assignment_id": self.said.pk},
            "labeling_api:invitation_renew": place.values | {"invitation": invitation.pk},  # which has a link
            "version_shared": place.values | {"token": links.token_of(VersionLink.objects.get(pk=LINK))},
        }

    def address(self, door: Door) -> str:
        return door.address(self.values.get(door.name, self.values[""]))


def attempt_of(project: Project, person: User) -> None:
    """Gives the project a practice item, and the person an attempt that has it."""
    prompt, now = make_item(project), timezone.now()
    begun = QualificationAttempt.objects.create(
        project=project, labeler=person, number=1, percent=70, seed=1, started_at=now
    )
    QualificationAnswer.objects.create(attempt=begun, prompt=prompt, place=1)


def _page(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    logging.disable(logging.CRITICAL)  # thousands of refusals
    with models_in(tmp_path / "models"):
        yield Cast()
    logging.disable(logging.NOTSET)


@dataclass(frozen=True)
class Answer:
    status: int
    to: str
    body: bytes

    @property
    def refuses(self) -> bool:
        return self.status in (401, 403, 404) or (self.status == 302 and "/accounts/login/" in self.to)


def ask(client: Client, verb: str, url: str, given: dict[str, object] | None = None) -> Answer:
    """Nothing that it does stays."""
    with transaction.atomic():
        answer: Any = getattr(client, verb)(url, given)
        body = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return Answer(answer.status_code, answer.get("Location", ""), body)


def everything(cast: Cast) -> Iterator[tuple[Door, str, dict[str, Answer]]]:
    """Each address and verb that there is, with what each caller is answered: the API by token, pages by session."""
    for door in doors():
        if door.name.startswith(NOT_OURS):
            continue
        for verb in door.verbs:
            given = cast.given.get(f"{door.name} {verb}")
            answers = {
                caller.name: ask(caller.api if ":" in door.name else caller.page, verb, cast.address(door), given)
                for caller in cast.callers
            }
            if {answer.status for answer in answers.values()} != {405}:
                yield door, verb, answers


def name_of(door: Door) -> str:
    *space, name = door.name.split(":")
    return f"api:{name}" if space else name


def test_every_address_opens_for_whom_it_is_for_and_tells_nobody_else_what_somebody_said(cast: Cast) -> None:
    """Of what the author said reviewers learn, and nobody else who isn't the author."""
    for_whom, wrong, told, told_reviewers = may(), {}, set(), set()
    for door, verb, answers in everything(cast):
        name = name_of(door)
        meant = for_whom.get(f"{name} {verb}", for_whom.get(name, set()))
        opens = {caller for caller, answer in answers.items() if not answer.refuses}
        if opens != meant:
            wrong[f"{name} {verb}"] = {who: answers[who].status for who in CALLERS if who in opens ^ meant}
        for who in CALLERS:
            found = {secret for secret in SECRETS if secret in answers[who].body.lower()}
            if who in REVIEWERS:
                told_reviewers |= found
            elif found and who != "author":
                told.add((name, verb, who, *found))
    assert wrong == {}
    assert told == set()
    assert told_reviewers == set(SECRETS)


def test_a_token_opens_no_page_and_a_session_opens_of_the_api_what_a_token_does(cast: Cast) -> None:
    tokens = [caller for caller in cast.callers if caller.name in ("author", "manager", "administrator")]
    wrong = set()
    for door in doors():
        if door.name.startswith(NOT_OURS) or "get" not in door.verbs:
            continue
        for caller in tokens:
            by_token = ask(caller.api, "get", cast.address(door))
            if ":" in door.name:
                by_session = ask(caller.page, "get", cast.address(door))
                wrong |= {door.name} if by_session.status != by_token.status else set()
            elif may()[door.name] != ALL and by_token.status != 405:
                wrong |= set() if by_token.refuses else {door.name}
    assert wrong == set()
