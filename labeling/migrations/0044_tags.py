"""Prompts have tags, which the lists are narrowed by; see docs/decisions/0160."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

BOUND = "ALTER TABLE labeling_prompt ADD CONSTRAINT prompt_tags_at_most CHECK (cardinality(tags) <= 20) NOT VALID"


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0043_erased_people"),)

    operations = (
        migrations.AddField(
            "prompt", "tags", ArrayField(models.CharField(max_length=50), default=list, db_default=[], blank=True)
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(BOUND, "ALTER TABLE labeling_prompt DROP CONSTRAINT prompt_tags_at_most"),
                migrations.RunSQL(
                    "ALTER TABLE labeling_prompt VALIDATE CONSTRAINT prompt_tags_at_most", migrations.RunSQL.noop
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "prompt",
                    models.CheckConstraint(condition=models.Q(tags__len__lte=20), name="prompt_tags_at_most"),
                )
            ],
        ),
        BuildIndex("prompt", GinIndex(fields=["tags"], condition=~models.Q(tags=[]), name="prompt_tags")),
    )
