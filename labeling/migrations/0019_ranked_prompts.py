"""Of the prompts of a split those are looked for that somebody ranked; nobody asks for all."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex, DropIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("labeling", "0018_one_key_each"),)

    operations = (
        BuildIndex(
            "prompt",
            models.Index(condition=models.Q(ranked__gt=0), fields=["project", "split"], name="prompt_ranked"),
        ),
        DropIndex("prompt", "prompt_project_split"),
    )
