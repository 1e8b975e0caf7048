"""Cases of any state by their reason, for those who ask which were decided; it replaces the index of the open ones."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex, DropIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("labeling", "0047_review_of_before")]

    operations = [
        BuildIndex(
            model_name="reviewcase",
            index=models.Index(fields=["project", "state", "reason", "id"], name="review_reason"),
        ),
        DropIndex(model_name="reviewcase", name="review_waiting"),
    ]
