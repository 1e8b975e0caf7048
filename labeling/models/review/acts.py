"""The trail of a case: what was done about it, by whom and why."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models.assignments import Assignment
from labeling.models.rankings import Ranking
from labeling.models.review.cases import ReviewCase


class ReviewAct(models.Model):
    """What was done about a case, by whom and why. `by` is null where nobody did it: a rule opened or closed it."""

    class Act(models.TextChoices):
        OPENED = "opened", _("Opened")
        SENT_BACK = "sent_back", _("Sent back")
        CHANGED = "changed", _("Answer changed")
        STAYS = "stays", _("Answer stays")
        DECIDED = "decided", _("Decided")
        PUT_BACK = "put_back", _("Put back into the queue")
        DISCARDED = "discarded", _("Discarded")
        LEFT = "left", _("Left as it is")
        RETURNED = "returned", _("Came back without an answer")
        RESERVED = "reserved", _("Reserved")
        FREED = "freed", _("Free for any reviewer")
        CLOSED = "closed", _("Closed")

    # Its index is review_trail; the database deletes it with its case.
    case = models.ForeignKey(
        ReviewCase, on_delete=models.CASCADE, related_name="acts", db_constraint=False, db_index=False
    )
    act = models.CharField(max_length=10, choices=Act.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    words = models.TextField(blank=True, default="", db_default="")  # the reason, or the labeler's answer
    # A case's reason or outcome, of what a rule did.
    what = models.CharField(max_length=12, blank=True, default="", db_default="")
    assignment = models.ForeignKey(  # that was sent back, or answered
        Assignment, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    ranking = models.ForeignKey(  # that this act made
        Ranking, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    # For whom it was reserved, by this act or as it was opened.
    whom = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False,
        db_index=False,
    )  # fmt: skip
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(
                    act__in=(
                        "opened", "sent_back", "changed", "stays", "decided", "put_back", "discarded", "left",
                        "returned", "reserved", "freed", "closed",
                    )
                ),
                name="review_act_known",
            ),
        )  # fmt: skip
        indexes = (
            models.Index(fields=("case", "id"), name="review_trail"),
            models.Index(fields=("assignment", "id"), condition=Q(assignment__isnull=False), name="review_act_of_task"),
        )

    def __str__(self) -> str:
        return f"{self.act} {self.case_id}"
