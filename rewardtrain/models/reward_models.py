"""A trained reward model, its evaluations and every promotion."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Self, TypedDict

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.query import ModelIterable
from django.utils.translation import gettext_lazy as _

from formats.evaluation_report.flags import FlagReport
from formats.evaluation_report.report import Report, read_report
from labeling.models import DatasetVersion, Project
from rewardtrain.models.runs import TrainingRun

if TYPE_CHECKING:
    Rows = ModelIterable["Evaluation"]
else:
    Rows = ModelIterable


class Decision(TypedDict):
    """What the gate said when it looked, once."""

    passed: bool
    reasons: list[str]


class RewardModel(models.Model):
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="reward_models")
    version = models.PositiveIntegerField()
    run = models.OneToOneField(TrainingRun, on_delete=models.PROTECT, related_name="reward_model")
    folder = models.CharField(max_length=300)  # name in the storage "models": a Hugging Face folder
    manifest_sha256 = models.CharField(max_length=64)
    champion = models.BooleanField(default=False)
    gate: models.JSONField[Decision, Decision] = models.JSONField(default=dict)
    # Of a model that classifies: the least P(positive class) that counts as it, and who chose that. Null: nobody has.
    threshold = models.FloatField(null=True)
    threshold_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    threshold_at = models.DateTimeField(null=True)
    # Up to which of its scores, and of the project's rankings, reviewers were brought what it contradicts.
    seen_score = models.BigIntegerField(default=0, db_default=0)
    seen_ranking = models.BigIntegerField(default=0, db_default=0)
    # And up to which nothing more can come: {"score", "ranking", "waits": None or {"score", "ranking", "writers"}}, of
    # monitoring/settled.py. Null: nobody has looked.
    settled = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-version",)
        constraints = (
            models.UniqueConstraint(fields=("project", "version"), name="reward_model_version_once"),
            models.UniqueConstraint(fields=("project",), condition=Q(champion=True), name="reward_model_one_champion"),
            models.CheckConstraint(
                condition=Q(threshold=None, threshold_at=None)
                # A null is neither above nor below, and what is unknown a database lets pass.
                | Q(threshold__isnull=False, threshold__gt=0, threshold__lt=1, threshold_at__isnull=False),
                name="reward_model_threshold_is_a_probability",
            ),
        )

    def __str__(self) -> str:
        return f"model {self.version}"

    @property
    def flags(self) -> FlagReport | None:
        """Gives what its report says of a flag; None of a model that was judged by pairs alone."""
        evaluation = self.evaluations.first()
        return evaluation.report["flags"] if evaluation else None


class _Short(Rows):
    def __iter__(self) -> Iterator[Evaluation]:
        for evaluation in super().__iter__():
            evaluation.report = read_report(evaluation.__dict__.pop("short"))
            yield evaluation


class EvaluationQuerySet(models.QuerySet["Evaluation"]):
    def short(self) -> Self:
        """Leaves the curve of flags out of reports, most of their length: a list of models draws none."""
        rest = models.Func("report", template="%(expressions)s #- '{flags,curve}'", output_field=models.JSONField())
        rows = self.defer("report").annotate(short=rest)
        rows._iterable_class = _Short
        return rows


class Evaluation(models.Model):
    """A finished report on one split of one dataset version. Never changed (a trigger refuses)."""

    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="evaluations")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="evaluations")
    split = models.CharField(max_length=10)
    n_pairs = models.PositiveIntegerField()
    # Of the pairs; null where there were none, as of single texts with flags, whose figures are the report's alone.
    accuracy = models.FloatField(null=True)
    accuracy_low = models.FloatField(null=True)
    accuracy_high = models.FloatField(null=True)
    log_loss = models.FloatField(null=True)
    report: models.JSONField[Report, Report] = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EvaluationQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("reward_model", "dataset_version", "split"), name="evaluation_once_per_model_and_split"
            ),
            models.CheckConstraint(
                condition=Q(
                    n_pairs=0,
                    accuracy=None,
                    accuracy_low=None,
                    accuracy_high=None,
                    log_loss=None,
                )
                | Q(
                    n_pairs__gte=1,
                    accuracy__isnull=False,
                    accuracy_low__isnull=False,
                    accuracy_high__isnull=False,
                    log_loss__isnull=False,
                ),
                name="evaluation_figures_of_pairs",
            ),
        )

    def __str__(self) -> str:
        return f"evaluation {self.pk}"

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any) -> Self:
        """Reads a row. Raises OtherSchema where its report has another schema than today's."""
        evaluation = super().from_db(db, field_names, values, **options)
        if "report" not in evaluation.get_deferred_fields():
            read_report(evaluation.report)
        return evaluation

    @property
    def n_prompts(self) -> int:
        """Counts those that the pairs are of, or else the votes on a flag; of a test split that has neither, all."""
        if self.n_pairs:
            return self.report["n_pair_prompts"]
        flags = self.report["flags"]
        return flags["n_prompts"] if flags else self.report["n_distinct_prompts"]


def listed_evaluations(of: str = "") -> models.Prefetch[str, EvaluationQuerySet, str]:
    """Prefetches them for a list: of models, or of what has `of` to the model."""
    rows = Evaluation.objects.short().select_related("dataset_version")
    return models.Prefetch(f"{of}evaluations", queryset=rows)


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
