"""A preference pair: the chosen and the rejected completion of one ranking, with where it came from."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Least

from labeling.models.projects import Project
from labeling.models.prompts import Completion, Prompt
from labeling.models.rankings import Ranking


class PreferencePair(models.Model):
    # Its prompt's (pair_of_its_prompts_project, held by the trigger that counts pairs: migration 0025). Its index is
    # pair_project_ranking, which also finds what is new.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="pairs", db_constraint=False, db_index=False
    )
    # The constraints of these are composite: pair_of_its_live_ranking (by its labeler), pair_chosen_of_its_prompt,
    # pair_rejected_of_its_prompt. The ranking's index is pair_once_per_ranking.
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="pairs", db_constraint=False)
    ranking = models.ForeignKey(
        Ranking, on_delete=models.CASCADE, related_name="pairs", db_constraint=False, db_index=False
    )
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    chosen = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    rejected = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    rank_gap = models.PositiveSmallIntegerField()
    margin = models.PositiveSmallIntegerField(null=True)  # the ranking's strength: 1 slightly, 2 clearly, 3 much better
    chosen_position = models.PositiveSmallIntegerField(null=True)
    rejected_position = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Always true. With it the key to the ranking says that only a live one has pairs (migration 0005).
    live = models.GeneratedField(expression=models.Value(True), output_field=models.BooleanField(), db_persist=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=~Q(chosen=F("rejected")), name="pair_sides_differ"),
            models.CheckConstraint(condition=Q(rank_gap__gte=1), name="pair_rank_gap_positive"),
            models.CheckConstraint(
                condition=Q(margin__isnull=True) | Q(margin__range=(1, 3)), name="pair_margin_known"
            ),
            # Whichever way round: a ranking can't say both a > b and b > a.
            models.UniqueConstraint(
                "ranking", Least("chosen", "rejected"), Greatest("chosen", "rejected"), name="pair_once_per_ranking"
            ),
        )
        indexes = (
            models.Index(fields=("project", "ranking"), name="pair_project_ranking"),
            # Of a million pairs an export asks first whether any has a margin.
            models.Index(fields=("project",), condition=Q(margin__isnull=False), name="pair_with_margin"),
        )

    def __str__(self) -> str:
        return f"{self.chosen_id} over {self.rejected_id}"
