"""Up to where a champion's look knows that nothing more can come: a row a model, so that it is added in a moment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("rewardtrain", "0012_what_champions_contradict")]

    operations = [
        migrations.AddField(model_name="rewardmodel", name="settled", field=models.JSONField(null=True)),
    ]
