"""Gold answers, and how each check was answered: a task with gold, or one that its labeler had before."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from labeling.judgements.row_limits import MAX_EXPLANATION
from labeling.models.assignments import Assignment, Purpose
from labeling.models.projects import Project
from labeling.models.prompts import Prompt
from labeling.models.rankings import Ranking

LONGEST_EXPLANATION = MAX_EXPLANATION


class GoldAnswer(models.Model):
    """What is known of a prompt's completions. As long as there is one its prompt has gold_at, and is in no queue."""

    class Source(models.TextChoices):
        TYPED = "typed", _("Ranked for it")
        RANKING = "ranking", _("A ranking")
        REVIEW = "review", _("A reviewer's decision")
        IMPORT = "import", _("An import")

    # Its index is gold_project.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    prompt = models.OneToOneField(Prompt, on_delete=models.CASCADE, related_name="gold")
    ranks = models.JSONField(
        default=dict
    )  # {key of a completion: its rank}, 1 is best; empty where flags alone are known
    # How many have the last rank as the rest: below all others, but nothing is known of any two of them. 0: none.
    unranked = models.SmallIntegerField(default=0, db_default=0)
    flags = models.JSONField(default=dict)  # {key of a completion: {name of a flag: true or false}}, of those known
    explanation = models.TextField(blank=True, default="")
    # Labelers practise on it, and see its order and why once they answered: it is never drawn as a check.
    practice = models.BooleanField(default=False, db_default=False)
    source = models.CharField(max_length=8, choices=Source.choices)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(source__in=("typed", "ranking", "review", "import")), name="gold_source_known"
            ),
            models.CheckConstraint(
                condition=Q(unranked=0) | Q(unranked__range=(2, 9)) & ~Q(ranks={}), name="gold_rest_of_some"
            ),
        )
        indexes = (models.Index(fields=("project", "id"), name="gold_project"),)

    def __str__(self) -> str:
        return f"gold of {self.prompt_id}"


class CheckResult(models.Model):
    """What a check says of its labeler. The answer writes the row, a worker counts: nobody waits for it."""

    assignment = models.OneToOneField(Assignment, on_delete=models.CASCADE, related_name="check_result")
    # Their indexes are check_of_a_person and check_of_a_prompt.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    labeler = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="check_results", db_index=False)
    purpose = models.CharField(max_length=6, choices=Purpose.choices)
    ranking = models.ForeignKey(Ranking, on_delete=models.CASCADE, related_name="+", null=True)  # of which it is
    doubted = models.BooleanField(default=False, db_default=False)  # its labeler said that gold can't be ranked
    # As quality/checks/verdicts.Checked has them; null before they are counted, and where there is nothing to compare.
    comparisons = models.PositiveIntegerField(null=True)
    right = models.FloatField(null=True)
    worth = models.FloatField(null=True)
    scored_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()  # when it was answered first

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(purpose__in=("gold", "repeat")), name="check_purpose_known"),
            models.CheckConstraint(
                condition=Q(comparisons__isnull=True) | Q(right__gte=0, right__lte=F("comparisons")),
                name="check_right_of_its_comparisons",
            ),
        )
        indexes = (
            models.Index(fields=("project", "labeler", "purpose", "created_at"), name="check_of_a_person"),
            models.Index(fields=("prompt", "id"), name="check_of_a_prompt"),
            models.Index(
                fields=("id",),
                condition=Q(scored_at__isnull=True, ranking__isnull=False),
                name="check_to_score",
            ),
            models.Index(fields=("project", "id"), condition=Q(doubted=True), name="check_doubt"),
        )

    def __str__(self) -> str:
        return f"result of {self.assignment_id}"
