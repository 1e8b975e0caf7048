"""A person's pseudonym in a project's files is stored, so that it stays when the account is renamed or erased.

Who has ranked keeps the one that exports had until now: it was made of the name and the site's secret. Others get theirs
drawn. A row for each person and project, so that the table is written in a moment.
"""

import re

from django.db import migrations, models
from django.utils.crypto import salted_hmac

import labeling.models.counters

SALT = "labeling.data.exporting.pseudonyms"
PSEUDONYM = re.compile(r"labeler-[0-9a-f]{16}")
AT_ONCE = 1_000


def keep(apps, schema_editor):
    """Stores what exports have of each person. Written out here: what a later version does must not change it."""
    counters = apps.get_model("labeling", "LabelerCounter").objects
    last = 0
    while True:
        names = counters.filter(pk__gt=last).order_by("pk").values_list(
            "pk", "project_id", "labeler__username", "labeler__is_imported"
        )
        rows = list(names[:AT_ONCE])
        if not rows:
            return
        counters.bulk_update(
            [counters.model(pk=key, pseudonym=made(*of)) for key, *of in rows], ["pseudonym"], batch_size=AT_ONCE
        )
        last = rows[-1][0]


def made(project, username, is_imported):
    name = re.split(r"[@#]", username, maxsplit=1)[0]
    if is_imported and PSEUDONYM.fullmatch(name):
        return name
    return "labeler-" + salted_hmac(SALT, f"{project}/{username}", algorithm="sha256").hexdigest()[:16]


class Migration(migrations.Migration):
    dependencies = [("labeling", "0057_doubts_of_champions")]

    operations = [
        migrations.AddField(
            model_name="labelercounter",
            name="pseudonym",
            field=models.CharField(db_default=labeling.models.counters.Drawn(), max_length=24),
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
