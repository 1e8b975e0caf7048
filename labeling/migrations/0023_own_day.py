"""A labeler's own day is counted by an index, not by all that they ever ranked."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('labeling', '0022_lists_by_index'),
    ]

    operations = [
        BuildIndex(
            model_name='ranking',
            index=models.Index(fields=['labeler', 'created_at'], name='ranking_day'),
        ),
    ]
