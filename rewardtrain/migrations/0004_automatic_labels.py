"""The tables of the automatic labeler and of best-of-N. What a preference names belongs to its prompt, and it has its job's model."""

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models

COMPOSITE_KEYS = (
    ("model_preference_chosen_of_its_prompt", "chosen_id, prompt_id", "labeling_completion (id, prompt_id)"),
    ("model_preference_rejected_of_its_prompt", "rejected_id, prompt_id", "labeling_completion (id, prompt_id)"),
    ("model_preference_model_of_its_job", "job_id, reward_model_id", "rewardtrain_autolabeljob (id, reward_model_id)"),
)


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0007_queue_priority'),
        ('rewardtrain', '0003_two_depths'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AutoLabelJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('worker', models.CharField(blank=True, default='', max_length=200)),
                ('cancel_requested', models.BooleanField(default=False)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('requested_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('heartbeat_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('number', models.PositiveIntegerField()),
                ('threshold', models.FloatField()),
                ('last_prompt', models.BigIntegerField(default=0)),
                ('decided', models.PositiveIntegerField(default=0)),
                ('partly', models.PositiveIntegerField(default=0)),
                ('left', models.PositiveIntegerField(default=0)),
                ('kept', models.PositiveIntegerField(default=0)),
                ('below', models.PositiveIntegerField(default=0)),
                ('compared', models.PositiveIntegerField(default=0)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='auto_label_jobs', to='labeling.project')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reward_model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='auto_label_jobs', to='rewardtrain.rewardmodel')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='ModelPreference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('probability', models.FloatField()),
                ('uncertainty', models.FloatField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('chosen', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.completion')),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='preferences', to='rewardtrain.autolabeljob')),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='model_preferences', to='labeling.prompt')),
                ('rejected', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.completion')),
                ('reward_model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='preferences', to='rewardtrain.rewardmodel')),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='PromptScore',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('completions', models.JSONField()),
                ('rewards', models.JSONField()),
                ('probabilities', models.JSONField()),
                ('uncertainty', models.JSONField(null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('prompt', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='labeling.prompt')),
                ('reward_model', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scores', to='rewardtrain.rewardmodel')),
            ],
        ),
        migrations.AddConstraint(
            model_name='autolabeljob',
            constraint=models.UniqueConstraint(fields=('project', 'number'), name='auto_label_job_number_once'),
        ),
        migrations.AddConstraint(
            model_name='autolabeljob',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'running'))), fields=('project',), name='auto_label_job_one_active'),
        ),
        migrations.AddConstraint(
            model_name='autolabeljob',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('queued', 'running', 'succeeded', 'failed', 'cancelled'))), name='auto_label_job_state_known'),
        ),
        migrations.AddConstraint(
            model_name='autolabeljob',
            constraint=models.CheckConstraint(condition=models.Q(('threshold__gt', 0.5), ('threshold__lt', 1)), name='auto_label_job_threshold_decides'),
        ),
        migrations.AddConstraint(
            model_name='autolabeljob',
            constraint=models.UniqueConstraint(fields=('id', 'reward_model'), name='auto_label_job_id_model'),
        ),
        migrations.AddConstraint(
            model_name='modelpreference',
            constraint=models.CheckConstraint(condition=models.Q(('chosen', models.F('rejected')), _negated=True), name='model_preference_sides_differ'),
        ),
        migrations.AddConstraint(
            model_name='modelpreference',
            constraint=models.CheckConstraint(condition=models.Q(('probability__gt', 0.5), ('probability__lte', 1)), name='model_preference_probability_decides'),
        ),
        migrations.AddConstraint(
            model_name='modelpreference',
            constraint=models.UniqueConstraint(models.F('reward_model'), django.db.models.functions.comparison.Least('chosen', 'rejected'), django.db.models.functions.comparison.Greatest('chosen', 'rejected'), name='model_preference_once_per_model'),
        ),
        migrations.AddConstraint(
            model_name='promptscore',
            constraint=models.UniqueConstraint(fields=('reward_model', 'prompt'), name='prompt_score_once_per_model'),
        ),
        *(
            migrations.RunSQL(
                f"ALTER TABLE rewardtrain_modelpreference ADD CONSTRAINT {name} FOREIGN KEY ({columns}) "
                f"REFERENCES {target} DEFERRABLE INITIALLY DEFERRED",
                f"ALTER TABLE rewardtrain_modelpreference DROP CONSTRAINT {name}",
            )
            for name, columns, target in COMPOSITE_KEYS
        ),
        migrations.CreateModel(
            name='BestOfJob',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('worker', models.CharField(blank=True, default='', max_length=200)),
                ('cancel_requested', models.BooleanField(default=False)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('requested_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('heartbeat_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('number', models.PositiveIntegerField()),
                ('last_place', models.IntegerField(default=0)),
                ('n_candidates', models.PositiveIntegerField(default=0)),
                ('report', models.JSONField(null=True)),
                ('project', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='best_of_jobs', to='labeling.project')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reward_model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='best_of_jobs', to='rewardtrain.rewardmodel')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='CandidateRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField()),
                ('external_id', models.CharField(max_length=200)),
                ('prompt', models.JSONField()),
                ('completions', models.JSONField()),
                ('answer', models.JSONField(null=True)),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='rewardtrain.bestofjob')),
            ],
            options={
                'ordering': ('job_id', 'place'),
            },
        ),
        migrations.AddConstraint(
            model_name='bestofjob',
            constraint=models.UniqueConstraint(fields=('project', 'number'), name='best_of_job_number_once'),
        ),
        migrations.AddConstraint(
            model_name='bestofjob',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('queued', 'running', 'succeeded', 'failed', 'cancelled'))), name='best_of_job_state_known'),
        ),
        migrations.AddConstraint(
            model_name='candidaterow',
            constraint=models.UniqueConstraint(fields=('job', 'place'), name='candidate_row_place_once'),
        ),
        migrations.AddConstraint(
            model_name='candidaterow',
            constraint=models.UniqueConstraint(fields=('job', 'external_id'), name='candidate_row_once_per_job'),
        ),
    ]
