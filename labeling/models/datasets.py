"""A frozen dataset version: an immutable file in model storage and what it holds."""

from django.conf import settings
from django.db import models

from labeling.models.projects import Project


class DatasetVersion(models.Model):
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="dataset_versions")
    number = models.PositiveIntegerField()
    file = models.CharField(max_length=300)  # name in the storage "models"
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    # {"train": {"prompts": n, "rankings": n, "pairs": n, "ties": n, "flagged": n}, ...}
    counts = models.JSONField()
    n_prompts = models.PositiveIntegerField()
    n_rankings = models.PositiveIntegerField()
    n_pairs = models.PositiveIntegerField()
    last_ranking_id = models.BigIntegerField()  # rankings with a greater id are new since this version
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("project", "number"), name="dataset_version_number_once"),)

    def __str__(self) -> str:
        return f"version {self.number}"

    @property
    def n_labels(self) -> int:
        """Counts texts with people's answers to flags, once for each person who answered."""
        return sum(count.get("flagged", 0) for count in self.counts.values())
