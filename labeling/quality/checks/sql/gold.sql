-- Takes the gold of locked prompts back: each is in the queue again, but for what was held or withdrawn besides. What was
-- counted of it waits to be counted anew, by which it says nothing of anybody any more.
CREATE OR REPLACE FUNCTION podium_take_gold_back(prompts bigint[], OUT changed integer)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    DELETE FROM labeling_goldanswer WHERE prompt_id = ANY(prompts);
    UPDATE labeling_checkresult SET scored_at = NULL WHERE prompt_id = ANY(prompts) AND purpose = 'gold';
    UPDATE labeling_prompt
    SET held_at = CASE WHEN held_at <> gold_at THEN held_at ELSE withdrawn_at END, gold_at = NULL
    WHERE id = ANY(prompts) AND gold_at IS NOT NULL;
    GET DIAGNOSTICS changed = ROW_COUNT;
END $$;
