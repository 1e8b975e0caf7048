"""An import that a worker does: the file that was sent, how far it was read, and what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.models import Job
from labeling.models.projects import Project
from labeling.models.prompts import LONGEST_TAG, Prompt

DRAFT, PAUSED = "draft", "paused"
QUIET = timedelta(minutes=1)  # after an import what waits for all of it may begin


class Import(Job):
    """A file of prompts on its way in, or on its way out again where it is undone."""

    ADVICE: ClassVar[str] = "See the worker's log, then resume it."
    STATES = (
        (DRAFT, _("Not started")),
        (Job.State.QUEUED.value, _("Queued")),
        (Job.State.RUNNING.value, _("Running")),
        (PAUSED, _("Paused")),
        (Job.State.SUCCEEDED.value, _("Done")),
        (Job.State.FAILED.value, _("Failed")),
        (Job.State.CANCELLED.value, _("Cancelled")),
    )
    # From which it can go on, for its file is kept.
    RESUMED = (PAUSED, Job.State.FAILED.value, Job.State.CANCELLED.value)

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="imports", db_index=False)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=STATES, default=Job.State.QUEUED)
    pause_requested = models.BooleanField(default=False)

    file_name = models.CharField(max_length=200, blank=True, default="")
    size = models.BigIntegerField()  # bytes
    sha256 = models.CharField(max_length=64)
    upload = models.CharField(max_length=300, blank=True, default="")  # its name in the storage; empty where it is gone
    layout = models.CharField(max_length=40, blank=True, default="")  # as chosen, else as recognised once it is read
    columns = models.JSONField(default=dict)  # {what it is: the file's name for it}

    # Of a dataset on a hub: owner/name or owner/name@revision, the commit that was found there, and its files.
    hub = models.CharField(max_length=400, blank=True, default="")
    commit = models.CharField(max_length=64, blank=True, default="")
    parts = models.JSONField(default=list)  # [{"name", "size"}], which lie in the upload one behind the other
    # The state that it gets when it is here; empty where nothing is to be fetched, or all of it is here. Until then
    # size and bytes_read are of what is fetched, done and total of its files.
    state_when_fetched = models.CharField(max_length=10, blank=True, default="")

    # Where reading goes on. The transaction that stores a batch writes all of these, so none is lost nor done twice.
    place = models.BigIntegerField(default=0)  # records read
    bytes_read = models.BigIntegerField(default=0)
    seconds_left = models.PositiveIntegerField(null=True)
    container = models.CharField(max_length=80, blank=True, default="")
    unit = models.CharField(max_length=10, default="line")
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    rankings = models.PositiveIntegerField(default=0)
    n_errors = models.PositiveIntegerField(default=0)
    tagged = models.PositiveIntegerField(default=0, db_default=0)  # prompts that were here, to which it gave tags
    errors = models.JSONField(default=list)  # the first: [{"line", "field", "value", "detail"}]
    bad_lines = models.CharField(max_length=300, blank=True, default="")  # a file in the storage
    bad_bytes = models.BigIntegerField(default=0)  # of it; what is behind them belongs to no batch that was stored
    # The keys of what it brought lie within these, with others between them.
    first_prompt = models.BigIntegerField(null=True)
    last_prompt = models.BigIntegerField(null=True)
    first_ranking = models.BigIntegerField(null=True)
    last_ranking = models.BigIntegerField(null=True)

    is_undo = models.BooleanField(default=False)  # it is being taken back, or was
    undo_ranking = models.BigIntegerField(default=0)  # where that goes on: the last keys that were looked at
    undo_prompt = models.BigIntegerField(default=0)
    undone_prompts = models.PositiveIntegerField(default=0)
    undone_rankings = models.PositiveIntegerField(default=0)
    undone_tagged = models.PositiveIntegerField(default=0, db_default=0)
    kept_prompts = models.PositiveIntegerField(default=0)  # somebody worked on them

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="import_number_once"),
            models.CheckConstraint(
                condition=Q(state__in=("draft", "queued", "running", "paused", "succeeded", "failed", "cancelled")),
                name="import_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state_when_fetched__in=("", "draft", "queued")), name="import_state_when_fetched_known"
            ),
            # What is not here yet can't have been looked into, read or taken back.
            models.CheckConstraint(
                condition=Q(state_when_fetched="")
                | (~Q(state__in=("draft", "succeeded")) & ~Q(hub="") & Q(place=0, is_undo=False)),
                name="import_fetched_before_it_is_read",
            ),
        )
        indexes = (
            # What retraining waits for.
            models.Index(fields=("project",), condition=Q(state__in=("queued", "running")), name="import_active"),
            models.Index(fields=("finished_at",), name="import_finished"),
        )

    def __str__(self) -> str:
        return f"import {self.number}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def is_fetch(self) -> bool:
        """Tells whether its dataset has still to come from a hub."""
        return bool(self.state_when_fetched)

    @property
    def n_good(self) -> int:
        return self.created + self.updated + self.skipped


class ImportedTags(models.Model):
    """Tags that an import gave to a prompt that was here before, which go again where it is taken back."""

    # Its index is imported_tags_in_order.
    given_by = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="tags_given", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="+")
    tags = ArrayField(models.CharField(max_length=LONGEST_TAG))

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("given_by", "id"), name="imported_tags_in_order"),)

    def __str__(self) -> str:
        return f"tags of {self.prompt_id} by {self.given_by_id}"
