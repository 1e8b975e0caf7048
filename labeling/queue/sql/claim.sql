-- Gives a labeler's oldest open task of a project, its lease begun anew, or a new one: its key, or null where there is
-- nothing to do. `again` where what was seen was gone by the time that its row was locked: call it in a new transaction.
-- Never the prompt `besides`: of a screen that asks for the task after the one it shows.
CREATE OR REPLACE FUNCTION podium_claim(
    project bigint, labeler bigint, lease interval, seed bigint, besides bigint DEFAULT NULL,
    OUT assignment bigint, OUT again boolean
) LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    moment timestamptz;
    held labeling_assignment;
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

    next_prompt := podium_next_free(project, labeler, besides, moment);
    IF next_prompt IS NULL THEN
        -- Where every prompt left is just being claimed by others, one of them may have a second slot: wait and look.
        next_prompt := podium_next_awaited(project, labeler, besides, moment);
    END IF;
    IF next_prompt IS NULL THEN
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

-- Finds the next prompt for this labeler and locks its row: one that they never had, with a slot that is free or whose
-- lease ran out. Within a priority in the order of import, so that the overlap of a prompt fills up before many prompts
-- are begun. The lock on the prompt's row is what keeps two claims apart: podium_next_free passes over those that
-- somebody is just claiming, and podium_next_awaited waits for them. Two functions of one text, for a plan each.
-- The index prompt_in_turn holds the prompts that are open, in this order; assignments are looked up by their prompt.
DO $do$
DECLARE
    name text;
    locked text;
BEGIN
    FOR name, locked IN VALUES ('podium_next_free', 'SKIP LOCKED'), ('podium_next_awaited', '') LOOP
        EXECUTE format($text$
            CREATE OR REPLACE FUNCTION %I(project bigint, labeler bigint, besides bigint, moment timestamptz)
            RETURNS bigint LANGUAGE plpgsql AS $$
            DECLARE
                prompt bigint;
            BEGIN
                SELECT p.id INTO prompt FROM labeling_prompt p
                WHERE p.project_id = project AND p.held_at IS NULL AND p.ranked < p.overlap
                  AND p.id IS DISTINCT FROM besides
                  AND NOT EXISTS (
                    SELECT FROM labeling_assignment mine
                    WHERE mine.prompt_id = p.id AND mine.labeler_id = labeler
                      AND mine.state IN ('claimed', 'ranked', 'skipped'))
                  AND p.overlap > (
                    SELECT count(*) FROM labeling_assignment taken
                    WHERE taken.prompt_id = p.id
                      AND (taken.state = 'ranked' OR taken.state = 'claimed' AND taken.expires_at > moment))
                ORDER BY p.priority DESC, p.id
                LIMIT 1
                FOR UPDATE OF p %s;
                RETURN prompt;
            END $$
        $text$, name, locked);
    END LOOP;
END $do$;
