-- Begins a task's lease anew, and keeps what was placed so far where `draft` is given. `base` is the revision that this
-- draft goes on from: where another tab has saved since, nothing is stored. `refused` is null, draft_changed, or what
-- podium_take_back says; the rest is the task as it stands then.
CREATE OR REPLACE FUNCTION podium_keep(
    assignment bigint, lease interval, draft jsonb DEFAULT NULL, base bigint DEFAULT NULL,
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
    draft_revision := task.draft_revision;
    held := podium_take_back(task, moment);
    refused := coalesce(held.refused, CASE WHEN base <> task.draft_revision THEN 'draft_changed' END);
    IF refused IS NOT NULL THEN
        RETURN;
    END IF;
    UPDATE labeling_assignment a
    SET state = 'claimed', slot = held.slot, overlap = held.slots, expires_at = moment + lease, finished_at = NULL,
        withdrawn_at = NULL,
        draft = coalesce(podium_keep.draft, a.draft),
        draft_revision = a.draft_revision + (podium_keep.draft IS NOT NULL)::int
    WHERE a.id = assignment
    RETURNING a.state, a.slot, a.overlap, a.expires_at, a.draft_revision
    INTO podium_keep.state, podium_keep.slot, podium_keep.overlap, podium_keep.expires_at, podium_keep.draft_revision;
END $$;
