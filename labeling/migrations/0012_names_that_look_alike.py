"""Each account's name has a key that look-alikes share, and the database keeps it once.

Accounts that look alike already stay and can log in: the oldest keeps the plain key, the others get their number behind
it. They are named, so that somebody can look whether one pretends to be another.
"""

import labeling.models.users
from django.db import migrations, models

from labeling.models import account_names


def give_keys(apps, schema_editor):
    User = apps.get_model("labeling", "User")
    oldest, doubles = {}, []
    for user in User.objects.filter(is_imported=False).order_by("date_joined", "pk").only("pk", "username"):
        key = account_names.key(user.username)
        if key in oldest:
            doubles.append(f"{user.username!r} (account {user.pk}) looks like {oldest[key]!r}")
            key = f"{key}\n{user.pk}"
        else:
            oldest[key] = user.username
        User.objects.filter(pk=user.pk).update(name_key=key)
    if doubles:
        print("\nAccounts that look alike stay as they are; new ones are refused from now on:")
        print("".join(f"  {double}\n" for double in doubles), end="")


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0011_login_limits'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='name_key',
            field=models.CharField(editable=False, max_length=500, null=True),
        ),
        migrations.RunPython(give_keys, migrations.RunPython.noop, elidable=True),
        migrations.AlterField(
            model_name='user',
            name='name_key',
            field=labeling.models.users.NameKey(editable=False, max_length=500, null=True),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(fields=('name_key',), name='user_name_looks_like_no_other'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('is_imported', True), ('name_key__isnull', False), _connector='OR'), name='user_name_has_a_key'),
        ),
    ]
