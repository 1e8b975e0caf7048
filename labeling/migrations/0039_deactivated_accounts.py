"""When an account was last deactivated, which ends its sessions. A column that is empty is added without a look at rows."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0038_prompts_that_people_disagree_about"),)

    operations = (
        migrations.AddField(
            model_name="user",
            name="deactivated_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    )
