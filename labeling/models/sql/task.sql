-- Reads a labeler's own task with its prompt and its project, and the texts where they are asked for, in one look: no row
-- for anyone else's, and none of a project that the labeler has left. The guidelines, which may be as long as a book,
-- stay where they are.
DROP FUNCTION IF EXISTS podium_task(bigint, bigint, boolean);  -- its columns may have changed
CREATE OR REPLACE FUNCTION podium_task(key bigint, labeler bigint, with_texts boolean) RETURNS TABLE (
    id bigint, prompt_id bigint, labeler_id bigint, state varchar, slot smallint, overlap smallint, seed bigint,
    shown_order jsonb, keys_shown boolean, draft jsonb, draft_revision integer, skip_reason varchar,
    claimed_at timestamptz, expires_at timestamptz, finished_at timestamptz,
    prompt_project_id bigint, prompt_external_id varchar, prompt_messages jsonb, prompt_split varchar,
    project_slug varchar, project_name varchar, project_kind varchar, project_flags jsonb, project_ask_strength boolean,
    project_ask_acceptable boolean, project_ask_reasons jsonb, project_justification varchar, project_attributes jsonb,
    project_ask_rewrite varchar, project_top_k smallint,
    project_overlap smallint, project_lease_minutes smallint,
    texts jsonb
) LANGUAGE plpgsql SET enable_seqscan = off ROWS 1 AS $$
#variable_conflict use_column
BEGIN
    -- Volatile, so that it sees what the same statement has just claimed. Each table is found by its key.
    RETURN QUERY
    SELECT a.id, a.prompt_id, a.labeler_id, a.state, a.slot, a.overlap, a.seed, a.shown_order, a.keys_shown, a.draft,
        a.draft_revision, a.skip_reason, a.claimed_at, a.expires_at, a.finished_at,
        p.project_id, p.external_id, p.messages, p.split,
        j.slug, j.name, j.kind, j.flags, j.ask_strength, j.ask_acceptable, j.ask_reasons, j.justification, j.attributes,
        j.ask_rewrite, j.top_k, j.overlap, j.lease_minutes,
        CASE WHEN with_texts THEN (
            SELECT jsonb_object_agg(c.id, c.text) FROM labeling_completion c WHERE c.prompt_id = a.prompt_id) END
    FROM labeling_assignment a
    JOIN labeling_prompt p ON p.id = a.prompt_id
    JOIN labeling_project j ON j.id = p.project_id
    WHERE a.id = key AND a.labeler_id = labeler AND j.deleted_at IS NULL
      AND (EXISTS (SELECT FROM labeling_membership m WHERE m.project_id = j.id AND m.user_id = labeler)
           OR EXISTS (SELECT FROM labeling_user u WHERE u.id = labeler AND u.is_superuser));
END $$;
