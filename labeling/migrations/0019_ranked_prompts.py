"""Of the prompts of a split those are looked for that somebody ranked; nobody asks for all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0018_one_key_each"),)

    operations = (
        migrations.RemoveIndex("prompt", "prompt_project_split"),
        migrations.AddIndex(
            "prompt",
            models.Index(condition=models.Q(ranked__gt=0), fields=["project", "split"], name="prompt_ranked"),
        ),
    )
