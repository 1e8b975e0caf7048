"""A training run. The row is the truth: the Celery message only says that it is there."""

from pathlib import PurePath

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jobs.models import Job
from labeling.models import DatasetVersion, Project


class TrainingRun(Job):
    ADVICE = "See the train worker's log and the memory of its machine, then retrain."
    WHEN_QUEUED = {"phase": "", "job_name": "", "job_seen": {}, "job_said": {}}
    WHEN_RESTORED = {"job_files": {}}
    FOLLOWED = ~Q(job_name="")
    LOCAL = "local"

    class Trigger(models.TextChoices):
        POLICY = "policy", "Retrain policy"
        MANUAL = "manual", "By hand"

    class Depth(models.TextChoices):
        HEAD = "head", _("Head")
        FULL = "full", _("Fine-tuning")
        NONE = "none", _("Measurement")  # of a reward model that others trained: it is asked for by people alone

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="runs")
    depth = models.CharField(max_length=10, choices=Depth.choices, default=Depth.FULL)  # how much of the model learns
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    training = models.JSONField(default=dict)  # settings given to the training process
    folder = models.CharField(max_length=300)  # name in the storage "models"
    phase = models.CharField(max_length=30, blank=True, default="")
    counts = models.JSONField(default=dict)  # what the training process said at its start
    executor = models.CharField(max_length=20, default=LOCAL, db_default=LOCAL)  # where it goes
    resources = models.JSONField(default=dict, db_default={})  # what it may use there
    job_name = models.CharField(max_length=100, blank=True, default="", db_default="")  # of the job that has it now
    job_seen = models.JSONField(default=dict, db_default={})  # how it was seen last: training/remote/seen_job.py
    job_said = models.JSONField(default=dict, db_default={})  # by itself, where a bucket is: training/remote/door.py
    job_files = models.JSONField(default=dict, db_default={})  # what its jobs have sent there, by name
    preemptions = models.PositiveIntegerField(default=0, db_default=0)  # how often it made way for other jobs

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="run_number_once"),
            models.UniqueConstraint(
                fields=("project", "depth"),
                condition=Q(state__in=("queued", "running")),
                name="run_one_active_per_depth",
            ),
            models.CheckConstraint(condition=Q(depth__in=("head", "full", "none")), name="run_depth_known"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed", "cancelled")),
                name="run_state_known",
            ),
        )

    def __str__(self) -> str:
        return f"run {self.number}"

    @property
    def measured_name(self) -> str:
        """Names whose model it measured; "" for a run that learnt. Of a folder of the machine the last part."""
        name = str(self.training.get("backbone", "")) if self.depth == self.Depth.NONE else ""
        return PurePath(name).name if name.startswith("/") else name

    @property
    def job_reason(self) -> str:
        """Says why its job waits, or can't be asked for, in the scheduler's words."""
        return str(self.job_seen.get("reason", ""))


class RunPoint(models.Model):
    """One point of a run's curves."""

    run = models.ForeignKey(TrainingRun, on_delete=models.CASCADE, related_name="points")
    step = models.PositiveIntegerField()
    loss = models.FloatField(null=True)
    validation_log_loss = models.FloatField(null=True)
    validation_accuracy = models.FloatField(null=True)

    class Meta:
        ordering = ("run_id", "step")
        constraints = (models.UniqueConstraint(fields=("run", "step"), name="run_point_once_per_step"),)

    def __str__(self) -> str:
        return f"step {self.step} of run {self.run_id}"
