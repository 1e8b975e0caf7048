"""When a project retrains by itself, a head or the whole model, and with which training settings."""

from django.db import models
from django.db.models import Q

from labeling.models import Project


class RetrainPolicy(models.Model):
    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="retrain_policy")
    head_enabled = models.BooleanField(default=True, help_text="Fit a new head by itself.")
    head_every_pairs = models.PositiveIntegerField(default=50, help_text="New pairs that start the fit of a head.")
    enabled = models.BooleanField(default=True, help_text="Fine-tune by itself.")
    every_pairs = models.PositiveIntegerField(
        default=200, help_text="New pairs since the version of the last fine-tuning that start one."
    )
    first_minimum = models.PositiveIntegerField(default=200, help_text="Pairs needed for the first fine-tuning.")
    cooldown_minutes = models.PositiveIntegerField(default=10, help_text="Quiet time after a fine-tuning ends.")
    auto_promote = models.BooleanField(default=True, help_text="Promote a model that passes the gate.")
    training = models.JSONField(default=dict, blank=True, help_text="Training settings that differ from the defaults.")
    executor = models.CharField(
        max_length=20,
        blank=True,
        default="",
        db_default="",
        help_text="Where fine-tunings go; empty: as the site has it.",
    )
    queue = models.CharField(max_length=100, blank=True, default="", db_default="", help_text="Queue of the cluster.")
    gpus = models.PositiveSmallIntegerField(null=True, blank=True, help_text="GPUs of a job; empty: one, if there is.")
    hours = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Its longest time; empty: the most.")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=Q(every_pairs__gte=1) & Q(first_minimum__gte=1) & Q(head_every_pairs__gte=1),
                name="retrain_policy_counts_positive",
            ),
        )

    def __str__(self) -> str:
        return f"retrain policy of {self.project_id}"
