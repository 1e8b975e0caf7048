"""Which tags an import gave to prompts that were here before: they go again where it is taken back."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

NUMBER = {"default": 0, "db_default": 0}


class Migration(migrations.Migration):
    dependencies = (("labeling", "0058_pseudonyms_that_stay"),)

    operations = (
        migrations.AddField("import", "tagged", models.PositiveIntegerField(**NUMBER)),
        migrations.AddField("import", "undone_tagged", models.PositiveIntegerField(**NUMBER)),
        migrations.CreateModel(
            "ImportedTags",
            (
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), size=None),
                ),
                (
                    "given_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tags_given",
                        to="labeling.import",
                    ),
                ),
                (
                    "prompt",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="labeling.prompt"
                    ),
                ),
            ),
            options={
                "ordering": ("id",),
                "indexes": [models.Index(fields=["given_by", "id"], name="imported_tags_in_order")],
            },
        ),
    )
