"""The automatic labeler: its jobs, what the model preferred, and the scores behind it.

Apart from people's rankings and pairs in every way: no query for those can meet one of these.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least

from labeling.models import Completion, Project, Prompt
from rewardtrain.models.reward_models import RewardModel
from rewardtrain.models.scoring_jobs import ScoringJob


class AutoLabelJob(ScoringJob):
    """One walk of a model over a project's prompts, in the order of their ids."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="auto_label_jobs")
    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="auto_label_jobs")
    number = models.PositiveIntegerField()
    threshold = models.FloatField()  # pairs with at least this probability are kept
    last_prompt = models.BigIntegerField(default=0)  # the last one done: a resumed job goes on after it
    # Of the prompts that nobody has ranked:
    decided = models.PositiveIntegerField(default=0)  # all their pairs were kept
    partly = models.PositiveIntegerField(default=0)
    left = models.PositiveIntegerField(default=0)  # none was
    kept = models.PositiveIntegerField(default=0)  # pairs
    below = models.PositiveIntegerField(default=0)  # pairs
    compared = models.PositiveIntegerField(default=0)  # prompts that people had ranked, scored for the comparison

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="auto_label_job_number_once"),
            models.UniqueConstraint(
                fields=("project",), condition=Q(state__in=("queued", "running")), name="auto_label_job_one_active"
            ),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed", "cancelled")),
                name="auto_label_job_state_known",
            ),
            models.CheckConstraint(
                condition=Q(threshold__gt=0.5) & Q(threshold__lt=1), name="auto_label_job_threshold_decides"
            ),
            # Referenced by preferences, which are of their job's model.
            models.UniqueConstraint(fields=("id", "reward_model"), name="auto_label_job_id_model"),
        )

    def __str__(self) -> str:
        return f"automatic labels {self.number}"

    @property
    def pairs(self) -> int:
        """Counts pairs of unranked prompts, so far."""
        return self.kept + self.below


class ModelPreference(models.Model):
    """What a model prefers, and how surely. Never among people's pairs."""

    job = models.ForeignKey(AutoLabelJob, on_delete=models.CASCADE, related_name="preferences")
    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="preferences")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="model_preferences")
    chosen = models.ForeignKey(Completion, on_delete=models.CASCADE, related_name="+")
    rejected = models.ForeignKey(Completion, on_delete=models.CASCADE, related_name="+")
    probability = models.FloatField()  # calibrated, that chosen is preferred to rejected
    uncertainty = models.FloatField(null=True)  # of the difference of their rewards; null without an ensemble
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=~Q(chosen=F("rejected")), name="model_preference_sides_differ"),
            models.CheckConstraint(
                condition=Q(probability__gt=0.5) & Q(probability__lte=1), name="model_preference_probability_decides"
            ),
            # Whichever way round: a model can't say both a > b and b > a.
            models.UniqueConstraint(
                "reward_model",
                Least("chosen", "rejected"),
                Greatest("chosen", "rejected"),
                name="model_preference_once_per_model",
            ),
        )

    def __str__(self) -> str:
        return f"{self.chosen_id} over {self.rejected_id} by the model"


class PromptScore(models.Model):
    """A model's word on a prompt's completions: what the comparison with people is made of. Lists run parallel."""

    reward_model = models.ForeignKey(RewardModel, on_delete=models.CASCADE, related_name="scores")
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="scores")
    completions = models.JSONField()  # ids
    rewards = models.JSONField()
    probabilities = models.JSONField()  # calibrated: P(i over j) = p_i / (p_i + p_j)
    class_probabilities = models.JSONField(null=True)  # of a binary head: of the positive class, calibrated
    uncertainty = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("reward_model", "prompt"), name="prompt_score_once_per_model"),)
        indexes = (models.Index(fields=("reward_model", "id"), name="prompt_score_of_model"),)

    def __str__(self) -> str:
        return f"scores of prompt {self.prompt_id} by {self.reward_model_id}"
