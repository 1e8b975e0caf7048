-- Has prompts ask for as many rankings as their project's shares say now, but never for fewer than a slot that somebody
-- has; what a reviewer decided stays. Whoever changes the shares waits for it, so that nobody writes those of before after
-- somebody wrote the new ones. Rows are locked first: a slot that was taken meanwhile is seen.
CREATE OR REPLACE FUNCTION podium_set_overlaps(project bigint, prompts bigint[], OUT changed bigint)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    shares record;
BEGIN
    SELECT p.overlap, p.extra_overlap, p.extra_percent INTO shares FROM labeling_project p WHERE p.id = project FOR SHARE;
    PERFORM FROM labeling_prompt WHERE id = ANY(prompts) ORDER BY id FOR UPDATE;
    UPDATE labeling_prompt prompt SET overlap = wanted.overlap
    FROM (
        SELECT each.id, greatest(
            podium_overlap_of(each.content_sha256, shares.overlap, shares.extra_overlap, shares.extra_percent),
            (SELECT max(a.slot) FROM labeling_assignment a
             WHERE a.prompt_id = each.id AND a.state IN ('claimed', 'ranked'))) AS overlap
        FROM labeling_prompt each WHERE each.id = ANY(prompts) AND each.decided_at IS NULL
    ) wanted
    WHERE prompt.id = wanted.id AND prompt.overlap <> wanted.overlap;
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;
