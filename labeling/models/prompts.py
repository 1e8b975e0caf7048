"""What is ranked: a prompt and its K completions."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from labeling.models.projects import Project

MOST_TAGS, LONGEST_TAG = 20, 50
# What a manager sets. Each that open prompts have costs a labeler's claim a look.
LOWEST_PRIORITY, HIGHEST_PRIORITY = -9, 9


class Split(models.TextChoices):
    TRAIN = "train", _("Train")
    VALIDATION = "validation", _("Validation")
    TEST = "test", _("Test")


class Prompt(models.Model):
    nobody_left: bool = False  # where it was asked (queue/skips.py)

    # Its index is prompt_project, which also finds the newest.
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prompts", db_index=False)
    external_id = models.CharField(max_length=200)
    # [{"role": "user", "content": "..."}], the last one unanswered. A text that stands alone has a turn without words.
    messages = models.JSONField()
    # What the split follows from, for ever: its key, or what that of a prompt follows from that is the same.
    content_sha256 = models.CharField(max_length=64)
    # formats.prompts.prompt_key, which prompts share that are the same; null where content_sha256 is it, as of most.
    prompt_key = models.CharField(max_length=64, null=True)  # noqa: DJ001 - null is not an empty text here
    split = models.CharField(max_length=10, choices=Split.choices)
    overlap = models.PositiveSmallIntegerField(default=1)
    # Rankings it has, kept by a trigger on assignments (migration 0003): the queue finds open prompts by an index.
    ranked = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Of the newest ranking that stands; null where none does. Kept by triggers, with the number above (migration 0055).
    last_ranked_at = models.DateTimeField(null=True)
    # The queue serves the highest first, and among equals the first imported. Whoever has a reason may change it.
    priority = models.SmallIntegerField(default=0, db_default=0)
    # Set when a labeler says that it can't be ranked by anyone: out of the queue until a reviewer decides.
    held_at = models.DateTimeField(null=True)
    held_reason = models.TextField(blank=True, default="")
    # A manager's hold: held_at of the moment when a manager set it, with the reason. Equal to held_at as long as it
    # holds, so that whoever puts a prompt back needn't know of it.
    hold_at = models.DateTimeField(null=True)
    # Set when a manager takes it out, with its rankings, and null again when it is put back. What is withdrawn is held
    # too, so that the queue looks at one column: from that moment on where it was not before.
    withdrawn_at = models.DateTimeField(null=True)
    # Since when it has gold (models/quality/checks.py): it is held too, as what is withdrawn is, and its rankings stay.
    gold_at = models.DateTimeField(null=True)
    # Whether two live rankings put two completions in opposite order or, where they order nothing, give a flag opposite
    # answers. Kept by triggers (migration 0038).
    disagrees = models.BooleanField(default=False, db_default=False)
    tags = ArrayField(models.CharField(max_length=LONGEST_TAG), default=list, db_default=[], blank=True)  # sorted
    # Whose people alone get it; null: everybody. Triggers set it by its tags (migration 0068), unless a manager did by
    # hand. Without a key's check, for a cohort goes at once and its prompts batch by batch.
    cohort = models.ForeignKey(
        "labeling.Cohort", on_delete=models.DO_NOTHING, related_name="prompts", null=True, db_constraint=False,
        db_index=False,
    )  # fmt: skip
    cohort_by_hand = models.BooleanField(default=False, db_default=False)
    # Set when a reviewer's ranking took the place of all others: it needs no more, whatever the project's overlap.
    decided_at = models.DateTimeField(null=True)
    # Of its texts: the next one keeps its id, and those before are in PromptRevision (data/revising).
    revision = models.PositiveIntegerField(default=1, db_default=1)
    revised_at = models.DateTimeField(null=True)
    metadata = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)
    # Without an index: an import's prompts are found by the range of their keys, which it notes.
    imported_by = models.ForeignKey(
        "labeling.Import", on_delete=models.DO_NOTHING, related_name="+", null=True, db_constraint=False, db_index=False
    )

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "external_id"), name="prompt_once_per_project"),
            # Referenced by assignments, so that a slot beyond the overlap can't exist.
            models.UniqueConstraint(fields=("id", "overlap"), name="prompt_id_overlap"),
            models.CheckConstraint(condition=Q(overlap__gte=1), name="prompt_overlap_positive"),
            models.CheckConstraint(condition=Q(tags__len__lte=MOST_TAGS), name="prompt_tags_at_most"),
            models.CheckConstraint(condition=Q(split__in=Split.values), name="prompt_split_known"),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True) | Q(held_at__isnull=False), name="prompt_withdrawn_is_held"
            ),
            models.CheckConstraint(
                condition=Q(gold_at__isnull=True) | Q(held_at__isnull=False), name="prompt_gold_is_held"
            ),
        )
        indexes = (
            models.Index(fields=("project", "id"), name="prompt_project"),
            models.Index(fields=("project", "split"), condition=Q(ranked__gt=0), name="prompt_ranked"),
            models.Index(F("project"), Coalesce("prompt_key", "content_sha256"), name="prompt_same"),
            models.Index(
                *(F("project"), Coalesce("cohort", 0), F("priority").desc(), F("id")),
                condition=Q(held_at__isnull=True, ranked__lt=F("overlap")),
                name="prompt_in_turn_by_cohort",
            ),
            models.Index(fields=("project", "cohort", "id"), condition=Q(cohort__isnull=False), name="prompt_cohort"),
            # What the list of prompts shows, in the order of these, of import, or of a state's import.
            models.Index(fields=("project", "-priority", "id"), name="prompt_priority"),
            models.Index(fields=("project", "last_ranked_at", "id"), name="prompt_last_ranked"),
            models.Index(
                fields=("project", "id"),
                condition=Q(held_at__isnull=True, ranked__lt=F("overlap")),
                name="prompt_waiting",
            ),
            models.Index(
                fields=("project", "id"),
                condition=Q(held_at__isnull=True, ranked__gte=F("overlap")),
                name="prompt_finished",
            ),
            models.Index(
                fields=("project", "id"),
                condition=Q(withdrawn_at__isnull=True, gold_at__isnull=True, held_at__isnull=False),
                name="prompt_held",
            ),
            models.Index(
                fields=("project", "id"),
                condition=Q(withdrawn_at__isnull=True, gold_at__isnull=False),
                name="prompt_gold",
            ),
            models.Index(
                *(F("project"), Coalesce("cohort", 0), F("id")),
                condition=Q(withdrawn_at__isnull=True, gold_at__isnull=False),
                name="prompt_gold_by_cohort",
            ),
            models.Index(fields=("project", "id"), condition=Q(withdrawn_at__isnull=False), name="prompt_withdrawn"),
            models.Index(fields=("project", "id"), condition=Q(disagrees=True), name="prompt_disagrees"),
            # Few have one, and each change of a row writes all of its indexes.
            GinIndex(fields=("tags",), condition=~Q(tags=[]), name="prompt_tags"),
        )

    def __str__(self) -> str:
        return self.external_id

    @property
    def is_on_hold(self) -> bool:
        """Tells whether a manager holds it; else somebody said that it can't be ranked, if it is held."""
        return self.hold_at is not None and self.hold_at == self.held_at

    @property
    def priority_shown(self) -> str:
        """Writes the priority with the sign that a text has, which is no hyphen."""
        return str(self.priority).replace("-", "\N{MINUS SIGN}")

    @property
    def is_dialogue(self) -> bool:
        """Tells whether anything was asked: false of a text that stands alone."""
        return any(message["content"].strip() for message in self.messages)


