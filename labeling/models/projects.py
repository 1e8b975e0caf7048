"""A project, the people in it and how they got there."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from formats.prompts import has_extra_overlap
from jobs.models import Job
from labeling.judgements import JUDGEMENTS, Judgement

LONGEST_REASON = 300  # of a pause
SHARES = ("overlap", "extra_percent", "extra_overlap")  # what says how many people rank a prompt
COMPARISON = "comparison"  # the kind of an attribute that is said of two; else it is a rating of each


# What a project says of gold and self-repeats: the highest and the lowest that each may be.
CHECKS = {
    "gold_percent": (0, 50),
    "repeat_percent": (0, 50),
    "repeat_after": (0, 1_000),
    "repeat_minutes": (0, 525_600),
    **{f"{kind}_{act}": (0, 100) for kind in ("gold", "repeat") for act in ("warn", "pause", "stop")},
    "check_fewest": (1, 1_000),
}
# And of the qualification: items of an attempt, 0 asks for none; what is right to pass; attempts, and how far apart.
QUALIFICATION = {
    "qualify_items": (0, 50),
    "qualify_percent": (1, 100),
    "qualify_attempts": (1, 100),
    "qualify_wait_hours": (0, 720),
}
CHECKS |= QUALIFICATION


class Role(models.TextChoices):
    LABELER = "labeler", _("Labeler")
    REVIEWER = "reviewer", _("Reviewer")
    MANAGER = "manager", _("Manager")


class Project(models.Model):
    class Justification(models.TextChoices):
        OFF = "off", _("Off: a comment, if somebody has one")
        OPTIONAL = "optional", _("Optional: the field is open")
        REQUIRED = "required", _("Required: a reason or words")

    class Rewrite(models.TextChoices):
        OFF = "off", _("Off")
        OPTIONAL = "optional", _("Optional: who likes writes the best one anew")

    class Kind(models.TextChoices):
        RANKING = "ranking", _("Ranking: completions of a prompt, best first")
        CLASSIFICATION = "classification", _("Classification: yes or no to questions about each text")

    # Who asked for it, and the role that they have in it, where both were read together (people/access.py).
    asked_by: "tuple[int, Role | None] | None" = None
    warned_who_asked = False  # by their checks

    slug = models.SlugField(unique=True, max_length=60)
    name = models.CharField(max_length=120)
    guidelines = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.RANKING, db_default=Kind.RANKING)
    # Yes/no questions about each completion; a classification needs each answered.
    # [{"name": "hateful", "label": "Hateful"}].
    flags = models.JSONField(default=list, blank=True)
    # With two completions: also ask how much better the better one is.
    ask_strength = models.BooleanField(default=False, db_default=False)
    # What is said in the same breath as the order; each off by default (projects/asks.py checks them).
    # Where the acceptable completions end: how many tiers are above the line.
    ask_acceptable = models.BooleanField(default=False, db_default=False)
    ask_reasons = models.JSONField(default=list, db_default=[], blank=True)  # as flags are, but of the whole answer
    justification = models.CharField(
        max_length=8, choices=Justification.choices, default=Justification.OFF, db_default=Justification.OFF
    )
    # Ratings of each completion: [{"name": "helpful", "label": "Helpful", "scale": 5, "low": "not", "high": "very"}].
    # With "kind": "comparison" it is said of two completions from -3 to 3, and there is no scale.
    attributes = models.JSONField(default=list, db_default=[], blank=True)
    # Of more than six completions only so many are ranked, the best, and the rest is left below them; 0: all are.
    top_k = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(9)])
    ask_rewrite = models.CharField(max_length=8, choices=Rewrite.choices, default=Rewrite.OFF, db_default=Rewrite.OFF)
    overlap = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
        help_text="How many people rank each prompt.",
    )
    # Of so many percent of the prompts more people do. Which ones follows from what they say (formats/prompts.py).
    extra_percent = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(100)])
    extra_overlap = models.PositiveSmallIntegerField(
        default=3, db_default=3, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    lease_minutes = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
        help_text="How long a labeler keeps a prompt without touching it.",
    )
    # Rankings a day (of the site's time zone) that one person may give; 0: as many as there are.
    daily_limit = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(5_000)])
    # While it is paused nobody gets a new task; what people hold they may finish.
    paused_at = models.DateTimeField(null=True, editable=False)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    pause_reason = models.CharField(max_length=LONGEST_REASON, default="", db_default="", editable=False)
    # Whose stems its texts are searched by, as PostgreSQL calls it; "simple" has none (projects/search_languages.py).
    search_language = models.CharField(max_length=40, default="simple", db_default="simple")
    review_percent = models.PositiveSmallIntegerField(
        default=0, db_default=0, validators=[MaxValueValidator(100)], help_text="New rankings that reviewers look at."
    )
    # How sure a champion must be of the contrary for a ranking to go to reviewers; 0: none does.
    champion_percent = models.PositiveSmallIntegerField(default=95, db_default=95)
    # Of the tasks that a labeler gets: those with gold, and those that they had before. 0 of projects that are older.
    gold_percent = models.PositiveSmallIntegerField(default=5, db_default=0, validators=[MaxValueValidator(50)])
    repeat_percent = models.PositiveSmallIntegerField(default=3, db_default=0, validators=[MaxValueValidator(50)])
    # A prompt comes again after so many other answers of the person, and so many minutes.
    repeat_after = models.PositiveSmallIntegerField(default=20, db_default=20, validators=[MaxValueValidator(1000)])
    repeat_minutes = models.PositiveIntegerField(default=60, db_default=60, validators=[MaxValueValidator(525_600)])
    # Below which lower end of a person's interval something happens, in percent of comparisons; 0: it never does.
    gold_warn = models.PositiveSmallIntegerField(default=60, db_default=60, validators=[MaxValueValidator(100)])
    gold_pause = models.PositiveSmallIntegerField(default=50, db_default=50, validators=[MaxValueValidator(100)])
    gold_stop = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(100)])
    repeat_warn = models.PositiveSmallIntegerField(default=55, db_default=55, validators=[MaxValueValidator(100)])
    repeat_pause = models.PositiveSmallIntegerField(default=50, db_default=50, validators=[MaxValueValidator(100)])
    repeat_stop = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(100)])
    check_fewest = models.PositiveSmallIntegerField(  # checks, before anything happens
        default=10, db_default=10, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    # A new labeler answers so many practice items first, and has so many percent of their comparisons right.
    qualify_items = models.PositiveSmallIntegerField(default=0, db_default=0, validators=[MaxValueValidator(50)])
    qualify_percent = models.PositiveSmallIntegerField(
        default=70, db_default=70, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    qualify_attempts = models.PositiveSmallIntegerField(
        default=3, db_default=3, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    qualify_wait_hours = models.PositiveSmallIntegerField(default=1, db_default=1, validators=[MaxValueValidator(720)])
    # Since somebody left it is looked, prompt by prompt, who is left: after this key. 0: to begin with. Null: all are.
    look_after = models.BigIntegerField(null=True, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # Since when it is being deleted: nobody sees it any more, and it never comes back (data/deleting).
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=("ranking", "classification")), name="project_kind_known"),
            models.CheckConstraint(
                condition=~Q(kind="classification") | ~Q(flags=[]), name="project_classification_asks_something"
            ),
            models.CheckConstraint(
                condition=Q(justification__in=("off", "optional", "required")), name="project_justification_known"
            ),
            models.CheckConstraint(
                condition=~Q(kind="classification") | Q(ask_acceptable=False, attributes=[]),
                name="project_classification_has_no_order",
            ),
            models.CheckConstraint(condition=Q(ask_rewrite__in=("off", "optional")), name="project_rewrite_known"),
            models.CheckConstraint(
                condition=~Q(kind="classification") | Q(ask_rewrite="off"), name="project_classification_has_no_best"
            ),
            models.CheckConstraint(condition=Q(top_k__lte=9), name="project_top_k_below_all"),
            models.CheckConstraint(
                condition=~Q(kind="classification") | Q(top_k=0), name="project_classification_has_no_top"
            ),
            models.CheckConstraint(condition=Q(overlap__gte=1), name="project_overlap_positive"),
            models.CheckConstraint(condition=Q(extra_percent__lte=100), name="project_extra_percent_of_all"),
            models.CheckConstraint(
                condition=Q(extra_percent=0) | Q(extra_overlap__gt=F("overlap")), name="project_extra_overlap_is_more"
            ),
            models.CheckConstraint(
                condition=Q(paused_at=None, paused_by=None, pause_reason="")
                | (Q(paused_at__isnull=False) & ~Q(pause_reason="")),
                name="project_pause_says_why",
            ),
            models.CheckConstraint(condition=Q(lease_minutes__gte=1), name="project_lease_positive"),
            models.CheckConstraint(condition=Q(review_percent__lte=100), name="project_review_percent_of_all"),
            models.CheckConstraint(
                condition=Q(gold_percent__lte=50, repeat_percent__lte=50), name="project_checks_at_most_half"
            ),
            models.CheckConstraint(
                condition=Q(
                    gold_warn__lte=100,
                    gold_pause__lte=100,
                    gold_stop__lte=100,
                    repeat_warn__lte=100,
                    repeat_pause__lte=100,
                    repeat_stop__lte=100,
                    check_fewest__gte=1,
                ),
                name="project_marks_are_percents",
            ),
            models.CheckConstraint(
                condition=Q(
                    qualify_items__lte=50,
                    qualify_percent__range=(1, 100),
                    qualify_attempts__range=(1, 100),
                    qualify_wait_hours__lte=720,
                ),
                name="project_qualification_in_its_limits",
            ),
            models.CheckConstraint(
                condition=Q(champion_percent=0) | Q(champion_percent__range=(51, 99)),
                name="project_champion_percent_of_the_contrary",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def judgement(self) -> Judgement:
        """Gives what its kind asks of people."""
        return JUDGEMENTS[self.kind]

    def overlap_of(self, content_sha256: str) -> int:
        """Tells how many people are to rank a prompt with this checksum."""
        return self.extra_overlap if has_extra_overlap(content_sha256, self.extra_percent) else self.overlap


class Membership(models.Model):
    class Pause(models.TextChoices):
        NONE = "", _("At work")
        PAUSED = "paused", _("Paused")  # by their checks, until a reviewer or a manager lets them go on
        STOPPED = "stopped", _("Stopped")  # by their checks, until a manager does

    class Qualified(models.TextChoices):
        NOT = "", _("Not qualified")
        PASSED = "passed", _("Passed")
        LET = "let", _("Let pass")  # by a reviewer or a manager
        BEFORE = "before", _("Was here before")  # when the project began to ask, for new people alone

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)
    # What the person's checks say (labeling/quality/checks/acting.py): they get no new tasks, but may finish theirs.
    pause = models.CharField(max_length=8, choices=Pause.choices, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True)
    warned_at = models.DateTimeField(null=True)
    checks_from = models.DateTimeField(null=True)  # when they were let go on: what they answered before counts no more
    takes_cases = models.BooleanField(default=False, db_default=False)  # named: new cases of reviews are theirs

    # Of labelers, where the project asks for it (labeling/quality/practising): without it they get no new task.
    qualified = models.CharField(max_length=8, choices=Qualified.choices, blank=True, default="", db_default="")
    qualified_at = models.DateTimeField(null=True)
    qualify_from = models.DateTimeField(null=True)  # when they were asked again: attempts from before count no more

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=("project", "user"), name="membership_once_per_project"),
            models.CheckConstraint(
                condition=Q(qualified="", qualified_at__isnull=True)
                | Q(qualified__in=("passed", "let", "before"), qualified_at__isnull=False),
                name="membership_qualified_has_its_moment",
            ),
            models.CheckConstraint(
                condition=Q(pause="", paused_at__isnull=True)
                | Q(pause__in=("paused", "stopped"), paused_at__isnull=False),
                name="membership_pause_has_its_moment",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
            models.CheckConstraint(
                condition=Q(takes_cases=False) | Q(role__in=("reviewer", "manager")), name="membership_reviewer_reviews"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.project_id}"


class Invitation(models.Model):
    """What makes somebody a member, once: a link, of which only the hash is stored, or the name of an account.

    One by name looks the same to the project whether there is such an account or not, and so does a declined one: it
    stays until it ends. It has the hash of a link that nobody was ever given, and is gone once it is accepted.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.LABELER)
    token_sha256 = models.CharField(max_length=64, unique=True)
    note = models.CharField(max_length=120, blank=True, default="")
    # Whom a link is for, until it is used: what their registration begins with.
    name = models.CharField(max_length=120, blank=True, default="", db_default="")
    email = models.EmailField(blank=True, default="", db_default="")
    username = models.CharField(max_length=150, blank=True, default="", db_default="")  # "" is a link's
    # Whom the name was when it was written: an account that takes the name later was not meant.
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, related_name="invitations", null=True
    )
    declined_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", null=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("project", "username"), condition=~Q(username=""), name="invitation_once_per_name"
            ),
            models.CheckConstraint(
                condition=Q(account=None) | ~Q(username=""), name="invitation_of_an_account_by_name"
            ),
        )

    def __str__(self) -> str:
        return f"invitation {self.pk} to {self.project_id}"


