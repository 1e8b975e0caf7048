"""A project may ask people to qualify by its practice items (docs/decisions/0185). No row is rewritten: defaults alone."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0070_practice_items'),
    ]

    operations = [
        migrations.CreateModel(
            name='QualificationAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveSmallIntegerField()),
                ('ranks', models.JSONField(null=True)),
                ('flags', models.JSONField(null=True)),
                ('comparisons', models.PositiveIntegerField(null=True)),
                ('right', models.FloatField(null=True)),
                ('answered_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='QualificationAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('percent', models.PositiveSmallIntegerField()),
                ('seed', models.BigIntegerField()),
                ('started_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
                ('items', models.PositiveSmallIntegerField(null=True)),
                ('comparisons', models.PositiveIntegerField(null=True)),
                ('right', models.FloatField(null=True)),
                ('low', models.FloatField(null=True)),
                ('high', models.FloatField(null=True)),
                ('passed', models.BooleanField(null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='membership',
            name='qualified',
            field=models.CharField(blank=True, choices=[('', 'Not qualified'), ('passed', 'Passed'), ('let', 'Let pass'), ('before', 'Was here before')], db_default='', default='', max_length=8),
        ),
        migrations.AddField(
            model_name='membership',
            name='qualified_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='membership',
            name='qualify_from',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='project',
            name='qualify_attempts',
            field=models.PositiveSmallIntegerField(db_default=3, default=3, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='project',
            name='qualify_items',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, validators=[django.core.validators.MaxValueValidator(50)]),
        ),
        migrations.AddField(
            model_name='project',
            name='qualify_percent',
            field=models.PositiveSmallIntegerField(db_default=70, default=70, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='project',
            name='qualify_wait_hours',
            field=models.PositiveSmallIntegerField(db_default=1, default=1, validators=[django.core.validators.MaxValueValidator(720)]),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('qualified', ''), ('qualified_at__isnull', True)), models.Q(('qualified__in', ('passed', 'let', 'before')), ('qualified_at__isnull', False)), _connector='OR'), name='membership_qualified_has_its_moment'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('qualify_attempts__range', (1, 100)), ('qualify_items__lte', 50), ('qualify_percent__range', (1, 100)), ('qualify_wait_hours__lte', 720)), name='project_qualification_in_its_limits'),
        ),
        migrations.AddField(
            model_name='qualificationanswer',
            name='prompt',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='qualification_answers', to='labeling.prompt'),
        ),
        migrations.AddField(
            model_name='qualificationattempt',
            name='labeler',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='qualification_attempts', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='qualificationattempt',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.project'),
        ),
        migrations.AddField(
            model_name='qualificationanswer',
            name='attempt',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='labeling.qualificationattempt'),
        ),
        migrations.AddConstraint(
            model_name='qualificationattempt',
            constraint=models.UniqueConstraint(fields=('project', 'labeler', 'number'), name='qualification_attempt_once'),
        ),
        migrations.AddConstraint(
            model_name='qualificationattempt',
            constraint=models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('project', 'labeler'), name='qualification_one_open_attempt'),
        ),
        migrations.AddConstraint(
            model_name='qualificationattempt',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('items__isnull', True), ('passed__isnull', True)), models.Q(('finished_at__isnull', False), ('items__isnull', False), ('passed__isnull', False)), _connector='OR'), name='qualification_finished_has_its_result'),
        ),
        migrations.AddConstraint(
            model_name='qualificationattempt',
            constraint=models.CheckConstraint(condition=models.Q(('comparisons__isnull', True), models.Q(('right__gte', 0), ('right__lte', models.F('comparisons'))), _connector='OR'), name='qualification_right_of_its_comparisons'),
        ),
        migrations.AddConstraint(
            model_name='qualificationanswer',
            constraint=models.UniqueConstraint(fields=('attempt', 'prompt'), name='qualification_item_once'),
        ),
        migrations.AddConstraint(
            model_name='qualificationanswer',
            constraint=models.UniqueConstraint(fields=('attempt', 'place'), name='qualification_place_once'),
        ),
        migrations.AddConstraint(
            model_name='qualificationanswer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answered_at__isnull', True), ('comparisons__isnull', True), ('ranks__isnull', True), ('right__isnull', True)), models.Q(('answered_at__isnull', False), ('comparisons__isnull', False), ('ranks__isnull', False), ('right__isnull', False)), _connector='OR'), name='qualification_answered_is_counted'),
        ),
        migrations.AddConstraint(
            model_name='qualificationanswer',
            constraint=models.CheckConstraint(condition=models.Q(('comparisons__isnull', True), models.Q(('right__gte', 0), ('right__lte', models.F('comparisons'))), _connector='OR'), name='qualification_answer_right_of_its_comparisons'),
        ),
    ]
