"""Where a fine-tuning goes: what a project chose, and of a run the job that has it. Columns with defaults alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0013_what_was_settled'),
    ]

    operations = [
        migrations.AddField(
            model_name='retrainpolicy',
            name='executor',
            field=models.CharField(blank=True, db_default='', default='', help_text='Where fine-tunings go; empty: as the site has it.', max_length=20),
        ),
        migrations.AddField(
            model_name='retrainpolicy',
            name='gpus',
            field=models.PositiveSmallIntegerField(blank=True, help_text='GPUs of a job; empty: one, if there is.', null=True),
        ),
        migrations.AddField(
            model_name='retrainpolicy',
            name='hours',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Its longest time; empty: the most.', null=True),
        ),
        migrations.AddField(
            model_name='retrainpolicy',
            name='queue',
            field=models.CharField(blank=True, db_default='', default='', help_text='Queue of the cluster.', max_length=100),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='executor',
            field=models.CharField(db_default='local', default='local', max_length=20),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='job_seen',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='job_name',
            field=models.CharField(blank=True, db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='preemptions',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='resources',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
