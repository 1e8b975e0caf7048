-- Makes prompts of a project gold by the order on which people agree, in one transaction: of two who ranked it none
-- contradicts the other, or a reviewer decided. Who ranked two completions alike contradicts nobody, so the sum of ranks is
-- an order that each of them has or ties. Those of its last rank are a rest where all who ranked left them below their best
-- ones; where one of them said that they are alike, they tie. Flags are known where all who answered said the same. What has
-- gold, is withdrawn, or says nothing to tell answers by stays as it is.
-- Prompts are locked in the order of their keys, as claims and imports do.
CREATE OR REPLACE FUNCTION podium_make_gold(project bigint, prompts bigint[], OUT changed integer)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    chosen bigint[] := ARRAY(
        SELECT p.id FROM labeling_prompt p
        WHERE p.id = ANY(prompts) AND p.project_id = project AND p.gold_at IS NULL AND p.withdrawn_at IS NULL
          AND NOT p.disagrees AND (p.ranked >= 2 OR p.decided_at IS NOT NULL)
        ORDER BY p.id FOR UPDATE);
    asked text[] := ARRAY(
        SELECT f ->> 'name' FROM labeling_project j CROSS JOIN jsonb_array_elements(j.flags) f WHERE j.id = project);
    moment timestamptz := clock_timestamp();
    made bigint[];
BEGIN
    WITH place AS (
        SELECT r.prompt_id, c.completion_id, c.rank, c.flags,
            r.unranked > 0 AND c.rank = max(c.rank) OVER (PARTITION BY r.id) AS is_left
        FROM labeling_ranking r JOIN labeling_rankedcompletion c ON c.ranking_id = r.id
        WHERE r.prompt_id = ANY(chosen) AND r.live
    ), ordered AS (
        SELECT p.prompt_id, p.completion_id, dense_rank() OVER (PARTITION BY p.prompt_id ORDER BY sum(p.rank)) AS rank,
            bool_and(p.is_left) AS is_left
        FROM place p GROUP BY p.prompt_id, p.completion_id
    ), known AS (
        SELECT o.prompt_id, jsonb_object_agg(o.completion_id, o.rank) AS ranks, max(o.rank) AS last,
            count(*) FILTER (WHERE o.is_left) AS n_left
        FROM ordered o GROUP BY o.prompt_id
    ), answered AS (
        SELECT p.prompt_id, p.completion_id, f.key, bool_and(f.value = 'true') AS said
        FROM place p CROSS JOIN jsonb_each(p.flags) f WHERE f.key = ANY(asked)
        GROUP BY p.prompt_id, p.completion_id, f.key
        HAVING bool_and(f.value = 'true') = bool_or(f.value = 'true')
    ), named AS (
        SELECT a.prompt_id, a.completion_id, jsonb_object_agg(a.key, a.said) AS flags
        FROM answered a GROUP BY a.prompt_id, a.completion_id
    ), flags AS (
        SELECT n.prompt_id, jsonb_object_agg(n.completion_id, n.flags) AS said FROM named n GROUP BY n.prompt_id
    ), inserted AS (
        INSERT INTO labeling_goldanswer
            (project_id, prompt_id, ranks, unranked, flags, explanation, practice, source, created_at)
        SELECT project, k.prompt_id, CASE WHEN k.last > 1 THEN k.ranks ELSE '{}' END,
            CASE WHEN k.n_left > 1 THEN k.n_left ELSE 0 END, coalesce(f.said, '{}'), '', false, 'ranking', moment
        FROM known k LEFT JOIN flags f ON f.prompt_id = k.prompt_id
        WHERE k.last > 1 OR f.said IS NOT NULL
        ON CONFLICT (prompt_id) DO NOTHING
        RETURNING prompt_id
    )
    SELECT array_agg(i.prompt_id) INTO made FROM inserted i;
    UPDATE labeling_checkresult SET scored_at = NULL WHERE prompt_id = ANY(made) AND purpose = 'gold';
    UPDATE labeling_prompt SET gold_at = moment, held_at = coalesce(held_at, moment) WHERE id = ANY(made);
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;
