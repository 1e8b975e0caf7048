"""Projects ask for more than an order, and rankings say it: an acceptable line, reasons, attributes (decision 0186).

Columns come with a default that no row is rewritten for, constraints are looked at while people work, and the index of
rankings that say more is built beside them.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

JUSTIFICATION = models.CharField(
    max_length=8,
    choices=[
        ("off", "Off: a comment, if somebody has one"),
        ("optional", "Optional: the field is open"),
        ("required", "Required: a reason or words"),
    ],
    default="off",
    db_default="off",
)
OF_PROJECTS = (
    models.CheckConstraint(
        condition=models.Q(justification__in=("off", "optional", "required")), name="project_justification_known"
    ),
    models.CheckConstraint(
        condition=~models.Q(kind="classification") | models.Q(ask_acceptable=False, attributes=[]),
        name="project_classification_has_no_order",
    ),
)
OF_RANKINGS = (
    models.CheckConstraint(
        condition=models.Q(acceptable__isnull=True) | models.Q(acceptable__range=(0, 10)),
        name="ranking_acceptable_tiers",
    ),
    models.CheckConstraint(condition=models.Q(reasons__len__lte=20), name="ranking_reasons_at_most"),
    models.CheckConstraint(
        condition=models.Q(says_more=True) | models.Q(acceptable__isnull=True, reasons=[]),
        name="ranking_says_what_it_says",
    ),
)
SAYS_MORE = models.Index(
    fields=["project"], condition=models.Q(says_more=True, live=True), name="ranking_says_more"
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("labeling", "0064_checks_by_index"),)

    operations = (
        migrations.AddField("project", "ask_acceptable", models.BooleanField(default=False, db_default=False)),
        migrations.AddField("project", "ask_reasons", models.JSONField(blank=True, default=list, db_default=[])),
        migrations.AddField("project", "justification", JUSTIFICATION),
        migrations.AddField("project", "attributes", models.JSONField(blank=True, default=list, db_default=[])),
        migrations.AddField("ranking", "acceptable", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField(
            "ranking",
            "reasons",
            ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, db_default=[], size=None),
        ),
        migrations.AddField("ranking", "says_more", models.BooleanField(default=False, db_default=False)),
        migrations.AddField("rankedcompletion", "attributes", models.JSONField(default=dict, db_default={})),
        *(AddConstraintNotValid("project", constraint) for constraint in OF_PROJECTS),
        *(ValidateConstraint("project", constraint.name) for constraint in OF_PROJECTS),
        *(AddConstraintNotValid("ranking", constraint) for constraint in OF_RANKINGS),
        *(ValidateConstraint("ranking", constraint.name) for constraint in OF_RANKINGS),
        BuildIndex("ranking", SAYS_MORE),
    )
