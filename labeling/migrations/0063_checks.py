"""Gold and self-repeats: tasks whose answers are no data (docs/decisions/0182). No row is read: nobody waits for long.

A prompt with gold is held too, so that the queue looks at one column, and is in a number of its own and in no other.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

counters = import_module("labeling.migrations.0017_counters")
withdrawn = import_module("labeling.migrations.0028_withdrawn_prompts")
review = import_module("labeling.migrations.0051_bulk_acts")
ranked_at = import_module("labeling.migrations.0055_when_prompts_were_ranked")
counted_at_once = import_module("labeling.migrations.0024_counted_at_once")

COLUMNS = (*withdrawn.COLUMNS, "gold")
OF_PROMPTS, OF_RANKINGS = (*withdrawn.OF_PROMPTS, "gold"), withdrawn.OF_RANKINGS


def each(columns, said):
    return ", ".join(said.format(name) for name in columns)


def with_gold(text):
    """Gives a function of 0028 with one number more."""
    for said in ("{0} = {0} + n_{0}", "n_{} bigint DEFAULT 0", "n_{}", "sum({})", "{}"):
        text = text.replace(each(withdrawn.COLUMNS, said), each(COLUMNS, said))
    return text


# Each number of a prompt as it is in its row; `n` is 1, or -1 where a row went, and 0 of one that is withdrawn or gold.
OF_ROW = {
    **withdrawn.OF_ROW,
    "withdrawn": "sign * (withdrawn_at IS NOT NULL)::int",
    "gold": "sign * (withdrawn_at IS NULL AND gold_at IS NOT NULL)::int",
}
HERE = "(withdrawn_at IS NULL AND gold_at IS NULL)::int"
PROMPTS = counters.changed(f"project_id, split, ranked, overlap, held_at, withdrawn_at, gold_at, {HERE} AS here")


def counted(event):
    sums = ", ".join(f"sum({said})::bigint AS {name}" for name, said in OF_ROW.items())
    return f"""
CREATE OR REPLACE FUNCTION podium_count_prompts_{event}() RETURNS trigger LANGUAGE plpgsql {counters.BY_INDEX} AS $$
BEGIN
    PERFORM podium_count(
        project_id, split, {counters.RANGE_NOW}, {", ".join(f"n_{name} => {name}" for name in OF_ROW)})
    FROM (
        SELECT project_id, split, {sums} FROM (SELECT *, sign * here AS n FROM ({PROMPTS[event]}) each) prompt
        GROUP BY project_id, split
    ) change
    WHERE ({", ".join(OF_ROW)}) <> ({", ".join("0" for _ in OF_ROW)});
    RETURN NULL;
END $$;"""


def row(source, **columns):
    key = {"project_id": "prompt.project_id", "split": "prompt.split", "id_range": "0", "flag": "''"}
    return f"SELECT {', '.join({**key, **dict.fromkeys(COLUMNS, '0'), **columns}.values())} {source}"


MINE, LIVE, IN_RANGE = counters.MINE, counters.LIVE, counters.IN_RANGE
PARTS = (
    row(
        f"FROM (SELECT *, 1 AS sign, {HERE} AS n FROM labeling_prompt) prompt WHERE {MINE.format('prompt')}", **OF_ROW
    ),
    row(
        f"""{LIVE} CROSS JOIN LATERAL (SELECT count(*) AS k FROM labeling_rankedcompletion answer
            WHERE answer.ranking_id = ranking.id) own WHERE ranking.live AND {MINE.format('prompt')}""",
        **IN_RANGE, rankings="1", ranked_texts="k", comparisons="k * (k - 1) / 2",
    ),
    row(
        f"""FROM labeling_preferencepair pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
            WHERE {MINE.format('pair')}""",
        project_id="pair.project_id", id_range="pair.ranking_id >> 11", pairs="1",
    ),
    row(
        f"""{LIVE} JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id
            CROSS JOIN {counters.FLAGS_OF} WHERE ranking.live AND {MINE.format('prompt')}""",
        **IN_RANGE, flag="flag.name", labels="1", yes="(flag.said = 'true')::int",
    ),
    row(
        f"FROM labeling_counter counter WHERE {MINE.format('counter')}",
        project_id="project_id", split="split", **{name: f"-{name}" for name in OF_PROMPTS},
    ),
    row(
        f"FROM labeling_counter counter WHERE {MINE.format('counter')}",
        project_id="project_id", split="split", id_range="id_range", flag="flag",
        **{name: f"-{name}" for name in OF_RANKINGS},
    ),
)  # fmt: skip
SUMS = [f"coalesce(sum(part.{name}), 0)::bigint" for name in COLUMNS]
DIFFERENCES = f"""
DROP FUNCTION podium_counter_differences;
CREATE FUNCTION podium_counter_differences(only_project bigint DEFAULT NULL)
RETURNS TABLE (project_id bigint, split varchar, id_range bigint, flag text, {", ".join(f"{c} bigint" for c in COLUMNS)})
LANGUAGE sql STABLE AS $$
    SELECT part.project_id, part.split, part.id_range, part.flag, {", ".join(SUMS)}
    FROM ({" UNION ALL ".join(PARTS)}) AS part (project_id, split, id_range, flag, {", ".join(COLUMNS)})
    GROUP BY 1, 2, 3, 4 HAVING ({", ".join(SUMS)}) <> ({", ".join("0" for _ in COLUMNS)}) ORDER BY 1, 2, 3, 4
