"""A run that trains nothing: it measures a reward model of others as it is. The table has a row a run."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0016_what_jobs_say'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='trainingrun',
            name='run_depth_known',
        ),
        migrations.AlterField(
            model_name='trainingrun',
            name='depth',
            field=models.CharField(choices=[('head', 'Head'), ('full', 'Fine-tuning'), ('none', 'Measurement')], default='full', max_length=10),
        ),
        migrations.AddConstraint(
            model_name='trainingrun',
            constraint=models.CheckConstraint(condition=models.Q(('depth__in', ('head', 'full', 'none'))), name='run_depth_known'),
        ),
    ]
