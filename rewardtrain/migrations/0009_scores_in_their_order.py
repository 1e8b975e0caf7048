"""What a model said last is found by an index, and how it went on: of a classification the drift is drawn from it."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('rewardtrain', '0008_threshold_with_its_time'),
    ]

    operations = [
        BuildIndex(
            model_name='promptscore',
            index=models.Index(fields=['reward_model', 'id'], name='prompt_score_of_model'),
        ),
    ]