$$;
"""
LABELERS = f"""
DROP FUNCTION podium_labeler_differences;
CREATE FUNCTION podium_labeler_differences(only_project bigint DEFAULT NULL)
RETURNS TABLE (project_id bigint, labeler_id bigint, rankings bigint, checks bigint) LANGUAGE sql STABLE AS $$
    SELECT part.project_id, part.labeler_id, sum(n)::bigint, sum(checks)::bigint
    FROM (
        SELECT prompt.project_id, ranking.labeler_id, 1, 0 {LIVE} WHERE ranking.live AND {MINE.format("prompt")}
        UNION ALL
        SELECT ranking.project_id, ranking.labeler_id, 0, 1 FROM labeling_ranking ranking
        WHERE ranking.purpose <> 'label' AND ranking.ended_at IS NULL AND {MINE.format("ranking")}
        UNION ALL
        SELECT counter.project_id, counter.labeler_id, -rankings, -checks FROM labeling_labelercounter counter
        WHERE {MINE.format("counter")}
    ) AS part (project_id, labeler_id, n, checks)
    GROUP BY 1, 2 HAVING sum(n) <> 0 OR sum(checks) <> 0 ORDER BY 1, 2
$$;
"""
LABELERS_BEFORE = "DROP FUNCTION podium_labeler_differences; CREATE FUNCTION podium_labeler_differences" + (
    counters.DIFFERENCES.partition("CREATE FUNCTION podium_labeler_differences")[2]
)

# For each row, and not for each statement: of the rankings of every day none has to be looked through for it.
CHECKS = """
CREATE FUNCTION podium_count_checks(of_project bigint, of_labeler bigint, n bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO labeling_labelercounter AS counter (project_id, labeler_id, checks)
    SELECT project.id, person.id, n FROM labeling_project project, labeling_user person
    WHERE project.id = of_project AND person.id = of_labeler
    ON CONFLICT (project_id, labeler_id) DO UPDATE SET checks = counter.checks + excluded.checks
$$;
CREATE FUNCTION podium_check_stands_or_not() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n integer := CASE WHEN TG_OP <> 'DELETE' THEN (NEW.ended_at IS NULL)::int ELSE 0 END
        - CASE WHEN TG_OP <> 'INSERT' THEN (OLD.ended_at IS NULL)::int ELSE 0 END;
BEGIN
    IF n <> 0 AND TG_OP = 'DELETE' THEN
        PERFORM podium_count_checks(OLD.project_id, OLD.labeler_id, n);
    ELSIF n <> 0 THEN
        PERFORM podium_count_checks(NEW.project_id, NEW.labeler_id, n);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER check_came AFTER INSERT ON labeling_ranking
    FOR EACH ROW WHEN (NEW.purpose <> 'label') EXECUTE FUNCTION podium_check_stands_or_not();
CREATE TRIGGER check_stands_or_not AFTER UPDATE ON labeling_ranking
    FOR EACH ROW WHEN (NEW.purpose <> 'label') EXECUTE FUNCTION podium_check_stands_or_not();
CREATE TRIGGER check_is_gone AFTER DELETE ON labeling_ranking
    FOR EACH ROW WHEN (OLD.purpose <> 'label') EXECUTE FUNCTION podium_check_stands_or_not();
"""
WITHOUT_CHECKS = """
DROP TRIGGER check_came ON labeling_ranking;
DROP TRIGGER check_stands_or_not ON labeling_ranking;
DROP TRIGGER check_is_gone ON labeling_ranking;
DROP FUNCTION podium_check_stands_or_not();
DROP FUNCTION podium_count_checks(bigint, bigint, bigint);
"""
# A check takes none of its prompt's slots, so it is no ranking of it.
NEW_RANKED = counted_at_once.COUNTED.replace("state = 'ranked'", "state = 'ranked' AND purpose = 'label'")
CHANGED_RANKED = ranked_at.COUNT.replace(
    "fresh.state <> before.state", "fresh.state <> before.state AND fresh.purpose = 'label'"
)
ASKS = review.NOW.replace(
    "AND NEW.hold_at IS DISTINCT FROM NEW.held_at THEN",
    "AND NEW.gold_at IS DISTINCT FROM NEW.held_at AND NEW.hold_at IS DISTINCT FROM NEW.held_at THEN",
)
EVENTS = ("insert", "delete", "update")

PURPOSE = {"choices": [("label", "Label"), ("gold", "Gold"), ("repeat", "Repeat")], "max_length": 6}
KNOWN = models.Q(("purpose__in", ("label", "gold", "repeat")))
MARKS = {
    "gold_warn": 60, "gold_pause": 50, "gold_stop": 0, "repeat_warn": 55, "repeat_pause": 50, "repeat_stop": 0,
    "check_fewest": 10,
}  # fmt: skip
BETWEEN = [MinValueValidator(1), MaxValueValidator(1000)]
PERCENT = {"db_default": 0, "validators": [MaxValueValidator(50)]}
TO_USER = {"related_name": "+", "to": settings.AUTH_USER_MODEL}
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    dependencies = (("labeling", "0060_overlap_as_shares"),)

    operations = (
        migrations.AddField(
            "assignment", "purpose", models.CharField(**PURPOSE, db_default="label", default="label")
        ),
        migrations.AddField("ranking", "purpose", models.CharField(**PURPOSE, db_default="label", default="label")),
        migrations.AddField("prompt", "gold_at", models.DateTimeField(null=True)),
        migrations.AddField("counter", "gold", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("labelercounter", "checks", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("project", "gold_percent", models.PositiveSmallIntegerField(default=5, **PERCENT)),
        migrations.AddField("project", "repeat_percent", models.PositiveSmallIntegerField(default=3, **PERCENT)),
        migrations.AddField("project", "repeat_after", models.PositiveSmallIntegerField(default=20, db_default=20, validators=[MaxValueValidator(1000)])),
        migrations.AddField("project", "repeat_minutes", models.PositiveIntegerField(default=60, db_default=60, validators=[MaxValueValidator(525_600)])),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(("gold_percent__lte", 50), ("repeat_percent__lte", 50)),
                name="project_checks_at_most_half",
            ),
        ),
        *(
            migrations.AddField(
                "project",
                name,
                models.PositiveSmallIntegerField(
                    default=n, db_default=n, validators=BETWEEN if name == "check_fewest" else [MaxValueValidator(100)]
                ),
            )
            for name, n in MARKS.items()
        ),
        migrations.AddConstraint(
            "project",
            models.CheckConstraint(
                condition=models.Q(
                    **{f"{name}__lte": 100 for name in MARKS if name != "check_fewest"}, check_fewest__gte=1
                ),
                name="project_marks_are_percents",
            ),
        ),
        migrations.AddField(
            "membership",
            "pause",
            models.CharField(
                blank=True,
                choices=[("", "At work"), ("paused", "Paused"), ("stopped", "Stopped")],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
        migrations.AddField("membership", "paused_at", models.DateTimeField(null=True)),
        migrations.AddField("membership", "warned_at", models.DateTimeField(null=True)),
        migrations.AddField("membership", "checks_from", models.DateTimeField(null=True)),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=models.Q(pause="", paused_at__isnull=True)
                | models.Q(pause__in=("paused", "stopped"), paused_at__isnull=False),
                name="membership_pause_has_its_moment",
            ),
        ),
        migrations.CreateModel(
            "GoldAnswer",
            (
                ID,
                ("ranks", models.JSONField(default=dict)),
                ("flags", models.JSONField(default=dict)),
                ("explanation", models.TextField(blank=True, default="")),
                (
                    "source",
                    models.CharField(
                        choices=[
                            ("typed", "Ranked for it"),
                            ("ranking", "A ranking"),
                            ("review", "A reviewer's decision"),
                            ("import", "An import"),
                        ],
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by",
                    models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, **TO_USER),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="labeling.project",
                    ),
                ),
                (
                    "prompt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="gold", to="labeling.prompt"
                    ),
                ),
            ),
            options={
                "ordering": ("id",),
                "indexes": [models.Index(fields=["project", "id"], name="gold_project")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("source__in", ("typed", "ranking", "review", "import"))),
                        name="gold_source_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            "CheckResult",
            (
                ID,
                (
                    "assignment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="check_result",
                        to="labeling.assignment",
                    ),
                ),
                ("purpose", models.CharField(**PURPOSE)),
                ("doubted", models.BooleanField(default=False, db_default=False)),
                ("comparisons", models.PositiveIntegerField(null=True)),
                ("right", models.FloatField(null=True)),
                ("worth", models.FloatField(null=True)),
                ("scored_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "labeler",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, **TO_USER
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="labeling.project",
                    ),
                ),
                (
                    "prompt",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="check_results",
                        to="labeling.prompt",
                    ),
                ),
                (
                    "ranking",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+",
                        to="labeling.ranking",
                    ),
                ),
            ),
            options={
                "indexes": [
                    models.Index(fields=["project", "labeler", "purpose", "created_at"], name="check_of_a_person"),
                    models.Index(fields=["prompt", "id"], name="check_of_a_prompt"),
                    models.Index(
                        fields=["id"],
                        condition=models.Q(ranking__isnull=False, scored_at__isnull=True),
                        name="check_to_score",
                    ),
                    models.Index(
                        fields=["project", "id"], condition=models.Q(("doubted", True)), name="check_doubt"
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("purpose__in", ("gold", "repeat"))), name="check_purpose_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("comparisons__isnull", True),
                            models.Q(right__gte=0, right__lte=models.F("comparisons")),
                            _connector="OR",
                        ),
                        name="check_right_of_its_comparisons",
                    ),
                ],
            },
        ),
        *(
            AddConstraintNotValid(model_name=model, constraint=models.CheckConstraint(condition=said, name=name))
            for model, name, said in (
                ("assignment", "assignment_purpose_known", KNOWN),
                ("ranking", "ranking_purpose_known", KNOWN),
                ("ranking", "ranking_of_a_check_is_no_data", models.Q(("purpose", "label"), ("live", False), _connector="OR")),
                (
                    "prompt",
                    "prompt_gold_is_held",
                    models.Q(("gold_at__isnull", True), ("held_at__isnull", False), _connector="OR"),
                ),
            )
        ),
        migrations.RunSQL(
            [with_gold(withdrawn.COUNT), DIFFERENCES, *map(counted, EVENTS)],
            [withdrawn.COUNT, withdrawn.DIFFERENCES, *map(withdrawn.counted, EVENTS)],
        ),
        migrations.RunSQL([LABELERS, CHECKS], [WITHOUT_CHECKS, LABELERS_BEFORE]),
        migrations.RunSQL(
            [NEW_RANKED, CHANGED_RANKED, ASKS], [counted_at_once.COUNTED, ranked_at.COUNT, review.NOW]
        ),
    )
