-- Ends all rankings and tasks of a locked prompt, for its texts are others now: their pairs are gone, and their slots are
-- free for whoever ranks the new texts. `last` is the last ranking of the old ones. A page that still shows them is
-- refused by podium_take_back, which looks at the moment. What was known of the old texts is not of the new ones: the gold
-- of the prompt goes, and so it is in the queue again.
CREATE OR REPLACE FUNCTION podium_end_rankings_of(
    prompt bigint, OUT moment timestamptz, OUT last bigint, OUT rankings integer, OUT tasks integer
) LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    moment := clock_timestamp();
    last := coalesce((SELECT max(r.id) FROM labeling_ranking r WHERE r.prompt_id = prompt), 0);
    DELETE FROM labeling_preferencepair WHERE prompt_id = prompt;
    UPDATE labeling_ranking SET live = false, ended_at = moment WHERE prompt_id = prompt AND live;
    GET DIAGNOSTICS rankings = ROW_COUNT;
    UPDATE labeling_ranking SET ended_at = moment WHERE prompt_id = prompt AND purpose <> 'label' AND ended_at IS NULL;
    UPDATE labeling_assignment SET state = 'released', finished_at = coalesce(finished_at, moment)
    WHERE prompt_id = prompt AND purpose <> 'label' AND state IN ('claimed', 'ranked');
    UPDATE labeling_assignment SET state = 'released', finished_at = coalesce(finished_at, moment)
    WHERE prompt_id = prompt AND state IN ('claimed', 'ranked');
    GET DIAGNOSTICS tasks = ROW_COUNT;
    tasks := tasks - rankings;
    PERFORM podium_take_gold_back(ARRAY[prompt]);
    UPDATE labeling_prompt SET decided_at = NULL WHERE id = prompt AND decided_at IS NOT NULL;
END $$;
