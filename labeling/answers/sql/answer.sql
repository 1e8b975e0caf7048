-- Stores a labeler's answer to a task: the ranking, the rank of each completion and the pairs, in one transaction.
-- `change`: a new revision of the answer that stands, whose pairs give way to the new ones. The same answer again, by
-- its digest, changes nothing. The answer to a check is stored in the same way, but is no data: it is not live, so that it
-- has no pairs, and `pairs` counts those that it would have. The arrays go together, a completion each, in the order that the labeler saw.
-- `more`: what the project asks beyond them, {} where it asks nothing: acceptable, reasons, attributes (a list of objects, a
-- completion each), rewrite (of a completion's key, and the text).
-- `unranked`: how many have the last rank as the rest below the others, of which nothing is said; else 0.
-- `outcome` is stored, again, or why not: already_ranked (and differently), not_ranked, imported, prompt_withdrawn (with
-- its rankings), superseded (by a reviewer's), or what podium_take_back says. `ranking` is the one that stands, and `state` and `expires_at` are the task's as it was found.
-- `worked`: seconds from the first row that was written, of `is_data` or of a check (answers/even_times.py).
DROP FUNCTION IF EXISTS podium_answer(
    bigint, boolean, text, text, integer, double precision, bigint[], integer[], jsonb[], text[]);
DROP FUNCTION IF EXISTS podium_answer(
    bigint, boolean, text, text, integer, double precision, bigint[], integer[], jsonb[], text[], jsonb);
DROP FUNCTION IF EXISTS podium_answer(
    bigint, boolean, text, text, integer, double precision, bigint[], integer[], jsonb[], text[], jsonb, integer);
CREATE OR REPLACE FUNCTION podium_answer(
    assignment bigint, change boolean, digest text, comment text, strength integer, active_seconds double precision,
    completions bigint[], ranks integer[], flags jsonb[], notes text[], more jsonb DEFAULT '{}',
    unranked integer DEFAULT 0,
    OUT outcome text, OUT ranking bigint, OUT revision integer, OUT pairs integer, OUT created_at timestamptz,
    OUT state text, OUT expires_at timestamptz, OUT is_data boolean, OUT worked double precision
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    moment timestamptz;
    task labeling_assignment;
    standing labeling_ranking;
    held record;
    began timestamptz;
BEGIN
    task := podium_lock_task(assignment);
    moment := clock_timestamp();
    state := task.state;
    expires_at := task.expires_at;

    IF change OR task.state = 'ranked' THEN
        SELECT * INTO standing FROM labeling_ranking r
        WHERE r.assignment_id = assignment AND (r.live OR r.purpose <> 'label' AND r.ended_at IS NULL);
        outcome := CASE
            WHEN standing.id IS NULL THEN podium_why_not_ranked(task.prompt_id, task.id)
            WHEN change AND standing.source = 'imported' THEN 'imported'
            WHEN standing.payload_sha256 = digest THEN 'again'
            WHEN NOT change THEN 'already_ranked'
        END;
        IF outcome IS NOT NULL THEN
            ranking := standing.id;
            revision := standing.revision;
            created_at := standing.created_at;
            pairs := (
                SELECT count(*) FROM labeling_rankedcompletion better JOIN labeling_rankedcompletion worse
                    ON worse.ranking_id = better.ranking_id AND worse.rank > better.rank
                WHERE better.ranking_id = standing.id);
            RETURN;
        END IF;
        PERFORM podium_end_ranking(standing.id, moment);
        SELECT task.slot AS slot, task.overlap AS slots INTO held;
    ELSE
        SELECT t.refused, t.slot, t.slots INTO held FROM podium_take_back(task, moment) t;
        IF held.refused IS NOT NULL THEN
            outcome := held.refused;
            RETURN;
        END IF;
    END IF;

    began := clock_timestamp();
    is_data := task.purpose = 'label';
    INSERT INTO labeling_ranking AS r
        (assignment_id, prompt_id, labeler_id, revision, purpose, live, source, comment, strength, active_seconds,
         acceptable, reasons, rewrite, rewrite_of_id, says_more, unranked, payload_sha256, created_at)
    SELECT assignment, task.prompt_id, task.labeler_id,
        1 + coalesce((SELECT max(l.revision) FROM labeling_ranking l WHERE l.assignment_id = assignment), 0),
        task.purpose, task.purpose = 'label', 'labeled', podium_answer.comment, podium_answer.strength,
        podium_answer.active_seconds,
        (more ->> 'acceptable')::smallint,
        ARRAY(SELECT jsonb_array_elements_text(coalesce(more -> 'reasons', '[]'))),
        coalesce(more -> 'rewrite' ->> 'text', ''), (more -> 'rewrite' ->> 'of')::bigint,
        more <> '{}', podium_answer.unranked, digest, moment
    RETURNING r.id, r.revision, r.created_at
    INTO podium_answer.ranking, podium_answer.revision, podium_answer.created_at;

    INSERT INTO labeling_rankedcompletion (ranking_id, completion_id, prompt_id, rank, shown_position, flags, note, attributes)
    SELECT podium_answer.ranking, placed.completion, task.prompt_id, placed.place, placed.shown - 1, placed.flags,
        placed.note, coalesce(more -> 'attributes' -> (placed.shown - 1)::integer, '{}')
    FROM unnest(completions, ranks, podium_answer.flags, notes)
        WITH ORDINALITY AS placed (completion, place, flags, note, shown);

    pairs := CASE task.purpose WHEN 'label' THEN podium_expand(ARRAY[podium_answer.ranking])
        ELSE (SELECT count(*) FROM unnest(ranks) AS better (place) JOIN unnest(ranks) AS worse (place)
              ON worse.place > better.place) END;

    UPDATE labeling_assignment a
    SET state = 'ranked', slot = held.slot, overlap = held.slots, finished_at = moment, draft = NULL, withdrawn_at = NULL
    WHERE a.id = assignment;
    state := 'ranked';
    outcome := 'stored';
    IF task.purpose <> 'label' THEN
        PERFORM podium_note_check(task, podium_answer.ranking, moment);
        worked := extract(epoch FROM clock_timestamp() - began);
        RETURN;
    END IF;
    PERFORM podium_draw_for_review(task);
    IF podium_answer.revision > 1 THEN  -- also of one that was taken back and given anew
        PERFORM podium_answer_sent_back(assignment, task.labeler_id, 'changed', '', podium_answer.ranking);
    END IF;
    IF NOT change THEN
        PERFORM podium_look_who_is_left(task.prompt_id);
    END IF;
    worked := extract(epoch FROM clock_timestamp() - began);
END $$;

-- Notes that a check was answered, for whoever scores it (labeling/quality/checks); nobody who answers waits for that.
CREATE OR REPLACE FUNCTION podium_note_check(task labeling_assignment, ranking bigint, moment timestamptz) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO labeling_checkresult AS c
        (assignment_id, project_id, labeler_id, prompt_id, purpose, ranking_id, doubted, created_at)
    SELECT task.id, p.project_id, task.labeler_id, p.id, task.purpose, ranking, false, moment
    FROM labeling_prompt p WHERE p.id = task.prompt_id
    ON CONFLICT (assignment_id) DO UPDATE SET ranking_id = excluded.ranking_id, comparisons = NULL,
        "right" = NULL, worth = NULL, scored_at = NULL;
END $$;

-- Keeps a ranking as a record that has no say any more. The database holds that only live rankings have pairs.
CREATE OR REPLACE FUNCTION podium_end_ranking(ranking bigint, moment timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM labeling_preferencepair WHERE ranking_id = ranking;
    UPDATE labeling_ranking SET live = false, ended_at = moment WHERE id = ranking;
END $$;

-- Says why a task has no ranking that stands: nobody ranked it, its prompt was withdrawn, or a reviewer decided it.
DROP FUNCTION IF EXISTS podium_why_not_ranked(bigint);
CREATE OR REPLACE FUNCTION podium_why_not_ranked(prompt bigint, task bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE
        WHEN EXISTS (SELECT FROM labeling_prompt p WHERE p.id = prompt AND p.withdrawn_at IS NOT NULL)
            THEN 'prompt_withdrawn'
        WHEN EXISTS (SELECT FROM labeling_ranking r WHERE r.assignment_id = task AND r.superseded_by_id IS NOT NULL)
            THEN 'superseded'
        ELSE 'not_ranked' END;
END $$;
