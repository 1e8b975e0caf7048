"""A prompt's texts can be erased for good (docs/decisions/0153). A table of its own: no row of a prompt is read."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0032_revisions_of_prompts"),)

    operations = (
        migrations.CreateModel(
            "PromptErasure",
            (
                ("id", models.BigAutoField(primary_key=True, serialize=False, verbose_name="ID", auto_created=True)),
                ("versions", models.JSONField(default=list)),
                ("erased_at", models.DateTimeField(auto_now_add=True)),
                (
                    "prompt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="erasure", to="labeling.prompt"
                    ),
                ),
                (
                    "erased_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ),
        ),
    )
