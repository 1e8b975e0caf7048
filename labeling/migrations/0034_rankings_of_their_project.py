"""A ranking names its project, so that a project's rankings are read in their order by an index of their own.

By way of their prompts, the first page of a quiet project walked past all that was ranked elsewhere since. A trigger
writes it, whoever inserts the ranking; a prompt never changes its project (0025). See docs/decisions/0157.
"""

import django.db.models.deletion
from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

AT_ONCE = 5_000  # rows; each is locked until its batch is done

NAME_PROJECT = """
CREATE FUNCTION podium_ranking_names_its_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Where a backup is read back, the prompts may come after the rankings: they say it themselves.
    NEW.project_id := coalesce((SELECT project_id FROM labeling_prompt WHERE id = NEW.prompt_id), NEW.project_id);
    RETURN NEW;
END $$;
CREATE TRIGGER ranking_names_its_project BEFORE INSERT ON labeling_ranking
    FOR EACH ROW EXECUTE FUNCTION podium_ranking_names_its_project();

CREATE FUNCTION podium_ranking_project_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the project of ranking % never changes', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER ranking_project_never_changes BEFORE UPDATE ON labeling_ranking
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION podium_ranking_project_stays();
"""
FORGET_PROJECT = """
DROP TRIGGER ranking_names_its_project ON labeling_ranking;
DROP FUNCTION podium_ranking_names_its_project();
DROP TRIGGER ranking_project_never_changes ON labeling_ranking;
DROP FUNCTION podium_ranking_project_stays();
"""
# Looked at without a lock that keeps anybody waiting, and then known to be so.
NEVER_NULL = """
ALTER TABLE labeling_ranking ADD CONSTRAINT ranking_has_a_project CHECK (project_id IS NOT NULL) NOT VALID;
ALTER TABLE labeling_ranking VALIDATE CONSTRAINT ranking_has_a_project;
ALTER TABLE labeling_ranking ALTER COLUMN project_id SET NOT NULL;
ALTER TABLE labeling_ranking DROP CONSTRAINT ranking_has_a_project;
"""
MAY_BE_NULL = "ALTER TABLE labeling_ranking ALTER COLUMN project_id DROP NOT NULL"


def name_projects(apps, schema_editor):
    """Does it in batches, each a transaction of its own; killed half-way it goes on where it was."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM labeling_ranking")
        first, last = cursor.fetchone()
        for begin in range(first, last + 1, AT_ONCE):
            cursor.execute(
                "UPDATE labeling_ranking r SET project_id = p.project_id FROM labeling_prompt p"
                " WHERE p.id = r.prompt_id AND r.project_id IS NULL AND r.id >= %s AND r.id < %s",
                [begin, begin + AT_ONCE],
            )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("labeling", "0033_erased_prompts")]

    operations = [
        migrations.AddField(
            model_name="ranking",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rankings",
                to="labeling.project",
            ),
        ),
        migrations.RunSQL(NAME_PROJECT, FORGET_PROJECT),
        migrations.RunPython(name_projects, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(NEVER_NULL, MAY_BE_NULL)],
            state_operations=[
                migrations.AlterField(
                    model_name="ranking",
                    name="project",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rankings",
                        to="labeling.project",
                    ),
                )
            ],
        ),
        BuildIndex("ranking", models.Index(fields=["project", "id"], name="ranking_project")),
        # Few completions have a note: whoever looks for those walks past all others without it.
        BuildIndex(
            "rankedcompletion",
            models.Index(fields=["ranking"], condition=~models.Q(note=""), name="ranked_completion_note"),
        ),
    ]
