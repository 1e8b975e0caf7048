"""Gold made of a ranking of the best alone has its rest, which is no tie (decision 0197)."""

from django.db import migrations, models

REST = models.CheckConstraint(
    condition=models.Q(unranked=0) | models.Q(unranked__range=(2, 9)) & ~models.Q(ranks={}), name="gold_rest_of_some"
)


class Migration(migrations.Migration):
    dependencies = (("labeling", "0077_work_since_a_day"),)

    operations = (
        migrations.AddField("goldanswer", "unranked", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddConstraint("goldanswer", REST),
    )
