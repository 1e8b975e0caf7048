"""Rankings of the best alone: the rest has the last rank and no order in itself, which is no tie (decision 0192).

No row is rewritten. What is counted as a comparison is no more than what was compared.
"""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

counters = import_module("labeling.migrations.0017_counters")
looked_up = import_module("labeling.migrations.0030_counts_begin_at_what_was_written")
checks = import_module("labeling.migrations.0063_checks")

REST = models.CheckConstraint(
    condition=models.Q(unranked=0) | models.Q(unranked__range=(2, 9)), name="ranking_rest_of_some"
)
HAS_A_REST = models.Index(fields=["project"], condition=models.Q(unranked__gt=0, live=True), name="ranking_has_a_rest")

# Two of the rest were not compared. A ranking says how many they are, so that its row alone tells what they take away.
NOT_COMPARED = "unranked * (unranked - 1) / 2"
WITHOUT_THEM = {
    "id, prompt_id, labeler_id, live": "id, prompt_id, labeler_id, live, unranked",
    "sum(sign * k * (k - 1) / 2)": f"sum(sign * (k * (k - 1) / 2 - {NOT_COMPARED}))",
    "0 AS texts, 0 AS comparisons": f"0 AS texts, -sum(sign * {NOT_COMPARED})::bigint AS comparisons",
}
DIFFERENCES = checks.DIFFERENCES.replace(
    ", k * (k - 1) / 2,", f", k * (k - 1) / 2 - ranking.{NOT_COMPARED.replace('(', '(ranking.')},"
)


def functions(changes):
    for event in counters.TRANSITIONS:
        said = looked_up.as_they_stand("rankings", counters.rankings, event)
        for written, other in (looked_up.JOINS | changes).items():
            said = said.replace(written, other)
        yield said


class Migration(migrations.Migration):
    atomic = False
    dependencies = (("labeling", "0069_cohorts_by_index"),)

    operations = (
        migrations.AddField("ranking", "unranked", models.SmallIntegerField(default=0, db_default=0)),
        AddConstraintNotValid("ranking", REST),
        ValidateConstraint("ranking", REST.name),
        BuildIndex("ranking", HAS_A_REST),
        migrations.RunSQL(
            [*functions(WITHOUT_THEM), DIFFERENCES], [*functions({}), checks.DIFFERENCES]
        ),
    )
