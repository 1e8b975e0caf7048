"""How likely a text is of the positive class, of what a champion scored: the drift guard of classifications."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0005_classifiers'),
    ]

    operations = [
        migrations.AddField(
            model_name='promptscore',
            name='class_probabilities',
            field=models.JSONField(null=True),
        ),
    ]