class Completion(models.Model):
    # Its index is completion_position_once.
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="completions", db_index=False)
    external_id = models.CharField(max_length=200)
    text = models.TextField()
    model_name = models.CharField(max_length=200, blank=True, default="")  # never shown to a labeler
    position = models.PositiveSmallIntegerField()  # 0-based place in the imported row

    class Meta:
        ordering = ("prompt_id", "position")
        constraints = (
            models.UniqueConstraint(fields=("prompt", "external_id"), name="completion_once_per_prompt"),
            models.UniqueConstraint(fields=("prompt", "position"), name="completion_position_once"),
            # Referenced by ranked completions and pairs: what they name belongs to their prompt.
            models.UniqueConstraint(fields=("id", "prompt"), name="completion_id_prompt"),
        )

    def __str__(self) -> str:
        return f"{self.prompt_id}/{self.external_id}"


class PromptRevision(models.Model):
    """A revision that another one replaced. What was ranked on it are the prompt's rankings up to `last_ranking_id`."""

    # Its index is prompt_revision_once.
    prompt = models.ForeignKey(Prompt, on_delete=models.CASCADE, related_name="revisions", db_index=False)
    number = models.PositiveIntegerField()
    messages = models.JSONField()
    texts = models.JSONField()  # [{"id": ..., "text": ...}], of the completions in their order
    metadata = models.JSONField(default=dict, db_default={})  # what of it said these texts, and went with them
    rankings = models.PositiveIntegerField()  # that stood on it, and ended with it
    last_ranking_id = models.BigIntegerField()
    replaced_at = models.DateTimeField()
    replaced_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("prompt", "number"), name="prompt_revision_once"),)

    def __str__(self) -> str:
        return f"revision {self.number} of {self.prompt_id}"


class PromptErasure(models.Model):
    """That a prompt's texts were erased for good, by whom, and which frozen versions had them and keep them."""

    prompt = models.OneToOneField(Prompt, on_delete=models.CASCADE, related_name="erasure")
    versions = models.JSONField(default=list)  # numbers, the newest first
    erased_at = models.DateTimeField(auto_now_add=True)
    erased_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)

    def __str__(self) -> str:
        return f"erasure of {self.prompt_id}"


class SearchText(models.Model):
    """The words of a prompt and its completions. It is gone as soon as a text changes, and made anew by the sweep."""

    prompt = models.OneToOneField(Prompt, on_delete=models.CASCADE, related_name="search_text", primary_key=True)
    # With '#' and the project's key as a word of its own, so that the index answers for one project.
    words = SearchVectorField()

    class Meta:
        indexes = (GinIndex(fields=("words",), name="search_text_words"),)

    def __str__(self) -> str:
        return f"words of {self.prompt_id}"


class SearchBacklog(models.Model):
    """Prompts whose words are to be read, as triggers noted them: those of one statement, or of one change."""

    prompts = ArrayField(models.BigIntegerField())

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{len(self.prompts)} prompts to read"
