"""Cohorts: prompts that some people of a project get, and nobody else (docs/decisions/0180). No prompt is read."""

from importlib import import_module

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

positions = import_module("labeling.migrations.0021_queue_positions")

# A trigger, so that every way by which prompts come or get tags is meant. It waits for whoever is changing the rules of
# its project, and they for it: so each prompt is either seen by them or goes by the new rules. Prompts without tags,
# which no rule means, cost nothing.
RULES = """
CREATE FUNCTION podium_cohort_of(project bigint, prompt_tags varchar[]) RETURNS bigint
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN CASE WHEN prompt_tags <> '{}' THEN (
        SELECT c.id FROM labeling_cohort c
        WHERE c.project_id = project AND c.deleted_at IS NULL AND c.tags && prompt_tags
        ORDER BY c.id LIMIT 1) END;
END $$;

CREATE FUNCTION podium_cohort_by_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('labeling.cohorts', NEW.project_id));
    NEW.cohort_id := podium_cohort_of(NEW.project_id, NEW.tags);
    RETURN NEW;
END $$;
CREATE TRIGGER prompt_comes_into_a_cohort BEFORE INSERT ON labeling_prompt
    FOR EACH ROW WHEN (NEW.tags <> '{}' AND NOT NEW.cohort_by_hand) EXECUTE FUNCTION podium_cohort_by_rules();
CREATE TRIGGER prompt_changes_its_cohort BEFORE UPDATE OF tags ON labeling_prompt
    FOR EACH ROW WHEN (NEW.tags IS DISTINCT FROM OLD.tags AND NOT NEW.cohort_by_hand)
    EXECUTE FUNCTION podium_cohort_by_rules();

-- Who leaves a cohort may have been the last one who could get a prompt: a worker looks (labeling/data/reviewing/leavers).
CREATE FUNCTION podium_cohort_left() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE labeling_project SET look_after = 0
    WHERE id = (SELECT c.project_id FROM labeling_cohort c WHERE c.id = OLD.cohort_id)
      AND deleted_at IS NULL AND look_after IS DISTINCT FROM 0;
    RETURN NULL;
END $$;
CREATE TRIGGER cohort_left AFTER DELETE ON labeling_cohortmember FOR EACH ROW EXECUTE FUNCTION podium_cohort_left();
"""
NO_RULES = """
DROP TRIGGER cohort_left ON labeling_cohortmember;
DROP FUNCTION podium_cohort_left();
DROP TRIGGER prompt_changes_its_cohort ON labeling_prompt;
DROP TRIGGER prompt_comes_into_a_cohort ON labeling_prompt;
DROP FUNCTION podium_cohort_by_rules();
DROP FUNCTION podium_cohort_of(bigint, varchar[]);
"""
# Of 0021, and also where a prompt comes into another cohort: those who stand beyond it there go back to it.
FUNCTION, _, _ = positions.COME_BACK.partition("CREATE TRIGGER")
BEFORE = FUNCTION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
NOW = BEFORE.replace(
    "OR before.priority <> fresh.priority)",
    "OR before.priority <> fresh.priority\n               OR before.cohort_id IS DISTINCT FROM fresh.cohort_id)",
).replace(
    "AND q.priority = fresh.priority AND", "AND q.priority = fresh.priority AND q.cohort = coalesce(fresh.cohort_id, 0) AND"
)

ACTS = ("tag", "untag", "priority", "overlap", "cohort", "rules", "hold", "put_back", "withdraw", "restore")
ID = ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
CASCADE = {"on_delete": django.db.models.deletion.CASCADE}


class Migration(migrations.Migration):
    dependencies = (("labeling", "0075_reviews_by_reviewer"),)

    operations = (
        migrations.CreateModel(
            "Cohort",
            (
                ID,
                ("name", models.CharField(max_length=60)),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        models.CharField(max_length=50), default=list, db_default=[], blank=True
                    ),
                ),
                ("revision", models.PositiveIntegerField(default=1, db_default=1)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                ("project", models.ForeignKey(related_name="cohorts", to="labeling.project", **CASCADE)),
            ),
            options={
                "ordering": ("id",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("project", "name"), condition=Q(("deleted_at", None)), name="cohort_name_once"
                    ),
                    models.CheckConstraint(condition=Q(("tags__len__lte", 20)), name="cohort_tags_at_most"),
                    models.CheckConstraint(condition=~Q(("name", "")) & ~Q(("name", "-")), name="cohort_has_a_name"),
                ],
            },
        ),
        migrations.CreateModel(
            "CohortMember",
            (
                ID,
                ("cohort", models.ForeignKey(db_index=False, related_name="people", to="labeling.cohort", **CASCADE)),
                ("membership", models.ForeignKey(related_name="cohorts", to="labeling.membership", **CASCADE)),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("cohort", "membership"), name="cohort_member_once"),
                ],
            },
        ),
        migrations.AddField(
            "prompt",
            "cohort",
            models.ForeignKey(
                db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="prompts", to="labeling.cohort",
            ),
        ),
        migrations.AddField("prompt", "cohort_by_hand", models.BooleanField(default=False, db_default=False)),
        migrations.AddField("queueposition", "cohort", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddConstraint(
            "queueposition",
            models.UniqueConstraint(
                fields=("project", "labeler", "priority", "cohort"), name="queue_position_once_in_cohort"
            ),
        ),
        migrations.RunSQL(RULES, NO_RULES),
        migrations.RunSQL(NOW, BEFORE),
        migrations.AlterField(
            "bulkact",
            "act",
            models.CharField(
                choices=[
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
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint("bulkact", "bulk_act_known"),
        migrations.RunSQL(
            migrations.RunSQL.noop, "DELETE FROM labeling_bulkact WHERE act IN ('cohort', 'rules')"
        ),
        migrations.AddConstraint("bulkact", models.CheckConstraint(condition=Q(act__in=ACTS), name="bulk_act_known")),
    )
