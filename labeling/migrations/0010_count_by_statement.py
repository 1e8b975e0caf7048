"""Rankings are counted once a statement and prompt: 8,000 recorded ones of a prompt changed its row 8,000 times.

Within one transaction no dead version of a row can be cleared, so that each change, and each check of a foreign key
to the row, walked past all before it (235 s).
"""

from django.db import migrations

BY_STATEMENT = """
DROP TRIGGER assignment_counts_ranked ON labeling_assignment;
DROP FUNCTION podium_count_ranked();
CREATE FUNCTION podium_count_new_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_prompt SET ranked = ranked + change.n
    FROM (SELECT prompt_id, count(*) AS n FROM fresh WHERE state = 'ranked' GROUP BY prompt_id) change
    WHERE id = change.prompt_id;
    RETURN NULL;
END $$;
CREATE FUNCTION podium_count_changed_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_prompt SET ranked = ranked + change.n
    FROM (
        SELECT fresh.prompt_id, sum((fresh.state = 'ranked')::int - (before.state = 'ranked')::int) AS n
        FROM fresh JOIN before USING (id) WHERE fresh.state <> before.state GROUP BY fresh.prompt_id
    ) change
    WHERE id = change.prompt_id AND change.n <> 0;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_counts_new_ranked AFTER INSERT ON labeling_assignment
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION podium_count_new_ranked();
CREATE TRIGGER assignment_counts_changed_ranked AFTER UPDATE ON labeling_assignment
    REFERENCING NEW TABLE AS fresh OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION podium_count_changed_ranked();
"""
BY_ROW = """
DROP TRIGGER assignment_counts_new_ranked ON labeling_assignment;
DROP TRIGGER assignment_counts_changed_ranked ON labeling_assignment;
DROP FUNCTION podium_count_new_ranked();
DROP FUNCTION podium_count_changed_ranked();
CREATE FUNCTION podium_count_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change int := (NEW.state = 'ranked')::int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        change := change - (OLD.state = 'ranked')::int;
    END IF;
    IF change <> 0 THEN
        UPDATE labeling_prompt SET ranked = ranked + change WHERE id = NEW.prompt_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_counts_ranked AFTER INSERT OR UPDATE OF state ON labeling_assignment
    FOR EACH ROW EXECUTE FUNCTION podium_count_ranked();
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0009_same_prompts"),)

    operations = (migrations.RunSQL(BY_STATEMENT, BY_ROW),)
