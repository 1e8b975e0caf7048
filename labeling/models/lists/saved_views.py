"""What a list is narrowed by, under a name: see docs/decisions/0169-saved-views.md."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from labeling.models.projects import Project

LONGEST_NAME = 60


class SavedView(models.Model):
    class Of(models.TextChoices):
        """A list, by the name of its address."""

        PROMPTS = "prompts", _("Prompts")
        RANKINGS = "rankings", _("Rankings")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="saved_views", db_index=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    of = models.CharField(max_length=10, choices=Of.choices)
    name = models.CharField(max_length=LONGEST_NAME)
    filters = models.JSONField(default=dict)  # what stands in the list's address, but for places in it
    is_shared = models.BooleanField(default=False, db_default=False)  # with the project's managers and reviewers
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=("project", "of", "owner", "name"), name="saved_view_name_once"),
            models.CheckConstraint(condition=Q(of__in=("prompts", "rankings")), name="saved_view_list_known"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def query(self) -> str:
        """Gives the list's address after the question mark."""
        return urlencode(sorted(self.filters.items()))
