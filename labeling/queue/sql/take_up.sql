-- Takes a skip back: the task is open again, with the draft that it had, where its prompt still has a slot. The same for
-- one that was set aside as nobody's, within `patience` and while no one decided: the prompt returns to the queue with it.
-- Twice is harmless (again). Else `refused` says why not: not_skipped, prompt_set_aside, or what podium_take_back says,
-- where lease_expired means that others have all its slots.
CREATE OR REPLACE FUNCTION podium_take_up(
    assignment bigint, lease interval, patience interval,
    OUT refused text, OUT state text, OUT slot smallint, OUT overlap smallint, OUT expires_at timestamptz,
    OUT draft_revision integer
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    task labeling_assignment;
    held record;
BEGIN
    task := podium_lock_task(assignment);
    moment := clock_timestamp();
    state := task.state;
    expires_at := task.expires_at;
    IF task.state NOT IN ('skipped', 'claimed') THEN
        refused := 'not_skipped';
        RETURN;
    END IF;
    IF task.state = 'skipped' THEN
        task.state := 'released';
        held := podium_take_back(task, moment);
        refused := coalesce(held.refused, CASE WHEN task.purpose = 'gold' THEN (
            SELECT 'prompt_set_aside' FROM labeling_checkresult c  -- as any other that was said to be nobody's
            WHERE c.assignment_id = task.id AND c.doubted AND moment - task.finished_at > patience
        ) ELSE (
            SELECT 'prompt_set_aside' FROM labeling_prompt p
            WHERE p.id = task.prompt_id AND p.held_at IS NOT NULL
              AND (p.held_at <> task.finished_at OR moment - task.finished_at > patience)
        ) END);
        IF refused IS NOT NULL THEN
            RETURN;
        END IF;
        IF task.purpose = 'gold' THEN
            DELETE FROM labeling_checkresult WHERE assignment_id = task.id;
        ELSE
            UPDATE labeling_prompt SET held_at = NULL, held_reason = ''
            WHERE id = task.prompt_id AND held_at IS NOT NULL AND gold_at IS NULL;
        END IF;
        IF task.purpose = 'label' THEN
            PERFORM podium_close_case(task.prompt_id, 'taken_up', 'skipped');
        END IF;
    ELSE
        SELECT task.slot AS slot, task.overlap AS slots INTO held;
    END IF;
    UPDATE labeling_assignment a
    SET state = 'claimed', slot = held.slot, overlap = held.slots, expires_at = moment + lease, finished_at = NULL,
        skip_reason = ''
    WHERE a.id = assignment
    RETURNING a.state, a.slot, a.overlap, a.expires_at, a.draft_revision
    INTO podium_take_up.state, podium_take_up.slot, podium_take_up.overlap, podium_take_up.expires_at,
        podium_take_up.draft_revision;
END $$;
