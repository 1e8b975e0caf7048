"""A prompt says when it was last ranked, so that lists are in that order by an index; see docs/decisions/0173.

It is the time of the newest of its rankings that stand. Triggers keep it, whoever ranks, changes, withdraws, imports or
erases. With it comes an index of all prompts by priority: that of the queue has only those that wait.
"""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

AT_ONCE = 5_000  # prompts; those that are written are locked until their batch is done

# Plans are made once for each connection, perhaps while it imports into an empty database: they go by indexes for ever.
BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"

LOOK = f"""
-- Looks through all rankings of these prompts. Rows are locked in the order of their keys, as by all who write several.
CREATE FUNCTION podium_look_when_ranked(prompts bigint[]) RETURNS void LANGUAGE plpgsql {BY_INDEX} AS $$
BEGIN
    IF prompts = '{{}}' THEN
        RETURN;
    END IF;
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR NO KEY UPDATE;
    UPDATE labeling_prompt prompt SET last_ranked_at = newest.moment
    FROM unnest(prompts) AS wanted (id) CROSS JOIN LATERAL (
        SELECT max(created_at) AS moment FROM labeling_ranking r WHERE r.prompt_id = wanted.id AND r.live
    ) newest
    WHERE prompt.id = wanted.id AND prompt.last_ranked_at IS DISTINCT FROM newest.moment;
END $$;

-- Of rankings that came: those before needn't be looked through, of which a prompt may have thousands.
CREATE FUNCTION podium_ranked_at(prompts bigint[], moments timestamptz[]) RETURNS void LANGUAGE plpgsql {BY_INDEX} AS $$
BEGIN
    IF prompts = '{{}}' THEN
        RETURN;
    END IF;
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR NO KEY UPDATE;
    UPDATE labeling_prompt prompt SET last_ranked_at = came.moment
    FROM unnest(prompts, moments) AS came (id, moment)
    WHERE prompt.id = came.id AND (prompt.last_ranked_at IS NULL OR prompt.last_ranked_at < came.moment);
END $$;
"""
# A label stores its ranking first, and then its task: what counts the task writes both numbers at once, for each time
# that a prompt is written all its indexes are. So what counts the ranking leaves out those whose task isn't ranked yet.
COUNT = """
CREATE OR REPLACE FUNCTION podium_count_changed_ranked() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE labeling_prompt SET ranked = ranked + change.n,
        last_ranked_at = greatest(last_ranked_at, change.moment)
    FROM (
        SELECT fresh.prompt_id, sum((fresh.state = 'ranked')::int - (before.state = 'ranked')::int) AS n,
            max(CASE WHEN fresh.state = 'ranked' THEN (
                SELECT r.created_at FROM labeling_ranking r WHERE r.assignment_id = fresh.id AND r.live) END) AS moment
        FROM fresh JOIN before USING (id) WHERE fresh.state <> before.state GROUP BY fresh.prompt_id
    ) change
    WHERE id = change.prompt_id AND (change.n <> 0 OR change.moment > coalesce(last_ranked_at, '-infinity'));
    RETURN NULL;
END $$;
"""
COUNT_AS_BEFORE = """
CREATE OR REPLACE FUNCTION podium_count_changed_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_prompt SET ranked = ranked + change.n
    FROM (
        SELECT fresh.prompt_id, sum((fresh.state = 'ranked')::int - (before.state = 'ranked')::int) AS n
        FROM fresh JOIN before USING (id) WHERE fresh.state <> before.state GROUP BY fresh.prompt_id
    ) change
    WHERE id = change.prompt_id AND change.n <> 0;
    RETURN NULL;
END $$;
"""
TRIGGERS = f"""
CREATE FUNCTION podium_ranking_came() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    came record;
BEGIN
    SELECT array_agg(each.prompt_id) AS prompts, array_agg(each.moment) AS moments INTO came
    FROM (
        SELECT fresh.prompt_id, max(fresh.created_at) AS moment
        FROM fresh JOIN labeling_assignment task ON task.id = fresh.assignment_id
        WHERE fresh.live AND task.state = 'ranked' GROUP BY fresh.prompt_id
    ) each;
    IF came.prompts IS NOT NULL THEN
        PERFORM podium_ranked_at(came.prompts, came.moments);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ranking_came AFTER INSERT ON labeling_ranking REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_ranking_came();

-- What a statement changed is two lists here, which are matched by hashing.
CREATE FUNCTION podium_ranking_stands_or_not() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_look_when_ranked(ARRAY(
        SELECT DISTINCT fresh.prompt_id FROM fresh JOIN before USING (id)
        WHERE (fresh.live, fresh.created_at) IS DISTINCT FROM (before.live, before.created_at)));
    RETURN NULL;
END $$;
CREATE TRIGGER ranking_stands_or_not AFTER UPDATE ON labeling_ranking
    REFERENCING OLD TABLE AS before NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_ranking_stands_or_not();

CREATE FUNCTION podium_ranking_is_gone() RETURNS trigger LANGUAGE plpgsql {BY_INDEX} AS $$
BEGIN
    PERFORM podium_look_when_ranked(ARRAY(SELECT DISTINCT prompt_id FROM gone WHERE live));
    RETURN NULL;
END $$;
CREATE TRIGGER ranking_is_gone AFTER DELETE ON labeling_ranking REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION podium_ranking_is_gone();
"""
WITHOUT = """
DROP TRIGGER ranking_came ON labeling_ranking;
DROP TRIGGER ranking_stands_or_not ON labeling_ranking;
DROP TRIGGER ranking_is_gone ON labeling_ranking;
DROP FUNCTION podium_ranking_came();
DROP FUNCTION podium_ranking_stands_or_not();
DROP FUNCTION podium_ranking_is_gone();
"""
WITHOUT_LOOK = """
DROP FUNCTION podium_look_when_ranked(bigint[]);
DROP FUNCTION podium_ranked_at(bigint[], timestamptz[]);
"""


def look_at_all(apps, schema_editor):
    """Does it in batches, each a transaction of its own; killed half-way it is done again, which changes nothing.

    Rankings are read in the order of their prompts: of a million prompts most have none.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM labeling_prompt")
        first, last = cursor.fetchone()
        for begin in range(first, last + 1, AT_ONCE):
            cursor.execute(
                "SELECT podium_look_when_ranked(ARRAY("
                "SELECT DISTINCT prompt_id FROM labeling_ranking WHERE prompt_id >= %s AND prompt_id < %s AND live))",
                [begin, begin + AT_ONCE],
            )


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0054_saved_views"),)

    operations = (
        migrations.AddField("prompt", "last_ranked_at", models.DateTimeField(null=True)),
        migrations.RunSQL(LOOK, WITHOUT_LOOK),
        migrations.RunSQL([COUNT, TRIGGERS], [WITHOUT, COUNT_AS_BEFORE]),
        migrations.RunPython(look_at_all, migrations.RunPython.noop),
        BuildIndex("prompt", models.Index(fields=["project", "-priority", "id"], name="prompt_priority")),
        BuildIndex("prompt", models.Index(fields=["project", "last_ranked_at", "id"], name="prompt_last_ranked")),
    )
