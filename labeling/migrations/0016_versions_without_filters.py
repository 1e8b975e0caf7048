from django.db import migrations


class Migration(migrations.Migration):
    """Nothing ever filtered what a version holds."""

    dependencies = [("labeling", "0015_invitations_by_name")]

    operations = [migrations.RemoveField(model_name="datasetversion", name="filters")]
