"""Revisions with strength and notes, drafts that two tabs agree on, and how a person likes to work."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0003_open_prompts'),
    ]

    operations = [
        migrations.AddField(
            model_name='assignment',
            name='draft_revision',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='preferencepair',
            name='margin',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='ask_strength',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='rankedcompletion',
            name='note',
            field=models.TextField(blank=True, db_default='', default=''),
        ),
        migrations.AddField(
            model_name='ranking',
            name='ended_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='ranking',
            name='strength',
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='break_minutes',
            field=models.PositiveSmallIntegerField(db_default=50, default=50),
        ),
        migrations.AddField(
            model_name='user',
            name='daily_goal',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='language',
            field=models.CharField(blank=True, db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='user',
            name='single_keys',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='user',
            name='tour_seen_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name='preferencepair',
            constraint=models.CheckConstraint(condition=models.Q(('margin__isnull', True), ('margin__range', (1, 3)), _connector='OR'), name='pair_margin_known'),
        ),
        migrations.AddConstraint(
            model_name='ranking',
            constraint=models.CheckConstraint(condition=models.Q(('strength__isnull', True), ('strength__range', (1, 3)), _connector='OR'), name='ranking_strength_known'),
        ),
        migrations.AddConstraint(
            model_name='ranking',
            constraint=models.CheckConstraint(condition=models.Q(('live', False), ('ended_at__isnull', True), _connector='OR'), name='ranking_live_has_not_ended'),
        ),
    ]
