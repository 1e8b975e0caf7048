"""A prompt in one labeler's hands for a while: the lease."""

from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from labeling.models.projects import Project
from labeling.models.prompts import Prompt


class Purpose(models.TextChoices):
    """What a task is for. Its labeler never learns it; the answers to the last two are no data."""

    LABEL = "label", _("Label")
    GOLD = "gold", _("Gold")  # what its prompt's answer should be is known
    REPEAT = "repeat", _("Repeat")  # its labeler answered its prompt before


class Assignment(models.Model):
    class State(models.TextChoices):
        CLAIMED = "claimed", _("Claimed")
        RANKED = "ranked", _("Ranked")
        SKIPPED = "skipped", _("Skipped")
        RELEASED = "released", _("Released")
        EXPIRED = "expired", _("Expired")

    # A live assignment takes one of its prompt's slots 1..overlap, but for a check, which takes none.
    LIVE = (State.CLAIMED, State.RANKED)

    # Of the completions, by their keys, where they were read with the task (tasks.py).
    texts: Mapping[int, str] | None = None

    # Its constraint is assignment_overlap_of_prompt, which says more; each key is looked up at every write.
    prompt = models.ForeignKey(
        Prompt, on_delete=models.CASCADE, related_name="assignments", db_constraint=False, db_index=False
    )
    # Its index is assignment_labeler_state.
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="assignments", db_index=False
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLAIMED)
    purpose = models.CharField(max_length=6, choices=Purpose.choices, default=Purpose.LABEL, db_default=Purpose.LABEL)
    slot = models.PositiveSmallIntegerField()
    # The prompt's overlap, kept equal by a composite foreign key ON UPDATE CASCADE (migration 0002).
    overlap = models.PositiveSmallIntegerField()
    seed = models.BigIntegerField()  # of the order shown and of the ids shown; never leaves the database
    shown_order = models.JSONField()  # keys of the completions in the order that this labeler sees, from the seed
    # Its labeler was shown the completions' keys, as all were before shown_ids: those are taken from them still.
    keys_shown = models.BooleanField(default=False, db_default=False)
    # What is placed so far: {"ranks": {id of shown_ids: slot}, "flags", "notes", "comment", "strength",
    # "active_seconds"}; flags and notes are as in an answer.
    draft = models.JSONField(null=True)
    draft_revision = models.PositiveIntegerField(default=0, db_default=0)  # two tabs agree by it
    skip_reason = models.CharField(max_length=300, blank=True, default="")
    claimed_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # When a manager withdrew work of its labeler (data/withdrawing/work.py): by it the answer is put back.
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(state="released"), name="assignment_withdrawn_is_released"
            ),
            models.UniqueConstraint(
                fields=("prompt", "labeler"),
                condition=Q(state__in=("claimed", "ranked")) & ~Q(purpose="repeat"),
                name="assignment_one_live_per_labeler",
            ),
            models.UniqueConstraint(
                fields=("prompt", "slot"),
                condition=Q(state__in=("claimed", "ranked"), purpose="label"),
                name="assignment_one_live_per_slot",
            ),
            models.UniqueConstraint(
                fields=("prompt", "labeler"),
                condition=Q(state__in=("claimed", "ranked"), purpose="repeat"),
                name="assignment_one_live_repeat",
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=("label", "gold", "repeat")), name="assignment_purpose_known"
            ),
            models.CheckConstraint(
                condition=Q(slot__gte=1) & (~Q(state__in=("claimed", "ranked")) | Q(slot__lte=F("overlap"))),
                name="assignment_slot_within_overlap",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("claimed", "ranked", "skipped", "released", "expired")),
                name="assignment_state_known",
            ),
            # Referenced by rankings.
            models.UniqueConstraint(fields=("id", "prompt", "labeler"), name="assignment_id_prompt_labeler"),
        )
        indexes = (
            models.Index(fields=("labeler", "state"), name="assignment_labeler_state"),
            # Two columns, of which a key to an assignment has both: by the prompt alone, the check of each would walk
            # past all assignments of a prompt that thousands ranked elsewhere.
            models.Index(fields=("prompt", "labeler"), name="assignment_prompt_labeler"),
            models.Index(fields=("labeler",), condition=Q(state="claimed"), name="assignment_held"),
        )

    def __str__(self) -> str:
        return f"assignment {self.pk}"


class WorkWithdrawal(models.Model):
    """That a person's work in a project was withdrawn, by whom, and which frozen versions had it and keep it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="work_withdrawals", db_index=False)
    labeler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # The first day of what was withdrawn, in the site's time zone; null where it was all.
    since = models.DateField(null=True)
    # {number of the version: how many rankings of the person it has of those}, null where that was not counted
    versions = models.JSONField(default=dict)
    withdrawn_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    restored_at = models.DateTimeField(null=True)  # when all of it was put back

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("project", "labeler"), name="work_withdrawal_once"),)

    def __str__(self) -> str:
        return f"work of {self.labeler_id} in {self.project_id}"


class QueuePosition(models.Model):
    """Where the queue begins for a labeler who has had all before it: sql/next.sql keeps it, and looks no further back.

    Only a shorter way: where it is wrong a prompt comes later, and the last look is from the beginning.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    labeler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    priority = models.SmallIntegerField()
    cohort = models.BigIntegerField(default=0, db_default=0)  # its key; 0: of the prompts that are everybody's
    begins = models.BigIntegerField()  # the first prompt's key
    checked_at = models.DateTimeField()  # when it was last looked for from the beginning

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("project", "labeler", "priority", "cohort"), name="queue_position_once_in_cohort"
            ),
        )

    def __str__(self) -> str:
        return f"{self.labeler_id} begins at {self.begins} of {self.project_id}"
