-- Gives the cohorts whose prompts a labeler gets: 0 stands for the prompts that are everybody's, and so do cohorts that are
-- deleted, until theirs are moved. Their own come first.
CREATE OR REPLACE FUNCTION podium_cohorts_for(project bigint, labeler bigint) RETURNS bigint[]
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    RETURN ARRAY(
        SELECT c.id FROM labeling_cohortmember own JOIN labeling_cohort c ON c.id = own.cohort_id
        WHERE own.membership_id = (
            SELECT m.id FROM labeling_membership m WHERE m.project_id = project AND m.user_id = labeler)
          AND c.deleted_at IS NULL ORDER BY c.id
    ) || 0::bigint || ARRAY(SELECT c.id FROM labeling_cohort c WHERE c.project_id = project AND c.deleted_at IS NOT NULL);
END $$;

-- Finds the next prompt for a labeler and locks its row; null where there is none. By priority, within one those of each
-- of these cohorts, and within one of them in the order of import. Of each priority and cohort it begins where the
-- labeler's position is: without that, whoever has ranked 50,000 prompts that others shall rank too would walk past all
-- of them at every claim (145 ms).
DROP FUNCTION IF EXISTS podium_next(bigint, bigint, bigint, timestamptz);  -- it knew of no cohorts
CREATE OR REPLACE FUNCTION podium_next(
    project bigint, labeler bigint, besides bigint, moment timestamptz, cohorts bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    prompt bigint;
    known smallint;
    level smallint;
    of_cohort bigint;
    start bigint;
    awaited boolean;
BEGIN
    LOOP
        FOREACH awaited IN ARRAY ARRAY[false, true] LOOP
            -- The highest level that has an open prompt. What the labeler's own highest has is looked at below, from
            -- where they stand: its beginning may be thousands of entries of prompts that are not open any more.
            SELECT max(q.priority) INTO known FROM labeling_queueposition q
            WHERE q.project_id = project AND q.labeler_id = labeler AND q.cohort = ANY(cohorts);
            level := coalesce(podium_level(project, cohorts, above => known), known);
            WHILE level IS NOT NULL LOOP
                FOREACH of_cohort IN ARRAY cohorts LOOP
                    start := coalesce((SELECT q.begins FROM labeling_queueposition q WHERE q.project_id = project
                        AND q.labeler_id = labeler AND q.priority = level AND q.cohort = of_cohort), 0);
                    prompt := CASE WHEN awaited
                        THEN podium_next_awaited(project, labeler, besides, moment, level, of_cohort, start)
                        ELSE podium_next_free(project, labeler, besides, moment, level, of_cohort, start) END;
                    IF prompt IS NULL OR prompt - start >= 100 THEN  -- a stride: not at every claim
                        PERFORM podium_move_on(project, labeler, moment, level, of_cohort, start);
                    END IF;
                    IF prompt IS NOT NULL THEN
                        RETURN prompt;
                    END IF;
                END LOOP;
                level := podium_level(project, cohorts, below => level);
            END LOOP;
        END LOOP;
        -- Nothing: once a minute from the beginning, for a prompt that came back while a position was being moved.
        UPDATE labeling_queueposition SET begins = 0, checked_at = moment
        WHERE project_id = project AND labeler_id = labeler AND checked_at < moment - interval '1 minute';
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
    END LOOP;
END $$;

-- The highest priority of a prompt of these cohorts that is open, within these bounds.
DROP FUNCTION IF EXISTS podium_level(bigint, smallint, smallint);
CREATE OR REPLACE FUNCTION podium_level(
    project bigint, cohorts bigint[], above smallint DEFAULT NULL, below smallint DEFAULT NULL
) RETURNS smallint LANGUAGE plpgsql SET enable_sort = off AS $$
DECLARE
    cohort bigint;
    level smallint;
    highest smallint;
BEGIN
    FOREACH cohort IN ARRAY cohorts LOOP
        SELECT p.priority INTO level FROM labeling_prompt p
        WHERE p.project_id = project AND p.held_at IS NULL AND p.ranked < p.overlap AND coalesce(p.cohort_id, 0) = cohort
          AND p.priority > coalesce(above, -32768) - (above IS NULL)::int
          AND p.priority < coalesce(below, 32767) + (below IS NULL)::int
        ORDER BY p.priority DESC, p.id LIMIT 1;
        highest := greatest(highest, level);
    END LOOP;
    RETURN highest;
END $$;

-- Moves a labeler's position to the first open prompt that they never had: one that others hold will come back, so it
-- is not passed. Where there is none, to the end.
DROP FUNCTION IF EXISTS podium_move_on(bigint, bigint, timestamptz, smallint, bigint);
CREATE OR REPLACE FUNCTION podium_move_on(
    project bigint, labeler bigint, moment timestamptz, level smallint, of_cohort bigint, start bigint
) RETURNS void LANGUAGE plpgsql SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
DECLARE
    first bigint;
BEGIN
    SELECT p.id INTO first FROM labeling_prompt p
    WHERE p.project_id = project AND p.held_at IS NULL AND p.ranked < p.overlap AND coalesce(p.cohort_id, 0) = of_cohort
      AND p.priority = level AND p.id >= start
      AND NOT EXISTS (
        SELECT FROM labeling_assignment mine
        WHERE mine.prompt_id = p.id AND mine.labeler_id = labeler AND mine.state IN ('claimed', 'ranked', 'skipped') OFFSET 0)
    ORDER BY p.priority DESC, p.id LIMIT 1;
    IF first IS NULL THEN
        first := (SELECT max(p.id) + 1 FROM labeling_prompt p WHERE p.project_id = project);
    END IF;
    IF first - start >= 100 THEN
        INSERT INTO labeling_queueposition AS q (project_id, labeler_id, priority, cohort, begins, checked_at)
        VALUES (project, labeler, level, of_cohort, first, moment)
        ON CONFLICT (project_id, labeler_id, priority, cohort) DO UPDATE SET begins = first
        WHERE q.begins = start;  -- not where a prompt has come back meanwhile
    END IF;
END $$;

-- A prompt that this labeler had is theirs to have again: their queue begins there. Where their position is just being
-- moved nobody waits for it: two claims that let run out what the other's labeler held would wait in a circle.
CREATE OR REPLACE FUNCTION podium_look_again(prompt bigint, labeler bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE labeling_queueposition SET begins = prompt WHERE id IN (
        SELECT q.id FROM labeling_queueposition q JOIN labeling_prompt p ON p.project_id = q.project_id
        WHERE p.id = prompt AND q.labeler_id = labeler AND q.priority = p.priority
          AND q.cohort = coalesce(p.cohort_id, 0) AND q.begins > prompt
        FOR UPDATE OF q SKIP LOCKED);
END $$;

-- Finds the first prompt of a priority and a cohort, from `start` on, that this labeler never had, with a slot that is free or whose
-- lease ran out, and locks its row. So the overlap of a prompt fills up before many prompts are begun. The lock on the
-- prompt's row is what keeps two claims apart: podium_next_free passes over those that somebody is just claiming;
-- podium_next_awaited waits for them, for where all that is left is being claimed one may have a second slot. Two
-- functions of one text, for a plan each.
-- The index prompt_in_turn_by_cohort holds the prompts that are open, in this order, and assignments are looked up by their prompt:
-- one after another until one will do, for a join that reads all that somebody had first costs the more the more it is:
-- OFFSET keeps the look from becoming one, also in a plan that was made when they had little (decision 0199).
DO $do$
DECLARE
    name text;
    locked text;
BEGIN
    FOR name, locked IN VALUES ('podium_next_free', 'SKIP LOCKED'), ('podium_next_awaited', '') LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %I(bigint, bigint, bigint, timestamptz, smallint, bigint)', name);
        EXECUTE format($text$
            CREATE OR REPLACE FUNCTION %I(
                project bigint, labeler bigint, besides bigint, moment timestamptz, level smallint, cohort bigint,
                start bigint
            ) RETURNS bigint LANGUAGE plpgsql
            SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS $$
            DECLARE
                prompt bigint;
            BEGIN
                SELECT p.id INTO prompt FROM labeling_prompt p
                WHERE p.project_id = project AND p.held_at IS NULL AND p.ranked < p.overlap
                  AND coalesce(p.cohort_id, 0) = cohort AND p.priority = level AND p.id >= start AND p.id IS DISTINCT FROM besides
                  AND NOT EXISTS (
                    SELECT FROM labeling_assignment mine
                    WHERE mine.prompt_id = p.id AND mine.labeler_id = labeler
                      AND mine.state IN ('claimed', 'ranked', 'skipped') OFFSET 0)
                  AND p.overlap > (
                    SELECT count(*) FROM labeling_assignment taken
                    WHERE taken.prompt_id = p.id AND taken.purpose = 'label'
                      AND (taken.state = 'ranked' OR taken.state = 'claimed' AND taken.expires_at > moment))
                ORDER BY p.priority DESC, p.id
                LIMIT 1
                FOR UPDATE OF p %s;
                RETURN prompt;
            END $$
        $text$, name, locked);
    END LOOP;
END $do$;
