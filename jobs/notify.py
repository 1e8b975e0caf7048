"""Tells whoever listens that something happened, by the name of a Celery task: who that is, nobody here knows."""

from __future__ import annotations

import logging

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

EXPIRES_SECONDS = 60  # a sweep has long seen what is older

logger = logging.getLogger(__name__)


def notify(task: str, *arguments: int) -> None:
    """Sends the task after the commit, asks the database nothing, and never fails the door that calls it."""
    transaction.on_commit(lambda: _send(task, arguments))


def _send(task: str, arguments: tuple[int, ...]) -> None:
    try:
        current_app.send_task(task, arguments, retry=False, expires=EXPIRES_SECONDS)
    except OperationalError as error:
        logger.warning("nobody is told %s %s: %s", task, arguments, error)
