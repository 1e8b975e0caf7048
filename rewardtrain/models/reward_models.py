"""A trained reward model, its evaluations and every promotion."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from labeling.models import DatasetVersion, Project
from rewardtrain.models.runs import TrainingRun


class RewardModel(models.Model):
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="reward_models")
    version = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="reward_model")
    folder = models.CharField(max_length=300)  # name in the storage "models": a Hugging Face folder
    manifest_sha256 = models.CharField(max_length=64)
    champion = models.BooleanField(default=False)
    # {"passed": bool, "reasons": ["..."]}: what the gate said when it looked, once.
    gate = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(fields=("project", "version"), name="reward_model_version_once"),
            models.UniqueConstraint(fields=("project",), condition=Q(champion=True), name="reward_model_one_champion"),
        )

    def __str__(self) -> str:
        return f"model {self.version}"


class Evaluation(models.Model):
    """A finished report on one split of one dataset version. Never changed (a trigger refuses)."""

    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="evaluations")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=10)
    n_pairs = models.PositiveIntegerField()
    accuracy = models.FloatField()
    accuracy_low = models.FloatField()
    accuracy_high = models.FloatField()
    log_loss = models.FloatField()
    report = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("reward_model", "dataset_version", "split"), name="evaluation_once_per_model_and_split"
            ),
        )

    def __str__(self) -> str:
        return f"evaluation {self.pk}"


class Promotion(models.Model):
    """Who or what made a model the champion, and why. Rows are only added."""

    class Action(models.TextChoices):
        GATE = "gate", _("Passed the gate")
        HAND = "hand", _("By hand")
        ROLLBACK = "rollback", _("Rolled back")

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="promotions")
    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="promotions")
    replaced = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="+", null=True)
    action = models.CharField(max_length=10, choices=Action.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    reason = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.reward_model_id} by {self.action}"
