-- Draws whether a labeler's next task is a check, of the prompt that they are about to get: gold, or one that they answered
-- before, as often as their project asks, by the task's seed, which nobody is shown. Gives the task, or null where it is
-- none, or where there is none for them: of the cohorts they are not in they get none. The prompt stays for their next claim.
-- By index, and no further than 100 rows a cohort, also of whoever has answered 50,000: from a place drawn at random.
DROP FUNCTION IF EXISTS podium_draw_check(bigint, bigint, interval, bigint, bigint, timestamptz);
CREATE OR REPLACE FUNCTION podium_draw_check(
    project bigint, labeler bigint, lease interval, seed bigint, besides bigint, moment timestamptz, cohorts bigint[]
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    lot integer := (hashint8extended(seed, 163) & 9223372036854775807) % 10000;
    place double precision := (hashint8extended(seed, 164) & 4294967295) / 4294967296.0;
    asked record;
    what text;
    chosen bigint;
    made bigint;
BEGIN
    SELECT j.gold_percent, j.repeat_percent, j.repeat_after, j.repeat_minutes INTO asked
    FROM labeling_project j WHERE j.id = project;
    IF lot < 100 * asked.gold_percent THEN
        what := 'gold';
        chosen := podium_gold_for(project, labeler, besides, place, cohorts);
    ELSIF lot < 100 * (asked.gold_percent + asked.repeat_percent) THEN
        what := 'repeat';
        chosen := podium_repeat_for(
            project, labeler, besides, place, asked.repeat_after, moment - make_interval(mins => asked.repeat_minutes),
            cohorts);
    END IF;
    IF chosen IS NOT NULL THEN
        INSERT INTO labeling_assignment
            (prompt_id, labeler_id, state, purpose, slot, overlap, seed, shown_order, skip_reason, claimed_at, expires_at)
        SELECT chosen, labeler, 'claimed', what, 1, p.overlap, seed, podium_shuffled(chosen, seed), '', moment,
            moment + lease
        FROM labeling_prompt p WHERE p.id = chosen
        RETURNING id INTO made;
    END IF;
    RETURN made;
END $$;

-- Finds a prompt with gold, but for those to practise on, that this labeler never had, of one of these cohorts after the
-- other, from a place drawn among its gold, and keeps it from being withdrawn. By cohort, so that the gold of a small one
-- is drawn as often as any.
-- One that somebody is just writing is passed over: who waits here holds another prompt, and others may wait for that.
DROP FUNCTION IF EXISTS podium_gold_for(bigint, bigint, bigint, double precision);
CREATE OR REPLACE FUNCTION podium_gold_for(
    project bigint, labeler bigint, besides bigint, place double precision, cohorts bigint[]
) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    cohort bigint;
    lowest bigint;
    highest bigint;
    start bigint;
    found bigint;
BEGIN
    FOREACH cohort IN ARRAY cohorts LOOP
        SELECT p.id INTO lowest FROM labeling_prompt p
        WHERE p.project_id = project AND coalesce(p.cohort_id, 0) = cohort AND p.gold_at IS NOT NULL
          AND p.withdrawn_at IS NULL ORDER BY p.id LIMIT 1;
        CONTINUE WHEN lowest IS NULL;
        SELECT p.id INTO highest FROM labeling_prompt p
        WHERE p.project_id = project AND coalesce(p.cohort_id, 0) = cohort AND p.gold_at IS NOT NULL
          AND p.withdrawn_at IS NULL ORDER BY p.id DESC LIMIT 1;
        FOREACH start IN ARRAY ARRAY[lowest + floor(place * (highest - lowest + 1)), lowest] LOOP
            SELECT p.id INTO found
            FROM (SELECT near.id, g.created_by_id
                  FROM labeling_prompt near JOIN labeling_goldanswer g ON g.prompt_id = near.id AND NOT g.practice
                  WHERE near.project_id = project AND coalesce(near.cohort_id, 0) = cohort AND near.gold_at IS NOT NULL
                    AND near.withdrawn_at IS NULL AND near.id >= start ORDER BY near.id LIMIT 50) g
            JOIN labeling_prompt p ON p.id = g.id  -- `::int` keeps it from being looked for by anything else
            WHERE (p.gold_at IS NOT NULL AND p.withdrawn_at IS NULL AND coalesce(p.cohort_id, 0) = cohort)::int = 1
              AND g.created_by_id IS DISTINCT FROM labeler AND p.id IS DISTINCT FROM besides
              AND NOT EXISTS (
                SELECT FROM labeling_assignment mine
                WHERE mine.prompt_id = p.id AND mine.labeler_id = labeler
                  AND mine.state IN ('claimed', 'ranked', 'skipped') OFFSET 0)
            ORDER BY g.id LIMIT 1
            FOR KEY SHARE OF p SKIP LOCKED;
            IF found IS NOT NULL THEN
                RETURN found;
            END IF;
        END LOOP;
    END LOOP;
    RETURN NULL;
END $$;

-- Finds a prompt of which this labeler's answer stands, with so many of theirs after it and made before that time, and
-- which they had not a second time yet. What was corrected since has no answer that stands.
DROP FUNCTION IF EXISTS podium_repeat_for(bigint, bigint, bigint, double precision, integer, timestamptz);
CREATE OR REPLACE FUNCTION podium_repeat_for(
    project bigint, labeler bigint, besides bigint, place double precision, answers integer, before timestamptz,
    cohorts bigint[]
) RETURNS bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    lowest bigint := (SELECT r.id FROM labeling_ranking r WHERE r.labeler_id = labeler ORDER BY r.id LIMIT 1);
    highest bigint := (SELECT r.id FROM labeling_ranking r WHERE r.labeler_id = labeler
                       ORDER BY r.id DESC OFFSET answers LIMIT 1);
    start bigint := lowest + floor(place * (highest - lowest + 1));
    found bigint;
BEGIN
    FOREACH start IN ARRAY ARRAY[start, lowest] LOOP
        SELECT p.id INTO found
        FROM (SELECT r.id, r.prompt_id, r.project_id, r.live, r.source, r.created_at FROM labeling_ranking r
              WHERE r.labeler_id = labeler AND r.id >= start AND r.id <= highest ORDER BY r.id LIMIT 50) r
        JOIN labeling_prompt p ON p.id = r.prompt_id
        WHERE r.project_id = project AND r.live AND r.source = 'labeled' AND r.created_at < before
          AND (p.held_at IS NULL AND coalesce(p.cohort_id, 0) = ANY(cohorts))::int = 1  -- by its key, as above
          AND p.id IS DISTINCT FROM besides
          AND NOT EXISTS (
            SELECT FROM labeling_assignment again
            WHERE again.prompt_id = p.id AND again.labeler_id = labeler AND again.purpose = 'repeat'
              AND again.state IN ('claimed', 'ranked', 'skipped') OFFSET 0)
        ORDER BY r.id LIMIT 1
        FOR KEY SHARE OF p SKIP LOCKED;
        EXIT WHEN found IS NOT NULL;
    END LOOP;
    RETURN found;
END $$;
