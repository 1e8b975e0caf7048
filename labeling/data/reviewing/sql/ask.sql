-- Draws a ranking for review, as often as its project asks. By its task's seed, which nobody is shown: nobody can tell
-- beforehand or try again, and a task that was drawn is never drawn again.
CREATE OR REPLACE FUNCTION podium_draw_for_review(task labeling_assignment) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    percent smallint := (SELECT j.review_percent FROM labeling_project j JOIN labeling_prompt p ON p.project_id = j.id
                         WHERE p.id = task.prompt_id);
BEGIN
    IF (hashint8extended(task.seed, 162) & 9223372036854775807) % 100 < percent
       AND NOT EXISTS (SELECT FROM labeling_reviewcase c WHERE c.drawn_id = task.id) THEN
        PERFORM podium_open_case(task.prompt_id, 'sampled', drawn => task.id);
    END IF;
END $$;

-- Opens a case of a locked prompt that somebody skipped and nobody is left for: labeling/queue/skips.py says who is.
CREATE OR REPLACE FUNCTION podium_look_who_is_left(prompt bigint) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    IF EXISTS (SELECT FROM labeling_prompt p WHERE p.id = prompt AND p.ranked < p.overlap AND p.held_at IS NULL)
       AND EXISTS (SELECT FROM labeling_assignment a
                   WHERE a.prompt_id = prompt AND a.purpose = 'label' AND a.state = 'skipped')
       AND NOT EXISTS (
            SELECT FROM labeling_membership m
            JOIN labeling_prompt p ON p.project_id = m.project_id
            JOIN labeling_user u ON u.id = m.user_id AND u.is_active
            WHERE p.id = prompt AND NOT EXISTS (
                SELECT FROM labeling_assignment a
                WHERE a.prompt_id = prompt AND a.labeler_id = m.user_id AND a.state IN ('ranked', 'skipped'))
              AND (p.cohort_id IS NULL
                OR EXISTS (SELECT FROM labeling_cohortmember c WHERE c.cohort_id = p.cohort_id AND c.membership_id = m.id)
                OR EXISTS (SELECT FROM labeling_cohort c WHERE c.id = p.cohort_id AND c.deleted_at IS NOT NULL))) THEN
        PERFORM podium_open_case(prompt, 'skipped');
    END IF;
END $$;

-- Looks at some waiting prompts of a project after this key, by the index of these, and opens cases of those that somebody
-- skipped and nobody is left for. Not where a reviewer closed such a case since the last skip: who left since changes
-- nothing. Gives the last key, or null where there are no more. Each prompt is locked before its case.
CREATE OR REPLACE FUNCTION podium_look_after(project bigint, after bigint, most integer, OUT last bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    keys bigint[] := ARRAY(
        SELECT p.id FROM labeling_prompt p
        WHERE p.project_id = project AND p.id > after AND p.held_at IS NULL AND p.ranked < p.overlap
        ORDER BY p.id LIMIT most);
    prompt bigint;
BEGIN
    FOR prompt IN
        SELECT p.id FROM labeling_prompt p
        WHERE p.id = ANY(keys) AND p.held_at IS NULL AND p.ranked < p.overlap AND EXISTS (
            SELECT FROM labeling_assignment a
            WHERE a.prompt_id = p.id AND a.purpose = 'label' AND a.state = 'skipped' AND NOT EXISTS (
                SELECT FROM labeling_reviewcase c
                WHERE c.prompt_id = p.id AND c.closed_at > a.finished_at AND (c.reason = 'skipped' OR c.also ? 'skipped')))
        ORDER BY p.id FOR UPDATE
    LOOP
        PERFORM podium_look_who_is_left(prompt);
    END LOOP;
    last := CASE WHEN cardinality(keys) = most THEN keys[most] END;
END $$;

-- Tells whether somebody may still be sent an answer back; they can't leave before this transaction has ended.
CREATE OR REPLACE FUNCTION podium_works_in(project bigint, labeler bigint, OUT works boolean)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM labeling_membership m JOIN labeling_user u ON u.id = m.user_id AND u.is_active
    WHERE m.project_id = project AND m.user_id = labeler FOR SHARE OF m, u;
    works := FOUND;
END $$;

-- Notes the answer to a task that was sent back, and gives its case to the reviewers again; null where none awaits it.
CREATE OR REPLACE FUNCTION podium_answer_sent_back(
    task bigint, labeler bigint, how text, said text, made bigint DEFAULT NULL, OUT answered bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    UPDATE labeling_reviewcase SET state = 'open', sent_back_id = NULL, awaits_id = NULL
    WHERE awaits_id = labeler AND sent_back_id = task AND state = 'sent_back'
    RETURNING id INTO answered;
    IF answered IS NOT NULL THEN
        INSERT INTO labeling_reviewact (case_id, act, by_id, words, assignment_id, ranking_id, at)
        VALUES (answered, how, labeler, said, task, made, clock_timestamp());
    END IF;
END $$;
