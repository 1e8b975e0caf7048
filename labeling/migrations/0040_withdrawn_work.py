"""All work of a person in a project can be withdrawn (docs/decisions/0166). No row is read: nobody waits for long."""

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

ONCE = models.UniqueConstraint(fields=("project", "labeler"), name="work_withdrawal_once")


class Migration(migrations.Migration):
    dependencies = (("labeling", "0039_deactivated_accounts"),)

    operations = (
        migrations.AddField("assignment", "withdrawn_at", models.DateTimeField(null=True)),
        AddConstraintNotValid(
            model_name="assignment",
            constraint=models.CheckConstraint(
                condition=models.Q(("withdrawn_at__isnull", True), ("state", "released"), _connector="OR"),
                name="assignment_withdrawn_is_released",
            ),
        ),
        migrations.CreateModel(
            name="WorkWithdrawal",
            fields=(
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("versions", models.JSONField(default=dict)),
                ("withdrawn_at", models.DateTimeField(auto_now_add=True)),
                ("restored_at", models.DateTimeField(null=True)),
                (
                    "labeler",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="work_withdrawals",
                        to="labeling.project",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ),
            options={"ordering": ("-id",), "constraints": (ONCE,)},
        ),
    )
