"""Overlap as shares: some percent of the prompts are ranked by more people. A project of before has none of these."""

import django.core.validators
from django.db import migrations, models

ACTS = ("tag", "untag", "priority", "overlap", "hold", "put_back", "withdraw", "restore")


class Migration(migrations.Migration):
    dependencies = (("labeling", "0059_tags_of_imports"),)

    operations = (
        migrations.AddField(
            "project",
            "extra_percent",
            models.PositiveSmallIntegerField(
                default=0, db_default=0, validators=[django.core.validators.MaxValueValidator(100)]
            ),
        ),
        migrations.AddField(
            "project",
            "extra_overlap",
            models.PositiveSmallIntegerField(
                default=3,
                db_default=3,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(50),
                ],
            ),
        ),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(("extra_percent__lte", 100)), name="project_extra_percent_of_all"
            ),
        ),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(("extra_percent", 0))
                | models.Q(("extra_overlap__gt", models.F("overlap"))),
                name="project_extra_overlap_is_more",
            ),
        ),
        migrations.AlterField(
            "bulkact",
            "act",
            models.CharField(
                choices=[
                    ("tag", "Add a tag"),
                    ("untag", "Take a tag away"),
                    ("priority", "Set the priority"),
                    ("overlap", "Ask for as many rankings as the project's settings say now"),
                    ("hold", "Hold: out of the queue, with a reason"),
                    ("put_back", "Put back into the queue what is held or can't be ranked"),
                    ("withdraw", "Withdraw: out of the queue, exports and later versions"),
                    ("restore", "Put back what was withdrawn"),
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint("bulkact", "bulk_act_known"),
        migrations.AddConstraint(
            "bulkact", models.CheckConstraint(condition=models.Q(act__in=ACTS), name="bulk_act_known")
        ),
    )
