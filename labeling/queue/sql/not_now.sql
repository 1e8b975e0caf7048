-- Tells why a labeler gets no new task of a project now, whatever there is: paused; not_qualified, where it asks labelers
-- to qualify first and they did not; or limit, where they have answered as many today as it lets one person, with those
-- that they hold. Null where nothing stands in the way. No more rows of the day are read than the limit, and none of
-- other people: `+ 0` keeps the index by project from being taken. Checks count as all other tasks do: who counts can't
-- tell them.
CREATE OR REPLACE FUNCTION podium_not_now(
    project bigint, labeler bigint, day_begins timestamptz, OUT reason text, OUT today bigint, OUT most smallint
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    is_paused boolean;
    must_qualify boolean;
BEGIN
    SELECT p.paused_at IS NOT NULL, p.qualify_items > 0, p.daily_limit INTO is_paused, must_qualify, most
    FROM labeling_project p WHERE p.id = project;
    IF is_paused THEN
        reason := 'paused';
    ELSIF must_qualify AND EXISTS (
        SELECT FROM labeling_membership m WHERE m.project_id = project AND m.user_id = labeler
          AND m.role = 'labeler' AND m.qualified_at IS NULL) THEN
        reason := 'not_qualified';
    ELSIF most > 0 THEN
        today := (SELECT count(*) FROM (
            SELECT FROM labeling_ranking r
            WHERE r.labeler_id = labeler AND r.created_at >= day_begins AND r.project_id + 0 = project AND r.source = 'labeled'
              AND (r.live OR r.purpose <> 'label' AND r.ended_at IS NULL
                   OR r.ended_at > (SELECT a.finished_at FROM labeling_assignment a WHERE a.id = r.assignment_id))
            LIMIT most) given);
        IF today + (
            SELECT count(*) FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
            WHERE a.labeler_id = labeler AND a.state = 'claimed' AND p.project_id = project) >= most THEN
            reason := 'limit';
        END IF;
    END IF;
END $$;
