"""A frozen dataset version: a file in model storage that only an erasure changes, what it holds; what people add."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from labeling.models.projects import PersonErasure, Project


class DatasetVersion(models.Model):
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="dataset_versions")
    number = models.PositiveIntegerField()
    file = models.CharField(max_length=300)  # name in the storage "models"
    sha256 = models.CharField(max_length=64)
    # What it was frozen with, where names in the file gave way to pseudonyms since; null where nothing ever changed.
    frozen_sha256 = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is not an empty text here
    bytes = models.BigIntegerField()
    # {"train": {"prompts": n, "rankings": n, "pairs": n, "ties": n, "flagged": n}, ...}
    counts = models.JSONField()
    n_prompts = models.PositiveIntegerField()
    n_rankings = models.PositiveIntegerField()
    n_pairs = models.PositiveIntegerField()
    last_ranking_id = models.BigIntegerField()  # rankings with a greater id are new since this version
    # Of the guidelines at that moment, in UTF-8; null where nobody noted them yet.
    guidelines_sha256 = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is not an empty text here
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


class ReplacedFile(models.Model):
    """The file that a version had before an erased person's name in it gave way to a pseudonym: docs/decisions/0172.

    The database refuses a change of a version without the row of what it was.
    """

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="replaced_files")
    erasure = models.ForeignKey(PersonErasure, on_delete=models.PROTECT, related_name="replaced_files")
    file = models.CharField(max_length=300)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    replaced_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"earlier file of version {self.version_id}"


class VersionNote(models.Model):
    """What people say of a version. It may change, which a version never does, so it has a table of its own."""

    version = models.OneToOneField(DatasetVersion, on_delete=models.CASCADE, related_name="note")
    text = models.TextField(blank=True, default="")
    tags = models.JSONField(default=list)  # ["paper", "pilot"], each once, in the order typed
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"note on version {self.version_id}"


class VersionLink(models.Model):
    """An address that gives a version's file to whoever has it, until it ends or is revoked.

    The address is the signed key of this row (data/versions/links.py), so nothing in the database is a way in.
    """

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="links")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="version_link_ends_after_it_began"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None) | Q(revoked_at__isnull=False),
                name="version_link_revoked_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"link {self.pk} to version {self.version_id}"
