"""A job counts and names the rows that its model can not read."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rewardtrain', '0006_class_probabilities'),
    ]

    operations = [
        migrations.AddField(
            model_name='autolabeljob',
            name='unread',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='autolabeljob',
            name='unread_rows',
            field=models.JSONField(db_default=[], default=list),
        ),
        migrations.AddField(
            model_name='bestofjob',
            name='unread',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='bestofjob',
            name='unread_rows',
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
