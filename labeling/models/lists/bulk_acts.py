"""An act on all prompts that a list finds: a worker does it in batches, and the row says how far it is."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.models import Job
from labeling.models.projects import Project

LONGEST_VALUE = 300


class BulkAct(Job):
    """`done` counts the prompts that it came to, `changed` those of them that are another by it."""

    ADVICE: ClassVar[str] = "See the worker's log, then ask for it again: what is done stays done."

    class Act(models.TextChoices):
        TAG = "tag", _("Add a tag")
        UNTAG = "untag", _("Take a tag away")
        PRIORITY = "priority", _("Set the priority")
        OVERLAP = "overlap", _("Ask for as many rankings as the project's settings say now")
        COHORT = "cohort", _("Put into a cohort by hand, or give it to everybody")
        RULES = "rules", _("Put into the cohort that their tags say")
        HOLD = "hold", _("Hold: out of the queue, with a reason")
        PUT_BACK = "put_back", _("Put back into the queue what is held or can't be ranked")
        WITHDRAW = "withdraw", _("Withdraw: out of the queue, exports and later versions")
        RESTORE = "restore", _("Put back what was withdrawn")
        GOLD = "gold", _("Make gold, by the order on which people agree")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="bulk_acts", db_index=False)
    number = models.PositiveIntegerField()
    act = models.CharField(max_length=10, choices=Act.choices)
    value = models.CharField(
        max_length=LONGEST_VALUE, blank=True, default=""
    )  # the tag, the priority, the cohort, or the reason
    filters = models.JSONField(default=dict)  # what the list was narrowed by, as its address says it
    # It goes through the prompts between these keys; what is imported later is none of them. `place` is the last done.
    first_key = models.BigIntegerField(default=0)
    last_key = models.BigIntegerField(default=0)
    place = models.BigIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="bulk_act_number_once"),
            models.CheckConstraint(
                condition=Q(
                    act__in=(
                        *("tag", "untag", "priority", "overlap", "cohort", "rules"),
                        *("hold", "put_back", "withdraw", "restore", "gold"),
                    )
                ),
                name="bulk_act_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed", "cancelled")),
                name="bulk_act_state_known",
            ),
        )

    def __str__(self) -> str:
        return f"bulk act {self.number}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE

    @property
    def percent(self) -> int:
        """Tells how much of the keys it has gone through."""
        keys = self.last_key - self.first_key + 1
        return 100 if self.place >= self.last_key else max(0, 100 * (self.place - self.first_key + 1) // keys)
