"""An import may be of a dataset on a hub, which is fetched first (docs/decisions/0154). Few rows: no lock is held long."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("labeling", "0036_metadata_of_revisions"),)

    operations = (
        migrations.AddField("import", "hub", models.CharField(blank=True, default="", max_length=400)),
        migrations.AddField("import", "commit", models.CharField(blank=True, default="", max_length=64)),
        migrations.AddField("import", "parts", models.JSONField(default=list)),
        migrations.AddField("import", "state_when_fetched", models.CharField(blank=True, default="", max_length=10)),
        migrations.AddConstraint(
            "import",
            models.CheckConstraint(
                condition=models.Q(state_when_fetched__in=("", "draft", "queued")),
                name="import_state_when_fetched_known",
            ),
        ),
        migrations.AddConstraint(
            "import",
            models.CheckConstraint(
                condition=models.Q(state_when_fetched="")
                | (
                    ~models.Q(state__in=("draft", "succeeded"))
                    & ~models.Q(hub="")
                    & models.Q(place=0, is_undo=False)
                ),
                name="import_fetched_before_it_is_read",
            ),
        ),
    )
