"""No address asks the database more often because there is more to show: each is looked at with n rows and with 10 n.

Addresses are found by walking the URL configuration and the administration, tables by asking Django for them. A new
page or list must show rows of tests/shown_rows.py, or be named in ROWLESS; a new table must have rows there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from labeling.answers.prompt_orders import ORDERS
from labeling.models import Project
from labeling.views.answers.prompts import FILTERS
from tests.doors import NOT_OURS, PARTS, doors
from tests.labeling.api.client import as_user
from tests.rewardtrain.conftest import models_in
from tests.shown_rows import Shown, furnish

pytestmark = pytest.mark.django_db

FEW, MANY = 2, 20  # files are streamed in batches of 50 prompts, and these are of twice as many
SEEN = 10 * (MANY - FEW)  # bytes more of whatever shows rows
# What else a page can be asked for, and the pages of which a part is asked for by htmx.
QUERIES = {
    "prompts_bulk": ["?split=train&disagreement=no"],
    "prompts": [
        *(f"?show={name}" for name in FILTERS),
        "?split=train&disagreement=no&to_day=2099-01-01",
        *(f"?order={order}" for order in ORDERS),
        "?order=-last_ranked&state=waiting&split=train",
    ],
    "history": ["?q=answer", "?show=skipped"],
    "review": ["?state=closed", "?state=sent_back", "?reason=cannot_rank", "?whose=nobodys"],
    "labeling_api:reviews": ["?state=closed", "?state=sent_back", "?reason=cannot_rank", "?whose=nobodys"],
    "rankings": ["?words=some&state=all", "?split=train&least_seconds=0"],
    "runs": ["?depth=head", "?preset=minilm"],
    "version_prompts": ["?page=2", "?id=row+0"],
    "version_difference": ["?to=1"],
    "version_difference_lines": ["?to=1"],
    "auto_labels": ["?probabilities=raw"],
}
TOLD_APART = {"number", "pk", "assignment_id"}  # parts of an address of what has ended, and of what is at work
API = ("labeling_api:", "rewardtrain_api:")
# What is one thing: it shows no row, or as many as there can be of one thing.
ROWLESS = {
    "styleguide", "preferences", "prompts_withdraw", "invitation", "project", "rank", "rank_compare", "practice",
    "practice_compare", "practice_item", "practice_item_compare", "qualification", "qualification_item",
    "qualification_compare", "prompt_gold_rank", "prompt_gold_compare",
    "history_edit", "guidelines", "prompt_revise", "prompt_erase", "project_settings",
    "project_delete", "erase_account", "model_report", "threshold", "project_create", "import_sample",
    "review_case", "review_decide", "labeling_api:person", "labeling_api:review", "labeling_api:reviewers",
    "prompts_bulk_act", "labeling_api:bulk_act", "cohort_delete",
    "labeling_api:project", "labeling_api:agreement", "labeling_api:dataset", "labeling_api:assignment_draft",
    "rewardtrain_api:backbones", "rewardtrain_api:scoring", "models_scoring",
    "rewardtrain_api:model_report", "rewardtrain_api:auto_label_agreement", "schema", "api-docs",
}  # fmt: skip
# Of texts that stand alone there are no pairs, and no model prefers one: addresses and tables.
NOTHING_OF: dict[Project.Kind, set[str]] = {
    Project.Kind.RANKING: set(),
    Project.Kind.CLASSIFICATION: {"labeling_api:pairs", "labeling_api:export", "rewardtrain.ModelPreference"},
}

# A file for each split that has prompts, one of which few prompts fill.
OF_EACH_SPLIT = {"labeling_api:dataset_folder", "export_folder"}
# No page shows where somebody's queue begins, and it moves on by a hundred prompts; and texts whose words are still to
# be read are none when they were.
UNSEEN = {"labeling.QueuePosition", "labeling.SearchBacklog"}


@dataclass(frozen=True)
class Asked:
    """One request, the same of few rows and of many but for its address."""

    who: str
    name: str  # of the address, such as labeling_api:prompts
    of: int  # which of Shown.values
    query: str
    is_part: bool
    url: str = field(compare=False)

    def __str__(self) -> str:
        return f"{self.name}{self.query} of {self.of} as {self.who}" + ", a part" * self.is_part


@dataclass(frozen=True)
class Look:
    statements: int
    status: int
    length: int


@pytest.fixture(autouse=True)
def _around(tmp_path: Path) -> Iterator[None]:
    logging.disable(logging.CRITICAL)  # refusals of what somebody may not see
    ContentType.objects.get_for_models(*apps.get_models())  # read once by whoever needs one first
    with models_in(tmp_path / "models"):
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", Project.Kind)
def test_no_address_asks_more_often_because_there_is_more_to_show(kind: Project.Kind) -> None:
    few, rows_of_few = looks(furnish(FEW, kind)), rows()
    many, rows_of_many = looks(furnish(MANY, kind)), rows()
    both = [(asked, few[asked], many[asked]) for asked in few | many]
    more = [
        f"{asked}: {one.statements}, {ten.statements}"
        for asked, one, ten in both
        if ten.statements > one.statements + (2 if asked.name in OF_EACH_SPLIT else 0)
    ]
    assert not more, "\n".join(more)
    failed = {str(asked): ten.status for asked, _one, ten in both if ten.status >= 500}
    assert not failed
    answered = {asked.name for asked, _one, ten in both if ten.status == 200}
    showing = {asked.name for asked, one, ten in both if ten.length > one.length + SEEN}
    assert answered - showing <= ROWLESS | NOTHING_OF[kind], "shows none of the rows that are here"
    assert ROWLESS & showing == set()
    assert {table for table, n in rows_of_many.items() if n < 5 * rows_of_few[table] or not n} <= (
        NOTHING_OF[kind] | UNSEEN
    )


def looks(shown: Shown) -> dict[Asked, Look]:
    found = {}
    for who, person in shown.people.items():
        page, api = Client(raise_request_exception=False), as_user(person)
        page.force_login(person)
        for asked in of_administrator(shown) if who == "administrator" else of_member(shown, who):
            found[asked] = look(api if asked.name.startswith(API) else page, asked)
    return found


def of_member(shown: Shown, who: str) -> Iterator[Asked]:
    for door in doors():
        if door.name.startswith(NOT_OURS):
            continue
        for of, values in enumerate(shown.values if TOLD_APART.intersection(door.parts) else shown.values[:1]):
            for query in ("", *QUERIES.get(door.name, ())):
                yield Asked(who, door.name, of, query, False, door.address(values) + query)
            if door.name in PARTS:
                yield Asked(who, door.name, of, "", True, door.address(values))


def of_administrator(shown: Shown) -> Iterator[Asked]:
    """What shows more than a member's, and the administration."""
    yield from (asked for asked in of_member(shown, "administrator") if shown.project.slug not in asked.url)
    for model in administered():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        yield Asked("administrator", name, 0, "", False, reverse(name))


def administered() -> list[type[Model]]:
    return [model for model in admin.site._registry if model in tables()]


def tables() -> list[type[Model]]:
    return [model for app in ("jobs", "labeling", "rewardtrain") for model in apps.get_app_config(app).get_models()]


def rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in tables()}


def look(client: Client, asked: Asked) -> Look:
    """Nothing that it does stays, such as a task that is taken."""
    statements = 0

    def count(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(count):
        answer: Any = client.get(asked.url, headers={"HX-Request": "true"} if asked.is_part else None)
        body = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return Look(statements, answer.status_code, len(body))
