"""The index of prompts that have all their rankings has none that are held: these are in the list of those alone."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex, DropIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("labeling", "0055_when_prompts_were_ranked"),)

    operations = (
        BuildIndex(
            "prompt",
            models.Index(
                fields=["project", "id"],
                condition=models.Q(held_at__isnull=True, ranked__gte=models.F("overlap")),
                name="prompt_finished",
            ),
        ),
        DropIndex("prompt", "prompt_done"),
    )
