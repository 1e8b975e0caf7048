"""Two depths of training. The runs and policies there are were about fine-tuning."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F, Q


def follow_the_policy(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Where a manager switched retraining off, no head starts by itself either."""
    apps.get_model("rewardtrain", "RetrainPolicy").objects.update(head_enabled=F("enabled"))


class Migration(migrations.Migration):
    dependencies = (("rewardtrain", "0002_rules"),)

    operations = (
        migrations.AddField(
            "trainingrun",
            "depth",
            models.CharField(max_length=10, choices=[("head", "Head"), ("full", "Fine-tuning")], default="full"),
        ),
        migrations.RemoveConstraint("trainingrun", "run_one_active_per_project"),
        migrations.AddConstraint(
            "trainingrun",
            models.UniqueConstraint(
                fields=("project", "depth"),
                condition=Q(state__in=("queued", "running")),
                name="run_one_active_per_depth",
            ),
        ),
        migrations.AddConstraint(
            "trainingrun", models.CheckConstraint(condition=Q(depth__in=("head", "full")), name="run_depth_known")
        ),
        migrations.AddField(
            "retrainpolicy",
            "head_enabled",
            models.BooleanField(default=True, help_text="Fit a new head by itself."),
        ),
        migrations.AddField(
            "retrainpolicy",
            "head_every_pairs",
            models.PositiveIntegerField(default=50, help_text="New pairs that start the fit of a head."),
        ),
        migrations.RemoveConstraint("retrainpolicy", "retrain_policy_counts_positive"),
        migrations.AddConstraint(
            "retrainpolicy",
            models.CheckConstraint(
                condition=Q(every_pairs__gte=1) & Q(first_minimum__gte=1) & Q(head_every_pairs__gte=1),
                name="retrain_policy_counts_positive",
            ),
        ),
        migrations.AlterField(
            "retrainpolicy", "enabled", models.BooleanField(default=True, help_text="Fine-tune by itself.")
        ),
        migrations.AlterField(
            "retrainpolicy",
            "every_pairs",
            models.PositiveIntegerField(
                default=200, help_text="New pairs since the version of the last fine-tuning that start one."
            ),
        ),
        migrations.AlterField(
            "retrainpolicy",
            "first_minimum",
            models.PositiveIntegerField(default=200, help_text="Pairs needed for the first fine-tuning."),
        ),
        migrations.AlterField(
            "retrainpolicy",
            "cooldown_minutes",
            models.PositiveIntegerField(default=10, help_text="Quiet time after a fine-tuning ends."),
        ),
        migrations.RunPython(follow_the_policy, migrations.RunPython.noop),
    )
