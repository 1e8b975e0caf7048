"""What a labeler said: a ranking (one revision of it) and the rank of each completion."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext_lazy as _

from labeling.models.assignments import Assignment, Purpose
from labeling.models.projects import Project
from labeling.models.prompts import Completion, Prompt

MAX_ACTIVE_SECONDS = 86_400  # of one answer: a day; what says more is no measurement


def given() -> Q:
    """Selects of each answer what its labeler said last, whatever became of it after: a reviewer decided over it, its
    prompt was withdrawn or corrected, all work of the person was withdrawn. Not what they changed or took back.

    Whoever changes an answer, or takes it back, moves the end of its task to that moment or past it; nothing that
    others do moves it. Answers to checks are none: they are no data. GIVEN says the same of rows named r.
    """
    return Q(live=True) | Q(purpose=Purpose.LABEL, ended_at__gt=_end_of_task())


GIVEN = """(r.live OR r.purpose = 'label' AND r.ended_at > (
    SELECT a.finished_at FROM labeling_assignment a WHERE a.id = r.assignment_id))"""


def standing() -> Q:
    """Selects what stands as its labeler sees it: data, and answers to checks, which they can't tell from it."""
    return Q(live=True) | ~Q(purpose=Purpose.LABEL) & Q(ended_at=None)


def said() -> Q:
    """Selects what `given` does, as its labeler sees it: with answers to checks."""
    return standing() | Q(ended_at__gt=_end_of_task())


def _end_of_task() -> Subquery:
    return Subquery(Assignment.objects.filter(pk=OuterRef("assignment")).values("finished_at"))


