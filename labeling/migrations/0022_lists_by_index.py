"""Each list is read by an index, of each filter of the prompts and of each person's rankings."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('labeling', '0021_queue_positions'),
    ]

    operations = [
        BuildIndex(
            model_name='prompt',
            index=models.Index(condition=models.Q(('held_at__isnull', True), ('ranked__lt', models.F('overlap'))), fields=['project', 'id'], name='prompt_waiting'),
        ),
        BuildIndex(
            model_name='prompt',
            index=models.Index(condition=models.Q(('ranked__gte', models.F('overlap'))), fields=['project', 'id'], name='prompt_settled'),
        ),
        BuildIndex(
            model_name='prompt',
            index=models.Index(condition=models.Q(('held_at__isnull', False)), fields=['project', 'id'], name='prompt_held'),
        ),
        BuildIndex(
            model_name='ranking',
            index=models.Index(fields=['labeler', 'id'], name='ranking_labeler'),
        ),
        # Its own index goes when the other is there.
        migrations.AlterField(
            model_name='ranking',
            name='labeler',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rankings', to=settings.AUTH_USER_MODEL),
        ),
    ]
