"""The lists of prompts without the withdrawn ones, and that of these: built while people work (docs/decisions/0137)."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex, DropIndex

KEY = {"fields": ["project", "id"]}
DONE = models.Q(withdrawn_at__isnull=True, ranked__gte=models.F("overlap"))
SET_ASIDE = models.Q(withdrawn_at__isnull=True, held_at__isnull=False)
WITHDRAWN = models.Q(withdrawn_at__isnull=False)


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0028_withdrawn_prompts"),)

    operations = (
        ValidateConstraint(model_name="prompt", name="prompt_withdrawn_is_held"),
        BuildIndex("prompt", models.Index(**KEY, condition=DONE, name="prompt_done")),
        BuildIndex("prompt", models.Index(**KEY, condition=SET_ASIDE, name="prompt_set_aside")),
        BuildIndex("prompt", models.Index(**KEY, condition=WITHDRAWN, name="prompt_withdrawn")),
        # Theirs go when the others are there.
        DropIndex("prompt", "prompt_settled"),
        DropIndex("prompt", "prompt_held"),
    )
