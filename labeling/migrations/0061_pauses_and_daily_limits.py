"""A project can be paused, and say how many rankings a day one person may give."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0066_more_than_an_order"),)

    operations = (
        migrations.AddField(
            "project",
            "daily_limit",
            models.PositiveSmallIntegerField(
                default=0, db_default=0, validators=[django.core.validators.MaxValueValidator(5_000)]
            ),
        ),
        migrations.AddField("project", "paused_at", models.DateTimeField(editable=False, null=True)),
        migrations.AddField(
            "project",
            "paused_by",
            models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "project",
            "pause_reason",
            models.CharField(db_default="", default="", editable=False, max_length=300),
        ),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(paused_at=None, paused_by=None, pause_reason="")
                | (models.Q(paused_at__isnull=False) & ~models.Q(pause_reason="")),
                name="project_pause_says_why",
            ),
        ),
    )
