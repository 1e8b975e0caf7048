"""Prompts with gold on which labelers practise (docs/decisions/0184). No row is read: a boolean with a default."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0067_rewrites"),)

    operations = (
        migrations.AddField("goldanswer", "practice", models.BooleanField(db_default=False, default=False)),
    )
