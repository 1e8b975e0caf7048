"""Labelers may write a best completion anew; see docs/decisions/0189. No row is rewritten."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

OF_PROJECTS = (
    models.CheckConstraint(condition=models.Q(ask_rewrite__in=("off", "optional")), name="project_rewrite_known"),
    models.CheckConstraint(
        condition=~models.Q(kind="classification") | models.Q(ask_rewrite="off"),
        name="project_classification_has_no_best",
    ),
)
OF_RANKINGS = (
    models.CheckConstraint(
        condition=models.Q(rewrite="", rewrite_of__isnull=True)
        | (~models.Q(rewrite="") & models.Q(rewrite_of__isnull=False)),
        name="ranking_rewrite_of_something",
    ),
    models.CheckConstraint(
        condition=models.Q(says_more=True) | models.Q(rewrite_of__isnull=True), name="ranking_says_more_with_a_rewrite"
    ),
)
OF_ITS_PROMPT = """
ALTER TABLE labeling_ranking ADD CONSTRAINT ranking_rewrite_of_its_prompt FOREIGN KEY (rewrite_of_id, prompt_id)
    REFERENCES labeling_completion (id, prompt_id) DEFERRABLE INITIALLY DEFERRED NOT VALID;
"""


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("labeling", "0061_pauses_and_daily_limits"),)

    operations = (
        migrations.AddField(
            "project",
            "ask_rewrite",
            models.CharField(
                max_length=8,
                choices=[("off", "Off"), ("optional", "Optional: who likes writes the best one anew")],
                default="off",
                db_default="off",
            ),
        ),
        migrations.AddField("ranking", "rewrite", models.TextField(blank=True, default="", db_default="")),
        migrations.AddField(
            "ranking",
            "rewrite_of",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="labeling.completion",
            ),
        ),
        *(AddConstraintNotValid("project", constraint) for constraint in OF_PROJECTS),
        *(ValidateConstraint("project", constraint.name) for constraint in OF_PROJECTS),
        *(AddConstraintNotValid("ranking", constraint) for constraint in OF_RANKINGS),
        *(ValidateConstraint("ranking", constraint.name) for constraint in OF_RANKINGS),
        migrations.RunSQL(
            OF_ITS_PROMPT, "ALTER TABLE labeling_ranking DROP CONSTRAINT ranking_rewrite_of_its_prompt"
        ),
        migrations.RunSQL(
            "ALTER TABLE labeling_ranking VALIDATE CONSTRAINT ranking_rewrite_of_its_prompt", migrations.RunSQL.noop
        ),
    )
