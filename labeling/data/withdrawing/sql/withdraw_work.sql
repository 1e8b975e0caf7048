-- Withdraws a labeler's answers to some tasks of a project, in one transaction: their rankings end, their pairs go, and
-- their slots are free for others. What is withdrawn already, or not answered, stays as it is. `reopened` counts prompts
-- that were done and wait again. Of a prompt that is withdrawn itself the rankings have ended: the task alone is marked,
-- so that they don't come back with the prompt.
-- Prompts are locked in the order of their keys, each before its tasks, as claims and imports do.
CREATE OR REPLACE FUNCTION podium_withdraw_work(
    labeler bigint, tasks bigint[], OUT changed integer, OUT rankings integer, OUT reopened integer
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    chosen bigint[];
    prompts bigint[] := ARRAY(SELECT a.prompt_id FROM labeling_assignment a WHERE a.id = ANY(tasks));
    ended bigint[];
    moment timestamptz;
BEGIN
    PERFORM FROM labeling_prompt p WHERE p.id = ANY(prompts) ORDER BY p.id FOR UPDATE;
    moment := clock_timestamp();
    chosen := ARRAY(
        SELECT a.id FROM labeling_assignment a
        WHERE a.id = ANY(tasks) AND a.labeler_id = labeler AND a.state = 'ranked'
        ORDER BY a.id FOR UPDATE);
    prompts := ARRAY(SELECT a.prompt_id FROM labeling_assignment a WHERE a.id = ANY(chosen) AND a.purpose = 'label');
    reopened := (SELECT count(*) FROM labeling_prompt p
                 WHERE p.id = ANY(prompts) AND p.held_at IS NULL AND p.ranked >= p.overlap);
    ended := ARRAY(SELECT r.id FROM labeling_assignment a JOIN labeling_ranking r ON r.assignment_id = a.id AND r.live
                   WHERE a.id = ANY(chosen));
    DELETE FROM labeling_preferencepair WHERE ranking_id = ANY(ended);
    UPDATE labeling_ranking SET live = false, ended_at = moment WHERE id = ANY(ended);
    GET DIAGNOSTICS rankings = ROW_COUNT;
    UPDATE labeling_ranking SET ended_at = moment
    WHERE assignment_id = ANY(chosen) AND purpose <> 'label' AND ended_at IS NULL;
    UPDATE labeling_assignment SET state = 'released', withdrawn_at = moment WHERE id = ANY(chosen);
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM podium_return_cases(labeler, tasks => chosen);
END $$;

-- Puts withdrawn answers back: the last ranking of each task stands again, with its pairs. Not where somebody else has
-- the slot by now, where the labeler has the prompt anew, or where its texts are others since: these stay withdrawn.
CREATE OR REPLACE FUNCTION podium_restore_work(
    labeler bigint, tasks bigint[], OUT changed integer, OUT rankings integer, OUT reopened integer
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    task record;
    free smallint;
    back bigint[] := '{}';
    checks bigint[] := '{}';
BEGIN
    reopened := 0;
    changed := 0;
    PERFORM FROM labeling_prompt p
    WHERE p.id IN (SELECT a.prompt_id FROM labeling_assignment a WHERE a.id = ANY(tasks)) ORDER BY p.id FOR UPDATE;
    moment := clock_timestamp();
    FOR task IN
        SELECT a.id, a.prompt_id, a.labeler_id, a.purpose, p.overlap, p.withdrawn_at IS NOT NULL AS out, last.id AS ranking
        FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
        CROSS JOIN LATERAL (
            SELECT r.id, r.created_at FROM labeling_ranking r WHERE r.assignment_id = a.id
            ORDER BY r.revision DESC LIMIT 1) last
        WHERE a.id = ANY(tasks) AND a.labeler_id = podium_restore_work.labeler AND a.withdrawn_at IS NOT NULL
          AND (p.revised_at IS NULL OR p.revised_at < last.created_at)
          AND NOT EXISTS (SELECT FROM labeling_prompterasure e WHERE e.prompt_id = p.id)
        ORDER BY a.id
    LOOP
        free := CASE task.purpose WHEN 'label' THEN podium_free_slot(task.prompt_id, task.overlap, moment) ELSE 1 END;
        IF free IS NULL OR EXISTS (
            SELECT FROM labeling_assignment mine WHERE mine.prompt_id = task.prompt_id
              AND mine.labeler_id = task.labeler_id AND mine.state IN ('claimed', 'ranked')
              AND (mine.purpose = 'repeat') = (task.purpose = 'repeat'))
        THEN
            CONTINUE;
        END IF;
        UPDATE labeling_assignment a
        SET state = 'ranked', slot = free, overlap = task.overlap, withdrawn_at = NULL WHERE a.id = task.id;
        changed := changed + 1;
        IF NOT task.out AND task.purpose <> 'label' THEN
            checks := checks || task.ranking;
        ELSIF NOT task.out THEN
            back := back || task.ranking;
        END IF;
    END LOOP;
    UPDATE labeling_ranking SET live = true, ended_at = NULL WHERE id = ANY(back);
    GET DIAGNOSTICS rankings = ROW_COUNT;
    UPDATE labeling_ranking SET ended_at = NULL WHERE id = ANY(checks);
    PERFORM podium_expand(back);
END $$;
