"""Projects ask for the best few of many completions alone (decision 0192); off until somebody turns it on."""

import django.core.validators
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

CONSTRAINTS = (
    models.CheckConstraint(condition=models.Q(top_k__lte=9), name="project_top_k_below_all"),
    models.CheckConstraint(
        condition=~models.Q(kind="classification") | models.Q(top_k=0), name="project_classification_has_no_top"
    ),
)


class Migration(migrations.Migration):
    dependencies = (("labeling", "0072_rests"),)

    operations = (
        migrations.AddField(
            "project",
            "top_k",
            models.PositiveSmallIntegerField(
                default=0, db_default=0, validators=[django.core.validators.MaxValueValidator(9)]
            ),
        ),
        *(AddConstraintNotValid("project", constraint) for constraint in CONSTRAINTS),
        *(ValidateConstraint("project", constraint.name) for constraint in CONSTRAINTS),
    )
