"""Indexes of cohorts, made while people work: the queue's own is there before the one of before goes."""

from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from labeling.migrations._indexes import BuildIndex, DropIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0068_cohorts"),)

    operations = (
        BuildIndex(
            "prompt",
            models.Index(
                F("project"), Coalesce("cohort", 0), F("priority").desc(), F("id"),
                condition=Q(("held_at__isnull", True), ("ranked__lt", F("overlap"))),
                name="prompt_in_turn_by_cohort",
            ),
        ),
        BuildIndex(
            "prompt",
            models.Index(fields=["project", "cohort", "id"], condition=Q(cohort__isnull=False), name="prompt_cohort"),
        ),
        BuildIndex(
            "prompt",
            models.Index(
                F("project"), Coalesce("cohort", 0), F("id"),
                condition=Q(gold_at__isnull=False, withdrawn_at__isnull=True),
                name="prompt_gold_by_cohort",
            ),
        ),
        # Last, for until the queue's new functions are put in, which is next, the ones of before need both.
        DropIndex("prompt", "prompt_in_turn"),
        migrations.RemoveConstraint("queueposition", "queue_position_once"),
    )
