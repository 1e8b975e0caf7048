"""No door works more than in proportion to what is sent to it.

Each is given 1, 2 and 4 times as much, and the work is counted; then as much as it takes, and it must come to an end.
The API's bodies are made from its document, those of pages by tests/probes.py; a new address without one fails here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client

from labeling.models import Role
from labeling.people import invitations
from tests import probes
from tests.every_door import assignment_of, furnish
from tests.growth import ends, worse_than_linear
from tests.labeling.api.client import as_user
from tests.probes import FORMS, Place, Probe
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db

BASE = 200

OF = {
    "bodies": probes.of_bodies,
    "files": probes.of_files,
    "forms": probes.of_forms,
    "addresses": probes.of_addresses,
    "headers": probes.of_headers,
}
LONGEST_REFUSAL = 20_000  # bytes, of the API's: a refusal doesn't give back all that it refuses


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    logging.disable(logging.CRITICAL)  # thousands of refusals
    with models_in(tmp_path / "models"):
        people = furnish()
        manager = people["manager"]
        assert manager is not None
        task = manager.assignments.get(pk=assignment_of(manager))
        project = task.prompt.project
        invitation, token = invitations.invite(project, by=manager, role=Role.LABELER)
        page = Client(raise_request_exception=False)
        page.force_login(manager)
        case = project.review_cases.earliest("pk")
        yield Place(as_user(manager), page, project, task, invitation, token, case)
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", OF)
def test_no_door_does_more_than_four_times_the_work_for_four_times_the_input(place: Place, kind: str) -> None:
    found = {probe.name: worse_than_linear(probe.send, BASE) for probe in OF[kind](place)}
    assert not {name: worse for name, worse in found.items() if worse}


@pytest.mark.parametrize("kind", OF)
def test_every_door_comes_to_an_end_of_as_much_as_it_takes(place: Place, kind: str) -> None:
    found = {probe.name: problem for probe in OF[kind](place) if (problem := at_most(probe))}
    assert not found


def at_most(probe: Probe) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '60s'")
        with ends():
            answer = probe.send(probe.most)
            body = b"".join(answer) if answer.streaming else answer.content
        transaction.set_rollback(True)
    if answer.status_code >= 500 and answer.status_code != 503:  # no scoring service runs here
        return f"{answer.status_code}"
    is_refusal = answer.status_code >= 400 and answer.headers["Content-Type"] == "application/json"
    return f"{len(body):,} bytes of a refusal" if is_refusal and len(body) > LONGEST_REFUSAL else ""


def test_every_page_that_takes_a_form_is_tried(place: Place) -> None:
    """A page that takes none says so by 405."""
    taking = {
        door.name
        for door in probes.page_doors()
        if place.page.post(door.address(place.values)).status_code != 405 or place.page.logout()  # one logs out
    }
    assert taking == set(FORMS)
