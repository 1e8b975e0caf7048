"""An answer takes a day at most: two of 1.7e308 seconds had no mean. What is longer was never measured; it is unknown."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0013_sweep_indexes'),
    ]

    operations = [
        migrations.RunSQL(
            "UPDATE labeling_ranking SET active_seconds = NULL WHERE active_seconds > 86400",  # NaN is the largest
            migrations.RunSQL.noop,
        ),
        migrations.RemoveConstraint(
            model_name='ranking',
            name='ranking_active_seconds_positive',
        ),
        migrations.AddConstraint(
            model_name='ranking',
            constraint=models.CheckConstraint(condition=models.Q(('active_seconds__isnull', True), ('active_seconds__range', (0, 86400)), _connector='OR'), name='ranking_active_seconds_of_a_day'),
        ),
    ]
