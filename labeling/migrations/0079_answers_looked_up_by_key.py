"""What an answer sets off looks its task and its prompt up by their keys, whatever the statistics say; see decision 0199.

Plans are made once for each connection. One made while few prompts were ranked took the index of those that are, or
that of tasks by their labeler, and went through the whole of it at every answer until the tables were analyzed anew:
of a million prompts not before a hundred thousand have been ranked. Nobody waits for it: only functions change.
"""

from django.db import migrations

BY_INDEX = "SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off"
CAME = """
CREATE OR REPLACE FUNCTION podium_ranking_came() RETURNS trigger LANGUAGE plpgsql %s AS $$
DECLARE
    came record;
BEGIN
    SELECT array_agg(each.prompt_id) AS prompts, array_agg(each.moment) AS moments INTO came
    FROM (
        SELECT fresh.prompt_id, max(fresh.created_at) AS moment
        FROM fresh %s
        WHERE fresh.live AND task.state = 'ranked' GROUP BY fresh.prompt_id
    ) each;
    IF came.prompts IS NOT NULL THEN
        PERFORM podium_ranked_at(came.prompts, came.moments);
    END IF;
    RETURN NULL;
END $$;
"""
BY_JOIN = "JOIN labeling_assignment task ON task.id = fresh.assignment_id"
# A lateral join is done for each row, and OFFSET keeps it whole.
BY_KEY = "CROSS JOIN LATERAL (SELECT state FROM labeling_assignment WHERE id = fresh.assignment_id OFFSET 0) task"

# An update of no row starts the triggers that count all the same: it is left out where none is chosen, as for nearly all
# answers. `::int` and `+ 0` change nothing but this: no index of the prompts that disagree, or are ranked, will do.
LOOK = """
-- Looks again at those of the prompts that said `said`. About what nobody had ranked before nobody disagrees.
CREATE OR REPLACE FUNCTION podium_look_for_disagreement(prompts bigint[], said boolean) RETURNS void
LANGUAGE plpgsql %s AS $$
DECLARE
    chosen bigint[];
BEGIN
    IF prompts = '{}' THEN
        RETURN;
    END IF;
    chosen := ARRAY(
        SELECT id FROM labeling_prompt
        WHERE id = ANY(prompts) AND disagrees::int = said::int AND (said OR ranked + 0 > 0)
        ORDER BY id FOR NO KEY UPDATE);
    IF chosen <> '{}' THEN
        UPDATE labeling_prompt SET disagrees = NOT said
        WHERE id = ANY(chosen) AND said <> (id IN (SELECT podium_disagreed(chosen)));
    END IF;
END $$;
"""
LOOK_AS_BEFORE = """
CREATE OR REPLACE FUNCTION podium_look_for_disagreement(prompts bigint[], said boolean) RETURNS void
LANGUAGE plpgsql %s AS $$
DECLARE
    chosen bigint[] := ARRAY(
        SELECT id FROM labeling_prompt WHERE id = ANY(prompts) AND disagrees = said AND (said OR ranked > 0)
        ORDER BY id FOR NO KEY UPDATE);
BEGIN
    UPDATE labeling_prompt SET disagrees = NOT said
    WHERE chosen <> '{}' AND id = ANY(chosen) AND said <> (id IN (SELECT podium_disagreed(chosen)));
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0078_gold_with_a_rest"),)

    operations = (
        migrations.RunSQL(
            [CAME % (BY_INDEX, BY_KEY), LOOK % BY_INDEX],
            [CAME % (BY_INDEX, BY_JOIN), LOOK_AS_BEFORE % BY_INDEX],
        ),
    )
