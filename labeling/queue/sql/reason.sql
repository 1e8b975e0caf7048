-- Says why there is nothing for a labeler to claim: paused (`since` when, and for which reason in `words`), paused_you (by
-- their checks), not_qualified, no_prompts, all_ranked_by_you, limit (`n` of `most` answered today), all_taken (others have `n`, the first
-- of them `until`), not_for_you (`n` wait, 1,000 at most, which are for people of cohorts that they are not in) or all_done.
-- Whether a labeler has had all that is not held follows from counters: to look for one that they never had
-- costs whoever has had all of a million 3 s, at every question. Withdrawn prompts and their rankings are in no counter.
DROP FUNCTION IF EXISTS podium_queue_reason(bigint, bigint);  -- it gave a word alone
CREATE OR REPLACE FUNCTION podium_queue_reason(
    project bigint, labeler bigint, day_begins timestamptz,
    OUT reason text, OUT n bigint, OUT most smallint, OUT until timestamptz, OUT since timestamptz, OUT words text
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    offered bigint := (
        SELECT coalesce(sum(c.prompts - c.held), 0) FROM labeling_counter c
        WHERE c.project_id = project AND c.flag = '');
    had bigint := (
        SELECT coalesce(sum(c.rankings), 0) FROM labeling_labelercounter c
        WHERE c.project_id = project AND c.labeler_id = labeler);
    not_now record;
    cohorts bigint[];
BEGIN
    SELECT * INTO not_now FROM podium_not_now(project, labeler, day_begins);
    IF not_now.reason = 'paused' THEN
        reason := 'paused';
        SELECT p.paused_at, p.pause_reason INTO since, words FROM labeling_project p WHERE p.id = project;
        RETURN;
    END IF;
    IF podium_is_paused(project, labeler) THEN
        reason := 'paused_you';
        RETURN;
    END IF;
    IF not_now.reason = 'not_qualified' THEN  -- also where there are no prompts yet: to qualify takes its time
        reason := 'not_qualified';
        RETURN;
    END IF;
    IF offered = 0 THEN
        reason := 'no_prompts';
        RETURN;
    END IF;
    had := had + (
        SELECT count(DISTINCT a.prompt_id) FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
        WHERE a.labeler_id = labeler AND a.state = 'skipped' AND p.project_id = project AND p.held_at IS NULL
          AND NOT EXISTS (
            SELECT FROM labeling_assignment ranked
            WHERE ranked.prompt_id = a.prompt_id AND ranked.labeler_id = labeler AND ranked.state = 'ranked'));
    IF had >= offered THEN  -- else there is one that they never had, and no need to look which of theirs are held
        had := had - (
            SELECT count(*) FROM labeling_prompt p JOIN labeling_assignment a ON a.prompt_id = p.id
            WHERE p.project_id = project AND p.held_at IS NOT NULL AND p.withdrawn_at IS NULL AND p.gold_at IS NULL
              AND a.labeler_id = labeler AND a.state = 'ranked' AND a.purpose = 'label'
        ) - (
            SELECT count(*) FROM labeling_prompt p JOIN labeling_assignment a ON a.prompt_id = p.id
            WHERE p.project_id = project AND p.gold_at IS NOT NULL AND p.withdrawn_at IS NULL
              AND a.labeler_id = labeler AND a.state = 'ranked' AND a.purpose = 'label');
    END IF;
    IF had >= offered THEN
        reason := 'all_ranked_by_you';
    ELSIF not_now.reason = 'limit' THEN
        reason := 'limit';
        n := not_now.today;
        most := not_now.most;
    ELSE
        cohorts := podium_cohorts_for(project, labeler);
        SELECT count(*), min(a.expires_at) INTO n, until
        FROM labeling_assignment a JOIN labeling_prompt p ON p.id = a.prompt_id
        WHERE a.state = 'claimed' AND a.purpose = 'label' AND a.expires_at > now() AND a.labeler_id <> labeler
          AND p.project_id = project AND p.held_at IS NULL AND coalesce(p.cohort_id, 0) = ANY(cohorts);
        reason := 'all_taken';
        IF n = 0 THEN
            n := podium_waiting_for_others(project, cohorts, 1000);
            reason := CASE WHEN n > 0 THEN 'not_for_you' ELSE 'all_done' END;
        END IF;
    END IF;
END $$;

-- Counts what waits in cohorts of a project other than these, as far as `most`.
CREATE OR REPLACE FUNCTION podium_waiting_for_others(project bigint, cohorts bigint[], most integer) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    cohort bigint;
    n bigint := 0;
BEGIN
    FOR cohort IN SELECT c.id FROM labeling_cohort c WHERE c.project_id = project AND c.id <> ALL(cohorts) LOOP
        n := n + (SELECT count(*) FROM (
            SELECT FROM labeling_prompt p
            WHERE p.project_id = project AND coalesce(p.cohort_id, 0) = cohort AND p.held_at IS NULL
              AND p.ranked < p.overlap LIMIT most - n) open);
        EXIT WHEN n >= most;
    END LOOP;
    RETURN n;
END $$;
