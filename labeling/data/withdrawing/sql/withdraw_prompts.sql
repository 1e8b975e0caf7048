-- Withdraws some prompts of a project with their rankings, in one transaction: out of the queue, and their pairs are gone.
-- Open tasks of them end, with their drafts. What is withdrawn already stays as it is. Tasks that are ranked stay so,
-- with their slots: by them podium_restore_prompts knows which rankings stood.
-- Prompts are locked in the order of their keys, each before its tasks, as claims and imports do.
CREATE OR REPLACE FUNCTION podium_withdraw_prompts(
    project bigint, prompts bigint[], OUT changed integer, OUT rankings integer, OUT tasks integer
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    chosen bigint[] := ARRAY(
        SELECT p.id FROM labeling_prompt p
        WHERE p.id = ANY(prompts) AND p.project_id = project AND p.withdrawn_at IS NULL
        ORDER BY p.id FOR UPDATE);
    moment timestamptz := clock_timestamp();
BEGIN
    UPDATE labeling_assignment SET state = 'released', finished_at = moment
    WHERE prompt_id = ANY(chosen) AND state = 'claimed';
    GET DIAGNOSTICS tasks = ROW_COUNT;
    DELETE FROM labeling_preferencepair WHERE prompt_id = ANY(chosen);
    UPDATE labeling_ranking SET live = false, ended_at = moment WHERE prompt_id = ANY(chosen) AND live;
    GET DIAGNOSTICS rankings = ROW_COUNT;
    UPDATE labeling_ranking SET ended_at = moment
    WHERE prompt_id = ANY(chosen) AND purpose <> 'label' AND ended_at IS NULL;
    UPDATE labeling_prompt SET withdrawn_at = moment, held_at = coalesce(held_at, moment) WHERE id = ANY(chosen);
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;

-- Puts withdrawn prompts back: the last ranking of each ranked task stands again, with its pairs. One that somebody had
-- said can't be ranked is so still. Open tasks stay ended. What is not withdrawn, or was erased, stays as it is.
CREATE OR REPLACE FUNCTION podium_restore_prompts(
    project bigint, prompts bigint[], OUT changed integer, OUT rankings integer, OUT tasks integer
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    chosen bigint[] := ARRAY(
        SELECT p.id FROM labeling_prompt p
        WHERE p.id = ANY(prompts) AND p.project_id = project AND p.withdrawn_at IS NOT NULL
          AND NOT EXISTS (SELECT FROM labeling_prompterasure e WHERE e.prompt_id = p.id)
        ORDER BY p.id FOR UPDATE);
    standing bigint[] := ARRAY(
        SELECT DISTINCT ON (r.assignment_id) r.id
        FROM labeling_assignment a JOIN labeling_ranking r ON r.assignment_id = a.id
        WHERE a.prompt_id = ANY(chosen) AND a.state = 'ranked' AND a.purpose = 'label'
        ORDER BY r.assignment_id, r.revision DESC);
    checks bigint[] := ARRAY(
        SELECT DISTINCT ON (r.assignment_id) r.id
        FROM labeling_assignment a JOIN labeling_ranking r ON r.assignment_id = a.id
        WHERE a.prompt_id = ANY(chosen) AND a.state = 'ranked' AND a.purpose <> 'label'
        ORDER BY r.assignment_id, r.revision DESC);
BEGIN
    tasks := 0;
    UPDATE labeling_prompt SET held_at = nullif(held_at, withdrawn_at), withdrawn_at = NULL WHERE id = ANY(chosen);
    GET DIAGNOSTICS changed = ROW_COUNT;
    UPDATE labeling_ranking SET live = true, ended_at = NULL WHERE id = ANY(standing);
    GET DIAGNOSTICS rankings = ROW_COUNT;
    UPDATE labeling_ranking SET ended_at = NULL WHERE id = ANY(checks);
    PERFORM podium_expand(standing);
END $$;
