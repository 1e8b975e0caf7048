"""Many prompts may be made gold at once."""

from django.db import migrations, models

ACTS = (
    *("tag", "untag", "priority", "overlap", "cohort", "rules", "hold", "put_back", "withdraw", "restore", "gold"),
)
CHOICES = [
    ("tag", "Add a tag"),
    ("untag", "Take a tag away"),
    ("priority", "Set the priority"),
    ("overlap", "Ask for as many rankings as the project's settings say now"),
    ("cohort", "Put into a cohort by hand, or give it to everybody"),
    ("rules", "Put into the cohort that their tags say"),
    ("hold", "Hold: out of the queue, with a reason"),
    ("put_back", "Put back into the queue what is held or can't be ranked"),
    ("withdraw", "Withdraw: out of the queue, exports and later versions"),
    ("restore", "Put back what was withdrawn"),
    ("gold", "Make gold, by the order on which people agree"),
]


class Migration(migrations.Migration):
    dependencies = (("labeling", "0073_best_k"),)

    operations = (
        migrations.AlterField("bulkact", "act", models.CharField(choices=CHOICES, max_length=10)),
        migrations.RemoveConstraint("bulkact", "bulk_act_known"),
        migrations.AddConstraint(
            "bulkact", models.CheckConstraint(condition=models.Q(act__in=ACTS), name="bulk_act_known")
        ),
    )
