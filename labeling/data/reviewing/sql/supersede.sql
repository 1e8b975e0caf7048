-- Ends all rankings and tasks of a locked prompt but the reviewer's own task, which is open then and has its only slot:
-- the ranking that comes next is the one that stands, and the prompt needs no more. Gives the rankings that it ended.
-- Their tasks are released, as where texts were corrected: nothing brings those rankings back.
CREATE OR REPLACE FUNCTION podium_supersede(prompt bigint, assignment bigint, lease interval, OUT ended bigint[])
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    ended := ARRAY(SELECT r.id FROM labeling_ranking r WHERE r.prompt_id = prompt AND r.live ORDER BY r.id);
    DELETE FROM labeling_preferencepair WHERE prompt_id = prompt;
    UPDATE labeling_ranking SET live = false, ended_at = moment WHERE id = ANY(ended);
    UPDATE labeling_assignment SET state = 'released', finished_at = coalesce(finished_at, moment)
    WHERE prompt_id = prompt AND state IN ('claimed', 'ranked') AND purpose = 'label' AND id <> assignment;
    UPDATE labeling_assignment
    SET state = 'claimed', slot = 1, expires_at = moment + lease, finished_at = NULL, draft = NULL
    WHERE id = assignment;
    UPDATE labeling_prompt SET overlap = 1, decided_at = moment WHERE id = prompt;
END $$;

-- Gives the task on which a reviewer ranks a prompt, which takes no slot before they decide: one that they have, or a new
-- one. The same one again keeps the order of its completions.
CREATE OR REPLACE FUNCTION podium_review_task(prompt bigint, reviewer bigint, seed bigint, OUT assignment bigint)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    slots smallint;
BEGIN
    SELECT p.overlap INTO slots FROM labeling_prompt p WHERE p.id = prompt FOR UPDATE;
    SELECT a.id INTO assignment
    FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE a.prompt_id = prompt AND a.labeler_id = reviewer AND a.purpose = 'label' AND a.state IN ('claimed', 'released', 'expired')
      AND a.withdrawn_at IS NULL AND a.claimed_at > coalesce(p.revised_at, '-infinity')
    ORDER BY (a.state = 'claimed') DESC, a.id DESC LIMIT 1;
    IF assignment IS NULL THEN
        INSERT INTO labeling_assignment
            (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason, claimed_at, expires_at,
             finished_at)
        VALUES (prompt, reviewer, 'released', 1, slots, seed, podium_shuffled(prompt, seed), '', clock_timestamp(),
                clock_timestamp(), clock_timestamp())
        RETURNING id INTO assignment;
    END IF;
END $$;