class ProjectDeletion(Job):
    """A project that is deleted, and the record of it that stays: who, when, which, how much; none of its texts."""

    ADVICE: ClassVar[str] = "See the worker's log, then ask for it again by manage.py delete_project: it goes on."

    project = models.ForeignKey(Project, on_delete=models.SET_NULL, related_name="deletions", null=True)
    project_key = models.BigIntegerField()  # what it was, by which its files lie
    slug = models.CharField(max_length=60)
    name = models.CharField(max_length=120)
    counts = models.JSONField(default=dict)  # {"prompts": n, ...}: what there was when it was asked for

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("project_key",), name="project_deletion_once"),
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed")), name="project_deletion_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state="succeeded") | Q(project__isnull=True), name="project_deletion_ends_without_it"
            ),
        )

    def __str__(self) -> str:
        return f"deletion of {self.slug}"

    @property
    def is_over(self) -> bool:
        return self.state == self.State.SUCCEEDED


class PersonErasure(Job):
    """That a person's name and words are erased, by whom, where a pseudonym stands now. None of it says who it was."""

    ADVICE: ClassVar[str] = "See the worker's log, then ask for it again by manage.py erase_person: it goes on."
    OF: ClassVar[str] = "person"

    person = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="erasure")
    with_work = models.BooleanField(default=False)  # all that the person ranked is withdrawn too
    # {"project's key/number of its version": how many rankings in its file have the pseudonym now}
    versions = models.JSONField(default=dict)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=("queued", "running", "succeeded", "failed")), name="person_erasure_state_known"
            ),
        )

    def __str__(self) -> str:
        return f"erasure of account {self.person_id}"

    @property
    def is_over(self) -> bool:
        return self.state == self.State.SUCCEEDED
