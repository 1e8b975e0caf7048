-- Has prompts be in the cohort that their tags say, but for those that a manager put somewhere by hand; and takes them out of
-- cohorts that are deleted. Whoever changes the rules waits for it, and it for them: rows are locked first, so that tags
-- that somebody was just giving are seen.
CREATE OR REPLACE FUNCTION podium_apply_cohort_rules(project bigint, prompts bigint[], OUT changed bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    deleted bigint[];
BEGIN
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR NO KEY UPDATE;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('labeling.cohorts', project));
    deleted := ARRAY(SELECT c.id FROM labeling_cohort c WHERE c.project_id = project AND c.deleted_at IS NOT NULL);
    UPDATE labeling_prompt p SET cohort_id = podium_cohort_of(project, p.tags), cohort_by_hand = false
    WHERE p.id = ANY(prompts) AND p.project_id = project AND (
        coalesce(p.cohort_id = ANY(deleted), false)
        OR NOT p.cohort_by_hand AND p.cohort_id IS DISTINCT FROM podium_cohort_of(project, p.tags));
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;

-- Puts prompts into a cohort by its name, whatever their tags say: '-' is everybody's, and with '' their tags say it again.
-- `changed` is null where there is no such cohort any more.
CREATE OR REPLACE FUNCTION podium_put_into_cohort(project bigint, prompts bigint[], called text, OUT changed bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wanted bigint;
BEGIN
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR NO KEY UPDATE;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('labeling.cohorts', project));
    IF called NOT IN ('', '-') THEN
        wanted := (SELECT c.id FROM labeling_cohort c
                   WHERE c.project_id = project AND c.name = called AND c.deleted_at IS NULL);
        IF wanted IS NULL THEN
            RETURN;
        END IF;
    END IF;
    UPDATE labeling_prompt p
    SET cohort_id = CASE WHEN called = '' THEN podium_cohort_of(project, p.tags) ELSE wanted END, cohort_by_hand = called <> ''
    WHERE p.id = ANY(prompts) AND p.project_id = project AND (
        p.cohort_by_hand <> (called <> '')
        OR p.cohort_id IS DISTINCT FROM CASE WHEN called = '' THEN podium_cohort_of(project, p.tags) ELSE wanted END);
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;
