-- Finds the lowest free slot of a locked prompt, after leases that ran out were closed; null where all are taken.
CREATE OR REPLACE FUNCTION podium_free_slot(prompt bigint, slots smallint, moment timestamptz) RETURNS smallint
LANGUAGE plpgsql AS $$
DECLARE
    taken smallint[];
    some_ran_out boolean;
    expired integer;
BEGIN
    SELECT array_agg(slot) FILTER (WHERE NOT ran_out), bool_or(ran_out) INTO taken, some_ran_out
    FROM (SELECT a.slot, a.state = 'claimed' AND a.expires_at <= moment AS ran_out FROM labeling_assignment a
          WHERE a.prompt_id = prompt AND a.state IN ('claimed', 'ranked') AND a.purpose = 'label') live;
    IF some_ran_out THEN  -- asked first: an update of no row starts the triggers that count all the same
        WITH ran_out AS (
            UPDATE labeling_assignment SET state = 'expired', finished_at = moment
            WHERE prompt_id = prompt AND state = 'claimed' AND purpose = 'label' AND expires_at <= moment RETURNING labeler_id
        )
        SELECT count(podium_look_again(prompt, labeler_id)) INTO expired FROM ran_out;
    END IF;
    RETURN (SELECT min(slot) FROM generate_series(1, slots) slot WHERE slot <> ALL (coalesce(taken, '{}')));
END $$;

-- Locks a task and gives it as it is now. Its prompt is locked first, as claims do, so that nobody waits in a circle.
CREATE OR REPLACE FUNCTION podium_lock_task(assignment bigint) RETURNS labeling_assignment
LANGUAGE plpgsql AS $$
DECLARE
    task labeling_assignment;
BEGIN
    PERFORM FROM labeling_prompt
    WHERE id = (SELECT prompt_id FROM labeling_assignment WHERE id = assignment) FOR UPDATE;
    SELECT * INTO task FROM labeling_assignment WHERE id = assignment FOR UPDATE;
    RETURN task;
END $$;

-- Finds the slot of a locked task; a check needs none. One that ran out gets a free one if there is any, and so does one that was given
-- back: a tab that closes gives back what another tab may still show. `refused` says why there is none: already_ranked,
-- not_claimed (it was skipped), prompt_withdrawn (its task was ended then), prompt_revised
-- (it showed texts that are others now), taken_anew (by this labeler), lease_expired.
CREATE OR REPLACE FUNCTION podium_take_back(
    task labeling_assignment, moment timestamptz, OUT refused text, OUT slot smallint, OUT slots smallint
) LANGUAGE plpgsql AS $$
DECLARE
    withdrawn boolean;
    revised boolean;
BEGIN
    slot := task.slot;
    slots := task.overlap;
    IF task.state = 'claimed' THEN
        RETURN;
    ELSIF task.state = 'ranked' THEN
        refused := 'already_ranked';
    ELSIF task.state = 'skipped' THEN
        refused := 'not_claimed';
    ELSE
        SELECT overlap, withdrawn_at IS NOT NULL, revised_at > task.claimed_at INTO slots, withdrawn, revised
        FROM labeling_prompt WHERE id = task.prompt_id;
        IF withdrawn OR revised THEN
            refused := CASE WHEN withdrawn THEN 'prompt_withdrawn' ELSE 'prompt_revised' END;
            RETURN;
        END IF;
        slot := CASE task.purpose WHEN 'label' THEN podium_free_slot(task.prompt_id, slots, moment) ELSE 1 END;
        IF EXISTS (SELECT FROM labeling_assignment a WHERE a.prompt_id = task.prompt_id
                   AND a.labeler_id = task.labeler_id AND a.state IN ('claimed', 'ranked')
                   AND (a.purpose = 'repeat') = (task.purpose = 'repeat')) THEN
            refused := 'taken_anew';
        ELSIF slot IS NULL THEN
            refused := 'lease_expired';
        END IF;
    END IF;
END $$;

-- The order in which a labeler sees the completions, from the assignment's seed, which nobody is shown.
CREATE OR REPLACE FUNCTION podium_shuffled(prompt bigint, seed bigint) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(c.id ORDER BY hashint8extended(c.id, seed)), '[]')
    FROM labeling_completion c WHERE c.prompt_id = prompt
$$;
