-- Writes the C(K, 2) minus ties pairs of each ranking; gives how many. Completions of equal rank make no pair: a tie
-- stays in the ranking, where training can read it.
CREATE OR REPLACE FUNCTION podium_expand(rankings bigint[]) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    written integer;
BEGIN
    -- The ids stand at both sides of the join as well: where statistics say that the tables are empty, as they do when
    -- a new database is filled, PostgreSQL else walks each index whole for every row (minutes for 200 rankings instead
    -- of a tenth of a second).
    INSERT INTO labeling_preferencepair
        (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id,
         rank_gap, margin, chosen_position, rejected_position, created_at)
    SELECT prompt.project_id, ranking.prompt_id, ranking.id, ranking.labeler_id,
        better.completion_id, worse.completion_id, worse.rank - better.rank, ranking.strength,
        better.shown_position, worse.shown_position, clock_timestamp()
    FROM labeling_ranking ranking
    JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
    JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
    JOIN labeling_rankedcompletion worse ON worse.ranking_id = ranking.id AND worse.rank > better.rank
    WHERE ranking.id = ANY(rankings)
      AND better.ranking_id = ANY(rankings) AND worse.ranking_id = ANY(rankings)
    ORDER BY ranking.id, better.rank, worse.rank, better.id, worse.id;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;
