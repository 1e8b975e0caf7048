-- Ends a task without an answer: `ending` is released (given back) or skipped. `left` is null where it was not open any
-- more, with the state that it has; else whether it is ended by this call. `untouched`: only where nothing was begun.
-- `for_everyone` takes the prompt out of the queue, until someone decides; of gold it is a doubt that its manager sees.
CREATE OR REPLACE FUNCTION podium_leave(
    assignment bigint, ending text, reason text DEFAULT '', untouched boolean DEFAULT false,
    for_everyone boolean DEFAULT false, OUT state text, OUT ended boolean
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    moment timestamptz;
    task labeling_assignment;
BEGIN
    task := podium_lock_task(assignment);
    moment := clock_timestamp();
    state := task.state;
    ended := false;
    IF untouched AND (task.state <> 'claimed' OR task.draft NOT IN ('null', '{}')) THEN
        RETURN;
    END IF;
    IF task.state <> ending THEN
        IF task.state NOT IN ('claimed', 'expired', 'released') THEN
            ended := NULL;
            RETURN;
        END IF;
        UPDATE labeling_assignment a SET state = ending, skip_reason = reason, finished_at = moment WHERE a.id = assignment;
        IF ending = 'released' AND task.purpose = 'label' THEN
            PERFORM podium_look_again(task.prompt_id, task.labeler_id);
        END IF;
        state := ending;
        ended := true;
        IF ending = 'skipped' AND NOT for_everyone AND task.purpose = 'label' THEN
            PERFORM podium_look_who_is_left(task.prompt_id);
        END IF;
    END IF;
    IF for_everyone AND task.purpose = 'gold' THEN
        INSERT INTO labeling_checkresult (assignment_id, project_id, labeler_id, prompt_id, purpose, doubted, created_at)
        SELECT task.id, p.project_id, task.labeler_id, p.id, task.purpose, true, moment
        FROM labeling_prompt p WHERE p.id = task.prompt_id
        ON CONFLICT (assignment_id) DO UPDATE SET doubted = true;
    ELSIF for_everyone THEN
        UPDATE labeling_prompt SET held_at = moment, held_reason = reason
        WHERE id = task.prompt_id AND held_at IS NULL;
    END IF;
END $$;
