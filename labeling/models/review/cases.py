"""What a reviewer looks at: a case of one prompt.

Triggers open and close cases where a prompt asks for it (migration 0046); people act in labeling/data/reviewing.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.assignments import Assignment
from labeling.models.projects import Project
from labeling.models.prompts import Prompt


class ReviewCase(models.Model):
    class Reason(models.TextChoices):
        """The gravest first, as in podium_open_case: a case stands under the gravest of its reasons."""

        CANNOT_RANK = "cannot_rank", _("Can't be ranked")
        SKIPPED = "skipped", _("Everybody skipped it")
        DISAGREEMENT = "disagreement", _("People disagree")
        GOLD = "gold", _("A gold answer was missed")
        CHAMPION = "champion", _("The champion disagrees")
        ASKED = "asked", _("A reviewer asked")
        SAMPLED = "sampled", _("Random sample")

    class State(models.TextChoices):
        OPEN = "open", _("Waiting")
        SENT_BACK = "sent_back", _("Sent back")
        CLOSED = "closed", _("Closed")

    class Outcome(models.TextChoices):
        DECIDED = "decided", _("decided")
        PUT_BACK = "put_back", _("put back")
        DISCARDED = "discarded", _("discarded")
        LEFT = "left", _("left as it is")
        RANKED = "ranked", _("ranked meanwhile")
        TAKEN_UP = "taken_up", _("taken up again")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REVISED = "revised", _("texts corrected")

    # The database deletes it with its prompt and project (migration 0046): whoever deletes these needn't look.
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="review_cases", db_constraint=False, db_index=False
    )
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, related_name="review_cases", db_constraint=False, db_index=False
    )
    reason = models.CharField(max_length=12, choices=Reason.choices)
    also = models.JSONField(default=list, db_default=[])  # what else speaks for a look
    # What a champion said that opened it, as labeling/data/reviewing/evidence.py has it; null of any other.
    evidence = models.JSONField(null=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN, db_default=State.OPEN)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True, default="", db_default="")
    # The task whose ranking was drawn for the sample: never drawn again.
    drawn = models.ForeignKey(
        Assignment, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    # The task that was sent back, and whose it is, while an answer is awaited.
    sent_back = models.ForeignKey(
        Assignment, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    awaits = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False,
        db_index=False,
    )  # fmt: skip
    # Whose it is to look at; null: any reviewer's. Given to a named reviewer as it is opened, or handed on by people.
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False,
        db_index=False,
    )  # fmt: skip
    opened_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("prompt",), condition=~Q(state="closed"), name="review_one_case"),
            models.UniqueConstraint(fields=("drawn",), condition=Q(drawn__isnull=False), name="review_drawn_once"),
            models.CheckConstraint(
                condition=Q(state="closed", closed_at__isnull=False) & ~Q(outcome="")
                | Q(state__in=("open", "sent_back"), closed_at__isnull=True, outcome=""),
                name="review_closed_with_outcome",
            ),
            models.CheckConstraint(
                condition=Q(state="sent_back", sent_back__isnull=False, awaits__isnull=False)
                | ~Q(state="sent_back") & Q(sent_back__isnull=True, awaits__isnull=True),
                name="review_sent_back_to_someone",
            ),
            models.CheckConstraint(
                condition=Q(
                    reason__in=("cannot_rank", "skipped", "disagreement", "gold", "champion", "asked", "sampled")
                ),
                name="review_reason_known",
            ),
        )
        indexes = (
            models.Index(fields=("prompt", "id"), name="review_prompt"),
            models.Index(fields=("project", "state", "id"), name="review_state"),
            models.Index(fields=("project", "state", "reason", "id"), name="review_reason"),
            models.Index(fields=("awaits",), condition=Q(state="sent_back"), name="review_awaits"),
            models.Index(fields=("project", "reviewer", "id"), condition=Q(state="open"), name="review_reviewer"),
            models.Index(fields=("reviewer",), condition=Q(reviewer__isnull=False), name="review_of_person"),
        )

    def __str__(self) -> str:
        return f"review {self.pk} of {self.prompt_id}"
