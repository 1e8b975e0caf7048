"""Cohorts: prompts that some of a project's people get, and nobody else. See docs/decisions/0180-cohorts.md."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from labeling.models.projects import Membership, Project
from labeling.models.prompts import LONGEST_TAG, MOST_TAGS

LONGEST_NAME = 60
MOST_COHORTS = 50  # of a project: each that a labeler is in costs their claim a look
EVERYBODYS = "-"  # where the name of a cohort is asked for: that of none


class Cohort(models.Model):
    """Its prompts are those with one of its tags, and those that a manager put there by hand (Prompt.cohort)."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="cohorts")
    name = models.CharField(max_length=LONGEST_NAME)
    tags = ArrayField(models.CharField(max_length=LONGEST_TAG), default=list, db_default=[], blank=True)  # sorted
    revision = models.PositiveIntegerField(default=1, db_default=1)  # two managers agree by it
    created_at = models.DateTimeField(auto_now_add=True)
    # From then on its prompts are everybody's. The row goes when none is in it any more.
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "name"), condition=Q(deleted_at=None), name="cohort_name_once"),
            models.CheckConstraint(condition=Q(tags__len__lte=MOST_TAGS), name="cohort_tags_at_most"),
            models.CheckConstraint(condition=~Q(name="") & ~Q(name=EVERYBODYS), name="cohort_has_a_name"),
        )

    def __str__(self) -> str:
        return self.name


class CohortMember(models.Model):
    """That a member of the project is in a cohort: whoever leaves the project is in none."""

    # Its index is cohort_member_once.
    cohort = models.ForeignKey(Cohort, on_delete=models.CASCADE, related_name="people", db_index=False)
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="cohorts")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("cohort", "membership"), name="cohort_member_once"),)

    def __str__(self) -> str:
        return f"{self.membership_id} in {self.cohort_id}"
