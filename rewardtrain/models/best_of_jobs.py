"""Best-of-N: an upload of prompts with their candidates, which a model puts in order."""

from django.db import models
from django.db.models import Q

from labeling.models import Project
from rewardtrain.models.reward_models import RewardModel
from rewardtrain.models.scoring_jobs import ScoringJob


class BestOfJob(ScoringJob):
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="best_of_jobs")
    reward_model = models.ForeignKey(RewardModel, on_delete=models.PROTECT, related_name="best_of_jobs")
    number = models.PositiveIntegerField()
    last_place = models.IntegerField(default=0)  # the last row done: a resumed job goes on after it
    n_candidates = models.PositiveIntegerField(default=0)
    # What came of it, written at the end: {"gains": [...], "doubts": {...} or null}, see core.measures.best_of_gain.
    report = models.JSONField(null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "number"), name="best_of_job_number_once"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed", "cancelled")),
                name="best_of_job_state_known",
            ),
        )

    def __str__(self) -> str:
        return f"best of N {self.number}"


class CandidateRow(models.Model):
    """A line of the upload: a prompt with its N candidates, and what the model said of them."""

    job = models.ForeignKey(BestOfJob, on_delete=models.CASCADE, related_name="rows")
    place = models.PositiveIntegerField()  # its line, counted from 1
    external_id = models.CharField(max_length=200)
    prompt = models.JSONField()  # as it was sent: a text, or messages
    completions = models.JSONField()  # [{"id", "text"}], as sent
    # {"rewards", "probabilities", "truncated", "uncertainty" or not}: lists parallel to the completions. Or {"error"}.
    answer = models.JSONField(null=True)

    class Meta:
        ordering = ("job_id", "place")
        constraints = (
            models.UniqueConstraint(fields=("job", "place"), name="candidate_row_place_once"),
            models.UniqueConstraint(fields=("job", "external_id"), name="candidate_row_once_per_job"),
        )

    def __str__(self) -> str:
        return f"line {self.place} of {self.job_id}"
