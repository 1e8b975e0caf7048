"""A prompt says whether people disagree about it, so that those are found by an index; see docs/decisions/0158.

Kept by triggers, whoever ranks, changes, withdraws, imports or erases. Doors that write a prompt's rankings lock the
prompt first, so each sees what the other has done.
"""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex

AT_ONCE = 5_000  # prompts; those that are written are locked until their batch is done

# Plans are made once for each connection, perhaps while it imports into an empty database: they go by indexes for ever.
BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"

# Only live rankings have pairs. What orders nothing, as answers to questions and a tie of all, is compared by its flags.
DISAGREE = f"""
CREATE FUNCTION podium_disagreed(prompts bigint[]) RETURNS SETOF bigint LANGUAGE plpgsql STABLE {BY_INDEX} AS $$
BEGIN
    RETURN QUERY
    SELECT DISTINCT pair.prompt_id FROM labeling_preferencepair pair WHERE pair.prompt_id = ANY(prompts)
    GROUP BY pair.prompt_id, least(chosen_id, rejected_id), greatest(chosen_id, rejected_id)
    HAVING min(chosen_id) <> max(chosen_id);
    RETURN QUERY
    SELECT DISTINCT answer.prompt_id
    FROM (
        SELECT prompt_id, ranking_id, completion_id, flags, max(rank) OVER (PARTITION BY ranking_id) AS last
        FROM labeling_rankedcompletion WHERE prompt_id = ANY(prompts)
    ) answer
    -- OFFSET 0: each by its key, whatever the statistics say (migration 0030).
    JOIN LATERAL (SELECT live FROM labeling_ranking WHERE id = answer.ranking_id OFFSET 0) ranking ON ranking.live
    CROSS JOIN jsonb_each_text(
        CASE jsonb_typeof(answer.flags) WHEN 'object' THEN answer.flags ELSE '{{}}' END) AS flag (name, said)
    WHERE answer.last = 1
    GROUP BY answer.prompt_id, answer.completion_id, flag.name HAVING min(flag.said) <> max(flag.said);
END $$;

-- Looks again at those of the prompts that said `said`. About what nobody had ranked before nobody disagrees.
CREATE FUNCTION podium_look_for_disagreement(prompts bigint[], said boolean) RETURNS void
LANGUAGE plpgsql {BY_INDEX} AS $$
DECLARE
    chosen bigint[] := ARRAY(
        SELECT id FROM labeling_prompt WHERE id = ANY(prompts) AND disagrees = said AND (said OR ranked > 0)
        ORDER BY id FOR NO KEY UPDATE);
BEGIN
    UPDATE labeling_prompt SET disagrees = NOT said
    WHERE chosen <> '{{}}' AND id = ANY(chosen) AND said <> (id IN (SELECT podium_disagreed(chosen)));
END $$;
"""
TRIGGERS = """
CREATE FUNCTION podium_pairs_may_disagree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_look_for_disagreement(ARRAY(SELECT DISTINCT prompt_id FROM fresh), false);
    RETURN NULL;
END $$;
CREATE TRIGGER pairs_may_disagree AFTER INSERT ON labeling_preferencepair REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_pairs_may_disagree();

CREATE FUNCTION podium_pairs_may_agree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_look_for_disagreement(ARRAY(SELECT DISTINCT prompt_id FROM gone), true);
    RETURN NULL;
END $$;
CREATE TRIGGER pairs_may_agree AFTER DELETE ON labeling_preferencepair REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION podium_pairs_may_agree();

CREATE FUNCTION podium_answers_may_disagree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_look_for_disagreement(ARRAY(
        SELECT DISTINCT prompt_id FROM (
            SELECT prompt_id FROM fresh GROUP BY prompt_id, ranking_id HAVING max(rank) = 1) orderless), false);
    RETURN NULL;
END $$;
CREATE TRIGGER answers_may_disagree AFTER INSERT ON labeling_rankedcompletion REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_answers_may_disagree();

-- One that ends, or stands again, had no pairs that go or come where it orders nothing.
CREATE FUNCTION podium_ended_may_agree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ended bigint[] := ARRAY(
        SELECT DISTINCT fresh.prompt_id FROM fresh JOIN before USING (id) WHERE before.live AND NOT fresh.live);
    standing bigint[] := ARRAY(
        SELECT DISTINCT fresh.prompt_id FROM fresh JOIN before USING (id) WHERE fresh.live AND NOT before.live);
BEGIN
    IF ended <> '{}' THEN
        PERFORM podium_look_for_disagreement(ended, true);
    END IF;
    IF standing <> '{}' THEN
        PERFORM podium_look_for_disagreement(standing, false);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ended_may_agree AFTER UPDATE ON labeling_ranking
    REFERENCING OLD TABLE AS before NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_ended_may_agree();

CREATE FUNCTION podium_deleted_may_agree() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_look_for_disagreement(ARRAY(SELECT DISTINCT prompt_id FROM gone WHERE live), true);
    RETURN NULL;
END $$;
CREATE TRIGGER deleted_may_agree AFTER DELETE ON labeling_ranking REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION podium_deleted_may_agree();
"""
FORGET = """
DROP TRIGGER pairs_may_disagree ON labeling_preferencepair;
DROP TRIGGER pairs_may_agree ON labeling_preferencepair;
DROP TRIGGER answers_may_disagree ON labeling_rankedcompletion;
DROP TRIGGER ended_may_agree ON labeling_ranking;
DROP TRIGGER deleted_may_agree ON labeling_ranking;
DROP FUNCTION podium_pairs_may_disagree();
DROP FUNCTION podium_pairs_may_agree();
DROP FUNCTION podium_answers_may_disagree();
DROP FUNCTION podium_ended_may_agree();
DROP FUNCTION podium_deleted_may_agree();
DROP FUNCTION podium_look_for_disagreement(bigint[], boolean);
DROP FUNCTION podium_disagreed(bigint[]);
"""


def look_at_all(apps, schema_editor):
    """Does it in batches, each a transaction of its own; killed half-way it is done again, which changes nothing."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM labeling_prompt")
        first, last = cursor.fetchone()
        for begin in range(first, last + 1, AT_ONCE):
            cursor.execute(
                "SELECT podium_look_for_disagreement(ARRAY("
                "SELECT id FROM labeling_prompt WHERE id >= %s AND id < %s AND ranked > 1), false)",
                [begin, begin + AT_ONCE],
            )


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0037_datasets_of_hubs"),)

    operations = (
        migrations.AddField("prompt", "disagrees", models.BooleanField(default=False, db_default=False)),
        migrations.RunSQL(DISAGREE, ""),
        migrations.RunSQL(TRIGGERS, FORGET),
        migrations.RunPython(look_at_all, migrations.RunPython.noop),
        BuildIndex(
            "prompt",
            models.Index(fields=["project", "id"], condition=models.Q(disagrees=True), name="prompt_disagrees"),
        ),
    )
