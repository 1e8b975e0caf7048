"""What the job of a run has said through the web's door, and what it has sent. Columns with defaults alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0014_where_runs_go'),
    ]

    operations = [
        migrations.AddField(
            model_name='trainingrun',
            name='job_files',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name='trainingrun',
            name='job_said',
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
