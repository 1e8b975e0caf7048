"""Indexes and constraints of gold and self-repeats, made while people work.

Those that keep tasks apart hold of labels alone from here on: each is built under another name before the old one goes,
so that no moment is without.
"""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex, DropIndex

LIVE = "state IN ('claimed', 'ranked')"


def rebuilt(name, columns, condition, was):
    """Builds a unique index anew for other rows, in steps that can be done twice."""
    build = "CREATE UNIQUE INDEX CONCURRENTLY {} ON labeling_assignment ({}) WHERE {}"
    unfinished = f"""
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass('{name}_new') AND NOT indisvalid) THEN
        DROP INDEX {name}_new;
    END IF;
END $$"""
    change = [
        unfinished,
        build.format(f"IF NOT EXISTS {name}_new", columns, condition),
        f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
        f"ALTER INDEX IF EXISTS {name}_new RENAME TO {name}",
    ]
    back = [f"DROP INDEX CONCURRENTLY IF EXISTS {name}", build.format(name, columns, was)]
    return [migrations.RunSQL(step, undo) for step, undo in zip(change, [*back[::-1], "", ""], strict=True)]


def unique(name, fields, **said):
    return models.UniqueConstraint(
        fields=fields, condition=models.Q(state__in=("claimed", "ranked"), **said), name=name
    )


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0063_checks"),)

    operations = (
        migrations.SeparateDatabaseAndState(
            database_operations=[
                *rebuilt(
                    "assignment_one_live_per_slot", "prompt_id, slot", f"{LIVE} AND purpose = 'label'", LIVE
                ),
                *rebuilt(
                    "assignment_one_live_per_labeler", "prompt_id, labeler_id", f"{LIVE} AND purpose <> 'repeat'", LIVE
                ),
            ],
            state_operations=[
                migrations.RemoveConstraint("assignment", "assignment_one_live_per_slot"),
                migrations.RemoveConstraint("assignment", "assignment_one_live_per_labeler"),
                migrations.AddConstraint(
                    "assignment",
                    unique("assignment_one_live_per_slot", ("prompt", "slot"), purpose="label"),
                ),
                migrations.AddConstraint(
                    "assignment",
                    models.UniqueConstraint(
                        fields=("prompt", "labeler"),
                        condition=models.Q(state__in=("claimed", "ranked")) & ~models.Q(purpose="repeat"),
                        name="assignment_one_live_per_labeler",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            "assignment", unique("assignment_one_live_repeat", ("prompt", "labeler"), purpose="repeat")
        ),
        migrations.AddConstraint(
            "ranking",
            models.UniqueConstraint(
                fields=("assignment",),
                condition=~models.Q(("purpose", "label")) & models.Q(("ended_at__isnull", True)),
                name="ranking_one_standing_check",
            ),
        ),
        BuildIndex(
            "ranking",
            models.Index(fields=["project", "id"], condition=~models.Q(("purpose", "label")), name="ranking_checks"),
        ),
        BuildIndex(
            "prompt",
            models.Index(
                fields=["project", "id"],
                condition=models.Q(gold_at__isnull=False, withdrawn_at__isnull=True),
                name="prompt_gold",
            ),
        ),
        BuildIndex(
            "prompt",
            models.Index(
                fields=["project", "id"],
                condition=models.Q(gold_at__isnull=True, held_at__isnull=False, withdrawn_at__isnull=True),
                name="prompt_held",
            ),
        ),
        DropIndex("prompt", "prompt_set_aside"),
        *(
            ValidateConstraint(model_name=model, name=name)
            for model, name in (
                ("assignment", "assignment_purpose_known"),
                ("ranking", "ranking_purpose_known"),
                ("ranking", "ranking_of_a_check_is_no_data"),
                ("prompt", "prompt_gold_is_held"),
            )
        ),
    )
