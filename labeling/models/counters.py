"""What a project has, as numbers that triggers keep (migration 0017), so that nobody counts rows to show them.

Each number is spread over several rows, and is their sum: who changes it takes a row that nobody else holds, or makes
one, and so waits for nobody's commit. See docs/decisions/0120-counters.md; labeling/projects/counters.py reads them.
"""

from django.conf import settings
from django.db import models

from labeling.models.projects import Project
from labeling.models.prompts import Split


class Counter(models.Model):
    """A part of the counts of a project, split and range of rankings; with a flag, of the answers to it.

    A change of any row that is counted is added where it happens, so a single row may well be below zero.
    """

    # The database deletes it with the project: Django needn't look.
    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    split = models.CharField(max_length=10, choices=Split.choices)
    id_range = models.BigIntegerField()  # of rankings, their id >> 11 (2,048 of them); of prompts, that of the time
    flag = models.TextField(blank=True, default="", db_default="")
    prompts = models.BigIntegerField(default=0, db_default=0)
    settled = models.BigIntegerField(default=0, db_default=0)  # ranked as often as their overlap asks
    begun = models.BigIntegerField(default=0, db_default=0)  # ranked, but not so often yet
    held = models.BigIntegerField(default=0, db_default=0)  # someone said that they can't be ranked
    waiting = models.BigIntegerField(default=0, db_default=0)  # neither held nor settled
    missing = models.BigIntegerField(default=0, db_default=0)  # rankings that those which wait still need
    withdrawn = models.BigIntegerField(default=0, db_default=0)  # prompts, which no other number has
    gold = models.BigIntegerField(default=0, db_default=0)  # prompts with gold, which no other number has either
    rankings = models.BigIntegerField(default=0, db_default=0)  # live ones, as everything below
    ranked_texts = models.BigIntegerField(default=0, db_default=0)  # once for each ranking
    comparisons = models.BigIntegerField(default=0, db_default=0)  # of two texts of a ranking: pairs and ties
    pairs = models.BigIntegerField(default=0, db_default=0)
    labels = models.BigIntegerField(default=0, db_default=0)  # of a flag: texts with an answer, once for each ranking
    yes = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        indexes = (models.Index(fields=("project", "flag", "split", "id_range", "id"), name="counter_of"),)

    def __str__(self) -> str:
        return f"{self.project_id} {self.split} {self.id_range} {self.flag}".rstrip()


class Drawn(models.Func):
    """A pseudonym drawn at random: 62 bits of it are."""

    template = "('labeler-' || right(replace(gen_random_uuid()::text, '-', ''), 16))"
    output_field = models.CharField()


class LabelerCounter(models.Model):
    """How many rankings of a project are one person's. Nobody else's work changes it, so it is a single row."""

    project = models.ForeignKey(
        Project, on_delete=models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    labeler = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False
    )
    rankings = models.BigIntegerField(default=0, db_default=0)  # live ones
    checks = models.BigIntegerField(
        default=0, db_default=0
    )  # answers to checks that stand: for the person's own totals
    # What stands for the person in files that leave (data/exporting/pseudonyms.py): drawn once, and never changed.
    pseudonym = models.CharField(max_length=24, db_default=Drawn())

    class Meta:
        constraints = (models.UniqueConstraint(fields=("project", "labeler"), name="labeler_counter_once"),)

    def __str__(self) -> str:
        return f"{self.rankings} in {self.project_id} by {self.labeler_id}"
