"""A project that is deleted, and the record of it that stays: who, when, which, how much; none of its texts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from jobs.models import Job
from labeling.models.projects import Project


class ProjectDeletion(Job):
    ADVICE: ClassVar[str] = "See the worker's log, then ask for it again by manage.py delete_project: it goes on."

    project = models.ForeignKey(Project, on_delete=models.SET_NULL, related_name="deletions", null=True)
    project_key = models.BigIntegerField()  # what it was, by which its files lie
    slug = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    counts = models.JSONField(default=dict)  # {"prompts": n, ...}: what there was when it was asked for

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project_key",), name="project_deletion_once"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed")), name="project_deletion_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="succeeded") | Q(project__isnull=True), name="project_deletion_ends_without_it"
            ),
        )

    def __str__(self) -> str:
        return f"deletion of {self.slug}"

    @property
    def is_over(self) -> bool:
        return self.state == self.State.SUCCEEDED
