"""An invitation is a link, or asks the account of a name."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0014_active_seconds'),
    ]

    operations = [
        migrations.AddField(
            model_name='invitation',
            name='account',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='invitations', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='invitation',
            name='declined_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='invitation',
            name='username',
            field=models.CharField(blank=True, db_default='', default='', max_length=150),
        ),
        migrations.AlterField(
            model_name='attempts',
            name='kind',
            field=models.CharField(choices=[('name', 'Name'), ('device', 'Device'), ('address', 'Address'), ('site', 'Site'), ('code', 'Code'), ('registration', 'Registration'), ('invitation', 'Invitation')], max_length=16),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(condition=models.Q(('username', ''), _negated=True), fields=('project', 'username'), name='invitation_once_per_name'),
        ),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.CheckConstraint(condition=models.Q(('account', None), models.Q(('username', ''), _negated=True), _connector='OR'), name='invitation_of_an_account_by_name'),
        ),
    ]
