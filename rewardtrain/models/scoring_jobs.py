"""What the jobs of a finished model have besides: how much of what they read it couldn't read."""

from django.db import models

from jobs.models import Job


class ScoringJob(Job):
    """Texts that a finished model reads."""

    ADVICE = "See the worker's log, then start it again."

    unread = models.PositiveIntegerField(default=0, db_default=0)  # of those done: what the model couldn't read
    unread_rows = models.JSONField(default=list, db_default=[])  # the first of them: [{"row", "error"}]

    class Meta(Job.Meta):
        abstract = True
