"""Which assignments showed their labelers database keys: all until now, none from now on."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0007_queue_priority'),
    ]

    operations = [
        # The rows that are there get True from the column's default, without being written anew.
        migrations.AddField(
            model_name='assignment',
            name='keys_shown',
            field=models.BooleanField(db_default=True, default=False),
        ),
        migrations.AlterField(
            model_name='assignment',
            name='keys_shown',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
