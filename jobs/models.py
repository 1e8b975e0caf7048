"""What every row has that a worker takes, works on and ends: see lifecycle.py for its life."""

from collections.abc import Mapping
from typing import ClassVar

from django.conf import settings
from django.db import models


class Job(models.Model):
    # For whoever reads that the last attempt failed; and what a row that goes back into the queue forgets.
    ADVICE: ClassVar[str]
    OF: ClassVar[str] = "project"  # what it is of, which is read with it
    WHEN_QUEUED: ClassVar[Mapping[str, object]] = {}
    WHEN_RESTORED: ClassVar[Mapping[str, object]] = {}  # besides, what it had that no backup brings
    FOLLOWED: ClassVar[models.Q | None] = None  # rows that no worker of ours holds, so none dies with them

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    ACTIVE = (State.QUEUED, State.RUNNING)

    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    worker = models.CharField(max_length=200, blank=True, default="")  # a token of the claim: who may write to this row
    cancel_requested = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    requested_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
