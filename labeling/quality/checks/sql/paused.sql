-- Tells whether a labeler's checks paused or stopped them in a project: they get no new task.
CREATE OR REPLACE FUNCTION podium_is_paused(project bigint, labeler bigint) RETURNS boolean
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN EXISTS (SELECT FROM labeling_membership m WHERE m.project_id = project AND m.user_id = labeler AND m.pause <> '');
END $$;
