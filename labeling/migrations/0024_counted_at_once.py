"""New rankings of a prompt are counted anew, and written where the prompt says another number.

An import writes a prompt with the number of the rankings that come with it. Counted in afterwards, each of its prompts
was written twice, with all its indexes: a tenth of what a recorded ranking takes.
"""

from django.db import migrations

BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"

# The rows are locked before they are counted: of two who rank the same prompt each counts what the other has done.
COUNTED = f"""
CREATE OR REPLACE FUNCTION podium_count_new_ranked() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    prompts bigint[] := ARRAY(SELECT DISTINCT prompt_id FROM fresh WHERE state = 'ranked');
BEGIN
    IF prompts = '{{}}' THEN
        RETURN NULL;
    END IF;
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR NO KEY UPDATE;
    UPDATE labeling_prompt prompt SET ranked = counted.n
    FROM unnest(prompts) AS wanted (id) CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM labeling_assignment a WHERE a.prompt_id = wanted.id AND a.state = 'ranked'
    ) counted
    WHERE prompt.id = wanted.id AND prompt.ranked <> counted.n;
    RETURN NULL;
END $$;
"""
ADDED = """
CREATE OR REPLACE FUNCTION podium_count_new_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_prompt SET ranked = ranked + change.n
    FROM (SELECT prompt_id, count(*) AS n FROM fresh WHERE state = 'ranked' GROUP BY prompt_id) change
    WHERE id = change.prompt_id;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0023_own_day"),)

    operations = (migrations.RunSQL(COUNTED, ADDED),)
