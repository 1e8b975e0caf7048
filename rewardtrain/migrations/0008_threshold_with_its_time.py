"""A time at which a threshold was chosen belongs to a threshold: the rule let one alone pass."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0007_unread_rows'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='rewardmodel',
            name='reward_model_threshold_is_a_probability',
        ),
        migrations.AddConstraint(
            model_name='rewardmodel',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('threshold', None), ('threshold_at', None)), models.Q(('threshold__gt', 0), ('threshold__isnull', False), ('threshold__lt', 1), ('threshold_at__isnull', False)), _connector='OR'), name='reward_model_threshold_is_a_probability'),
        ),
    ]
