"""What of a prompt's metadata said texts that were corrected is kept with them (docs/decisions/0153)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0035_checksums_of_erased_prompts"),)

    operations = (
        migrations.AddField("promptrevision", "metadata", models.JSONField(default=dict, db_default={})),
    )
