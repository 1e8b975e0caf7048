"""Attempts at a project's qualification, and what was answered in each. None of it is a ranking, or has words."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labeling.models.projects import Project
from labeling.models.prompts import Prompt


class QualificationAttempt(models.Model):
    """One of a person's attempts: so many items, drawn when it began, of which so much had to be right then."""

    # Its indexes are those of its constraints.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="qualification_attempts"
    )
    number = models.PositiveIntegerField()  # from 1, of a person in a project
    percent = models.PositiveSmallIntegerField()  # of comparisons, to pass
    seed = models.BigIntegerField()  # of the order and the names of completions; never leaves the database
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # What came of it, once all was answered. low, high: of the 95 % interval; null where nothing could be compared.
    items = models.PositiveSmallIntegerField(null=True)
    comparisons = models.PositiveIntegerField(null=True)
    right = models.FloatField(null=True)  # of these, a tie is half
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    passed = models.BooleanField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "labeler", "number"), name="qualification_attempt_once"),
            models.UniqueConstraint(
                fields=("project", "labeler"), condition=Q(finished_at=None), name="qualification_one_open_attempt"
            ),
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True, passed__isnull=True, items__isnull=True)
                | Q(finished_at__isnull=False, passed__isnull=False, items__isnull=False),
                name="qualification_finished_has_its_result",
            ),
            models.CheckConstraint(
                condition=Q(comparisons__isnull=True) | Q(right__gte=0, right__lte=F("comparisons")),
                name="qualification_right_of_its_comparisons",
            ),
        )

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.labeler_id} in {self.project_id}"

    @property
    def share(self) -> float | None:
        """Gives the share of comparisons that were right; None where none was compared."""
        return self.right / self.comparisons if self.comparisons and self.right is not None else None


class QualificationAnswer(models.Model):
    """An item of an attempt, and what was answered: once, for its order is shown then."""

    attempt = models.ForeignKey(QualificationAttempt, on_delete=models.CASCADE, related_name="answers", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="qualification_answers")
    place = models.PositiveSmallIntegerField()  # from 1, in its attempt
    ranks = models.JSONField(null=True)  # {key of a completion: its rank}
    flags = models.JSONField(null=True)  # {key of a completion: {name of a flag: true or false}}
    comparisons = models.PositiveIntegerField(null=True)
    right = models.FloatField(null=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("attempt", "prompt"), name="qualification_item_once"),
            models.UniqueConstraint(fields=("attempt", "place"), name="qualification_place_once"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, ranks__isnull=True, comparisons__isnull=True, right__isnull=True)
                | Q(answered_at__isnull=False, ranks__isnull=False, comparisons__isnull=False, right__isnull=False),
                name="qualification_answered_is_counted",
            ),
            models.CheckConstraint(
                condition=Q(comparisons__isnull=True) | Q(right__gte=0, right__lte=F("comparisons")),
                name="qualification_answer_right_of_its_comparisons",
            ),
        )

    def __str__(self) -> str:
        return f"item {self.place} of {self.attempt_id}"
