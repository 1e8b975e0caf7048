"""Tells whoever listens that something was ranked, by the name of a Celery task: who that is, nobody here knows."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

RANKED = "labeling.ranked"  # with a project's id
EXPIRES_SECONDS = 60  # a sweep has long seen what is older

logger = logging.getLogger(__name__)


def ring(project_id: int) -> None:
    """Call it from the door. It sends after the commit, asks the database nothing, and never fails the ranking."""
    transaction.on_commit(lambda: _send(project_id))


def _send(project_id: int) -> None:
    try:
        current_app.send_task(RANKED, (project_id,), retry=False, expires=EXPIRES_SECONDS)
    except OperationalError as error:
        logger.warning("nobody is told of a ranking in project %s: %s", project_id, error)
