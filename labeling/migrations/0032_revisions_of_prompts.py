"""A prompt's texts can be corrected: what they were is kept (docs/decisions/0153). No row of a prompt is written for it."""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

same_prompts = import_module("labeling.migrations.0009_same_prompts")

# What it is the same as follows from its texts, and so changes with a revision of them alone. The split never does.
KEY_OF_REVISION = same_prompts.SPLIT_STAYS.format(
    more="OR OLD.prompt_key IS DISTINCT FROM NEW.prompt_key AND OLD.revision >= NEW.revision"
)


class Migration(migrations.Migration):
    dependencies = (("labeling", "0031_deleted_projects"),)

    operations = (
        migrations.AddField("prompt", "revision", models.PositiveIntegerField(default=1, db_default=1)),
        migrations.AddField("prompt", "revised_at", models.DateTimeField(null=True)),
        migrations.RunSQL(KEY_OF_REVISION, same_prompts.KEY_STAYS),
        migrations.CreateModel(
            "PromptRevision",
            (
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID", auto_created=True)),
                ("number", models.PositiveIntegerField()),
                ("messages", models.JSONField()),
                ("texts", models.JSONField()),
                ("rankings", models.PositiveIntegerField()),
                ("last_ranking_id", models.BigIntegerField()),
                ("replaced_at", models.DateTimeField()),
                (
                    "prompt",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="revisions",
                        to="labeling.prompt",
                    ),
                ),
                (
                    "replaced_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ),
            options={
                "ordering": ("-number",),
                "constraints": [models.UniqueConstraint(fields=("prompt", "number"), name="prompt_revision_once")],
            },
        ),
    )
