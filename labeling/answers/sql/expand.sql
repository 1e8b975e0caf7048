-- Writes the C(K, 2) minus ties pairs of each ranking; gives how many. Completions of equal rank make no pair: a tie
-- stays in the ranking, where training can read it, and of two of a rest below the others nothing was said.
-- From each id to its rows by the tables' keys, whatever statistics say: they say that the tables are empty when a new
-- database is filled, and the plan made then stays with the connection (minutes for 200 rankings instead of a tenth of
-- a second). A list of ids at both sides of the self-join would be sorted again for each of them.
CREATE OR REPLACE FUNCTION podium_expand(rankings bigint[]) RETURNS integer
LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    written integer;
BEGIN
    INSERT INTO labeling_preferencepair
        (project_id, prompt_id, ranking_id, labeler_id, chosen_id, rejected_id,
         rank_gap, margin, chosen_position, rejected_position, created_at)
    SELECT prompt.project_id, ranking.prompt_id, ranking.id, ranking.labeler_id,
        better.completion_id, worse.completion_id, worse.rank - better.rank, ranking.strength,
        better.shown_position, worse.shown_position, clock_timestamp()
    FROM unnest(rankings) AS wanted (id)
    JOIN labeling_ranking ranking ON ranking.id = wanted.id
    JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id
    JOIN labeling_rankedcompletion better ON better.ranking_id = ranking.id
    JOIN labeling_rankedcompletion worse ON worse.ranking_id = better.ranking_id AND worse.rank > better.rank
    ORDER BY ranking.id, better.rank, worse.rank, better.id, worse.id;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;