class Ranking(models.Model):
    class Source(models.TextChoices):
        LABELED = "labeled", _("Labeled here")
        IMPORTED = "imported", _("Imported")

    # The constraint of all three is ranking_of_its_assignment; the first's index is ranking_revision_once.
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, related_name="rankings", db_constraint=False, db_index=False
    )
    prompt = models.ForeignKey(
        Prompt, on_delete=models.PROTECT, related_name="rankings", db_constraint=False, db_index=False
    )
    # Its prompt's, written by a trigger whoever inserts it (migration 0034), so that a project's are read in order.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="rankings", db_constraint=False, db_index=False
    )
    labeler = models.ForeignKey(  # its index is ranking_labeler, which also finds the newest
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rankings", db_constraint=False, db_index=False
    )
    revision = models.PositiveIntegerField(default=1)
    purpose = models.CharField(  # its task's
        max_length=6, choices=Purpose.choices, default=Purpose.LABEL, db_default=Purpose.LABEL
    )
    # Whether it is data. False: superseded by a later revision, or withdrawn; of an answer to a check always.
    live = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True)  # when it was superseded or withdrawn
    # The reviewer's that decided instead of it: it stays as a record, and in its labeler's history.
    superseded_by = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.LABELED)
    comment = models.TextField(blank=True, default="")
    # How much better the better of two is: 1 slightly, 2 clearly, 3 much. Null where it was not asked or they tie.
    strength = models.PositiveSmallIntegerField(null=True)
    # How many tiers are good enough, from the best on: 0 none, all of them all. Null where it was not asked.
    acceptable = models.PositiveSmallIntegerField(null=True)
    reasons = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)  # names, in order
    # What its labeler made of a completion that they put first: better than that one, and so than all others.
    rewrite = models.TextField(blank=True, default="", db_default="")
    rewrite_of = models.ForeignKey(  # its constraint is ranking_rewrite_of_its_prompt
        Completion, on_delete=models.PROTECT, related_name="+", null=True, db_constraint=False, db_index=False
    )
    # How many have the last rank as the rest: below all others, but nothing is said of any two of them. 0: none.
    unranked = models.SmallIntegerField(default=0, db_default=0)
    # Whether it says anything of those before, or attributes: whoever freezes or exports asks once whether any does.
    says_more = models.BooleanField(default=False, db_default=False)
    active_seconds = models.FloatField(null=True)
    payload_sha256 = models.CharField(max_length=64)  # tells a repeated submission from a different one
    created_at = models.DateTimeField(auto_now_add=True)
    imported_by = models.ForeignKey(  # of a recorded one; without an index, as of a prompt
        "labeling.Import", on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("assignment",), condition=Q(live=True), name="ranking_one_live"),
            models.UniqueConstraint(
                fields=("assignment",),
                condition=~Q(purpose="label") & Q(ended_at__isnull=True),
                name="ranking_one_standing_check",
            ),
            models.UniqueConstraint(fields=("assignment", "revision"), name="ranking_revision_once"),
            # Referenced by ranked completions, and by pairs, which only a live ranking has.
            models.UniqueConstraint(fields=("id", "prompt"), name="ranking_id_prompt"),
            models.UniqueConstraint(fields=("id", "prompt", "labeler", "live"), name="ranking_id_prompt_labeler_live"),
            models.CheckConstraint(
                condition=Q(strength__isnull=True) | Q(strength__range=(1, 3)), name="ranking_strength_known"
            ),
            models.CheckConstraint(
                condition=Q(acceptable__isnull=True) | Q(acceptable__range=(0, 10)), name="ranking_acceptable_tiers"
            ),
            models.CheckConstraint(condition=Q(unranked=0) | Q(unranked__range=(2, 9)), name="ranking_rest_of_some"),
            models.CheckConstraint(condition=Q(reasons__len__lte=20), name="ranking_reasons_at_most"),
            models.CheckConstraint(
                condition=Q(says_more=True) | Q(acceptable__isnull=True, reasons=[]), name="ranking_says_what_it_says"
            ),
            models.CheckConstraint(
                condition=Q(rewrite="", rewrite_of__isnull=True) | (~Q(rewrite="") & Q(rewrite_of__isnull=False)),
                name="ranking_rewrite_of_something",
            ),
            models.CheckConstraint(
                condition=Q(says_more=True) | Q(rewrite_of__isnull=True), name="ranking_says_more_with_a_rewrite"
            ),
            models.CheckConstraint(
                condition=Q(live=False) | Q(ended_at__isnull=True), name="ranking_live_has_not_ended"
            ),
            models.CheckConstraint(condition=Q(purpose__in=("label", "gold", "repeat")), name="ranking_purpose_known"),
            # So no pair, export, version or number can have one, whoever writes them.
            models.CheckConstraint(condition=Q(purpose="label") | Q(live=False), name="ranking_of_a_check_is_no_data"),
            models.CheckConstraint(
                condition=Q(active_seconds__isnull=True) | Q(active_seconds__range=(0, MAX_ACTIVE_SECONDS)),
                name="ranking_active_seconds_of_a_day",
            ),
        )
        # With the key, so that the check of a key to a ranking doesn't walk past all others of its prompt.
        indexes = (
            models.Index(fields=("prompt", "id"), name="ranking_prompt"),
            models.Index(fields=("project", "id"), name="ranking_project"),
            models.Index(fields=("project", "id"), condition=~Q(purpose="label"), name="ranking_checks"),
            models.Index(fields=("labeler", "id"), name="ranking_labeler"),
            # A labeler's own day stands beside each answer.
            models.Index(fields=("labeler", "created_at"), name="ranking_day"),
            models.Index(fields=("project",), condition=Q(says_more=True, live=True), name="ranking_says_more"),
            models.Index(fields=("project",), condition=Q(unranked__gt=0, live=True), name="ranking_has_a_rest"),
        )

    def __str__(self) -> str:
        return f"ranking {self.pk}"

    @property
    def stands(self) -> bool:
        """Tells whether it stands as its labeler sees it, who can't tell a check from data."""
        return self.live or (self.purpose != Purpose.LABEL and self.ended_at is None)

    @property
    def top_k(self) -> int | None:
        """Gives how many are ranked above a rest; None where all are ranked."""
        return len(self.ranked.all()) - self.unranked if self.unranked else None

    def rank_of_the_rest(self, places: Iterable["RankedCompletion"]) -> int | None:
        """Gives the rank, the last one, of what was left unranked below the others; None where all are ranked.

        places: all of its own.
        """
        return max(place.rank for place in places) if self.unranked else None


class RankedCompletion(models.Model):
    # Their constraints are ranked_completion_of_its_ranking and _prompt; the first's index is ranked_completion_once.
    ranking = models.ForeignKey(
        Ranking, on_delete=models.CASCADE, related_name="ranked", db_constraint=False, db_index=False
    )
    completion = models.ForeignKey(Completion, on_delete=models.PROTECT, related_name="ranked", db_constraint=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    rank = models.PositiveSmallIntegerField()  # 1 is best; equal ranks are a tie, but for a rest
    shown_position = models.PositiveSmallIntegerField(null=True)  # 0-based on the labeler's screen; null if imported
    flags = models.JSONField(default=dict)
    # {"helpful": 4}; of a comparison of two 2 for the one and -2 for the other, so that no order of them matters.
    attributes = models.JSONField(default=dict, db_default={})
    note = models.TextField(blank=True, default="", db_default="")  # what is wrong with it, in the labeler's words

    class Meta:
        ordering = ("ranking_id", "rank", "id")
        constraints = (
            models.UniqueConstraint(fields=("ranking", "completion"), name="ranked_completion_once"),
            models.CheckConstraint(condition=Q(rank__gte=1), name="ranked_completion_rank_positive"),
        )
        # Few have one: whoever looks for notes needn't walk past all the others.
        indexes = (models.Index(fields=("ranking",), condition=~Q(note=""), name="ranked_completion_note"),)

    def __str__(self) -> str:
        return f"{self.completion_id} at {self.rank}"
