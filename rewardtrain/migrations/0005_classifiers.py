"""Models of classifications: evaluations without pairs, and a threshold with who chose it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0007_queue_priority'),
        ('rewardtrain', '0004_automatic_labels'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='rewardmodel',
            name='threshold',
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name='rewardmodel',
            name='threshold_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='rewardmodel',
            name='threshold_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='evaluation',
            name='accuracy',
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name='evaluation',
            name='accuracy_high',
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name='evaluation',
            name='accuracy_low',
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name='evaluation',
            name='log_loss',
            field=models.FloatField(null=True),
        ),
        migrations.AddConstraint(
            model_name='evaluation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('accuracy', None), ('accuracy_high', None), ('accuracy_low', None), ('log_loss', None), ('n_pairs', 0)), models.Q(('accuracy__isnull', False), ('accuracy_high__isnull', False), ('accuracy_low__isnull', False), ('log_loss__isnull', False), ('n_pairs__gte', 1)), _connector='OR'), name='evaluation_figures_of_pairs'),
        ),
        migrations.AddConstraint(
            model_name='rewardmodel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('threshold', None), ('threshold_at', None)), models.Q(('threshold__gt', 0), ('threshold__lt', 1), ('threshold_at__isnull', False)), _connector='OR'), name='reward_model_threshold_is_a_probability'),
        ),
    ]
