"""A pair is of its prompt's project, which nothing held, and a prompt stays in its project.

The key to the project held only that there is one: six look-ups of a label of four completions, kept in a list until the
commit. A pair's prompt and that of its ranking are held by other keys, and so is the prompt's project. The statement
that counts new pairs reads their prompts anyway, and looks at the project there.
"""

import django.db.models.deletion
from django.db import migrations, models

BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"

HOLD_PROMPTS = """
CREATE FUNCTION podium_prompt_project_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the project of prompt % never changes', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER prompt_project_never_changes BEFORE UPDATE ON labeling_prompt
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION podium_prompt_project_stays();
"""
FREE_PROMPTS = """
DROP TRIGGER prompt_project_never_changes ON labeling_prompt;
DROP FUNCTION podium_prompt_project_stays();
"""

FRESH = "SELECT 1 AS sign, project_id, prompt_id, ranking_id FROM fresh"
ROWS = {
    "insert": FRESH,
    "update": f"{FRESH} UNION ALL SELECT -1, project_id, prompt_id, ranking_id FROM before",
}


def held(event: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION podium_count_pairs_{event}() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT pair.project_id, prompt.project_id AS of_prompt, prompt.split, pair.id_range, sum(pairs)::bigint AS pairs
        FROM (
            SELECT project_id, prompt_id, ranking_id >> 11 AS id_range, sum(sign) AS pairs
            FROM ({ROWS[event]}) each GROUP BY 1, 2, 3
        ) pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
        GROUP BY 1, 2, 3, 4
    LOOP
        IF change.project_id <> change.of_prompt THEN
            RAISE EXCEPTION 'pairs of project % are of prompts of project %', change.project_id, change.of_prompt
                USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'pair_of_its_prompts_project',
                    SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
        ELSIF change.pairs <> 0 THEN
            PERFORM podium_count(change.project_id, change.split, change.id_range, n_pairs => change.pairs);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""


def counted(event: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION podium_count_pairs_{event}() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
BEGIN
    PERFORM podium_count(project_id, split, id_range, n_pairs => pairs)
    FROM (
        SELECT pair.project_id, prompt.split, pair.id_range, sum(pairs)::bigint AS pairs
        FROM (
            SELECT project_id, prompt_id, ranking_id >> 11 AS id_range, sum(sign) AS pairs
            FROM ({ROWS[event]}) each GROUP BY 1, 2, 3
        ) pair JOIN labeling_prompt prompt ON prompt.id = pair.prompt_id
        GROUP BY 1, 2, 3
    ) change
    WHERE pairs <> 0;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0024_counted_at_once"),)

    operations = (
        migrations.RunSQL(HOLD_PROMPTS, FREE_PROMPTS),
        migrations.AlterField(
            "preferencepair",
            "project",
            models.ForeignKey(
                to="labeling.project", on_delete=django.db.models.deletion.PROTECT, related_name="pairs",
                db_constraint=False, db_index=False,
            ),
        ),
        *(migrations.RunSQL(held(event), counted(event)) for event in ROWS),
    )
