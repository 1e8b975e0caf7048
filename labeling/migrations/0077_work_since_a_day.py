"""A person's work may be withdrawn from a day on (docs/decisions/0196). The table has a row a person, so this takes no time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0076_gold_in_bulk"),)

    operations = (migrations.AddField("workwithdrawal", "since", models.DateField(null=True)),)
