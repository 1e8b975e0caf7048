-- Takes an answer back: within `patience` of it the task is open again, with the answer as its draft. `ranking` is the
-- one that the draft was made of; where another stands by now, `outcome` is changed: look again.
-- Twice is harmless (again). Else why not: not_ranked, prompt_withdrawn, superseded, imported, undo_too_late, decision (a
-- reviewer's, which ended others).
CREATE OR REPLACE FUNCTION podium_withdraw(
    assignment bigint, ranking bigint, draft jsonb, lease interval, patience interval,
    OUT outcome text, OUT state text, OUT slot smallint, OUT overlap smallint, OUT expires_at timestamptz,
    OUT draft_revision integer
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    task labeling_assignment;
    latest labeling_ranking;
    stands boolean;
BEGIN
    task := podium_lock_task(assignment);
    moment := clock_timestamp();
    SELECT * INTO latest FROM labeling_ranking r WHERE r.assignment_id = assignment ORDER BY r.revision DESC LIMIT 1;
    stands := latest.live OR latest.purpose <> 'label' AND latest.ended_at IS NULL;
    outcome := CASE
        WHEN latest.id IS NULL THEN 'not_ranked'
        WHEN latest.id IS DISTINCT FROM ranking THEN 'changed'
        WHEN NOT stands AND task.state = 'claimed' THEN 'again'
        WHEN NOT stands THEN podium_why_not_ranked(task.prompt_id, task.id)
        WHEN latest.source = 'imported' THEN 'imported'
        WHEN moment - latest.created_at > patience THEN 'undo_too_late'
        WHEN EXISTS (SELECT FROM labeling_ranking r WHERE r.prompt_id = task.prompt_id AND r.superseded_by_id = latest.id)
            THEN 'decision'
        ELSE 'withdrawn'
    END;
    IF outcome NOT IN ('again', 'withdrawn') THEN
        RETURN;
    END IF;
    IF outcome = 'withdrawn' THEN
        PERFORM podium_end_ranking(latest.id, moment);
        IF latest.purpose <> 'label' THEN
            DELETE FROM labeling_checkresult WHERE assignment_id = task.id;
        END IF;
    END IF;
    UPDATE labeling_assignment a
    SET state = 'claimed', expires_at = moment + lease, finished_at = NULL,
        draft = CASE outcome WHEN 'withdrawn' THEN podium_withdraw.draft ELSE a.draft END,
        draft_revision = a.draft_revision + (outcome = 'withdrawn')::int
    WHERE a.id = assignment
    RETURNING a.state, a.slot, a.overlap, a.expires_at, a.draft_revision
    INTO podium_withdraw.state, podium_withdraw.slot, podium_withdraw.overlap, podium_withdraw.expires_at,
        podium_withdraw.draft_revision;
END $$;
