-- Gives a labeler's oldest open task of a project, its lease begun anew, or a new one: its key, or null where there is
-- nothing to do. `again` where what was seen was gone by the time that its row was locked: call it in a new transaction.
-- Never the prompt `besides`: of a screen that asks for the task after the one it shows.
DROP FUNCTION IF EXISTS podium_claim(bigint, bigint, interval, bigint, bigint);  -- it knew of no day
CREATE OR REPLACE FUNCTION podium_claim(
    project bigint, labeler bigint, lease interval, seed bigint, day_begins timestamptz, besides bigint DEFAULT NULL,
    OUT assignment bigint, OUT again boolean
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    moment timestamptz;
    held labeling_assignment;
    cohorts bigint[];
    next_prompt bigint;
    slots smallint;
    slot smallint;
BEGIN
    again := false;
    -- Two tabs of one labeler ask one after another and get the same task, not one each; other labelers don't wait. An
    -- advisory lock, for there is no row of both that every member has: administrators rank without a membership.
    PERFORM pg_advisory_xact_lock(project::int, labeler::int);
    moment := clock_timestamp();

    SELECT a.* INTO held FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
    WHERE a.labeler_id = labeler AND a.state = 'claimed' AND p.project_id = project
      AND a.prompt_id IS DISTINCT FROM besides
    ORDER BY a.id LIMIT 1;
    IF FOUND THEN
        held := podium_lock_task(held.id);
        IF held.state <> 'claimed' THEN  -- ranked in another tab, or it ran out and someone else was quicker
            again := true;
            RETURN;
        END IF;
        UPDATE labeling_assignment SET expires_at = moment + lease WHERE id = held.id;
        assignment := held.id;
        RETURN;
    END IF;

    IF podium_is_paused(project, labeler)
       OR (SELECT reason FROM podium_not_now(project, labeler, day_begins)) IS NOT NULL THEN
        RETURN;
    END IF;
    cohorts := podium_cohorts_for(project, labeler);
    next_prompt := podium_next(project, labeler, besides, moment, cohorts);
    IF next_prompt IS NULL THEN
        RETURN;
    END IF;
    assignment := podium_draw_check(project, labeler, lease, seed, besides, moment, cohorts);
    IF assignment IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT overlap INTO slots FROM labeling_prompt WHERE id = next_prompt;
    slot := podium_free_slot(next_prompt, slots, moment);
    IF slot IS NULL THEN  -- another labeler took the last one after the query's snapshot and before its lock
        again := true;
        RETURN;
    END IF;
    INSERT INTO labeling_assignment
        (prompt_id, labeler_id, state, slot, overlap, seed, shown_order, skip_reason, claimed_at, expires_at)
    VALUES (next_prompt, labeler, 'claimed', slot, slots, seed, podium_shuffled(next_prompt, seed), '', moment,
            moment + lease)
    RETURNING id INTO assignment;
END $$;
