-- What is newer than a ranking, such as the last one of a dataset version: how many pairs, and how many answers to a flag.
-- Whole ranges of rankings are a sum of their counters; only of the range in which it begins rows are counted, of at most
-- 2,047 rankings. A ranking that was taken back counts no more, and one that was changed is a new one: both exactly, for
-- a range is known by the ranking's id. No ranking has the id 0, so that after it all is new.

CREATE OR REPLACE FUNCTION podium_pairs_after(of_project bigint, last bigint) RETURNS bigint
LANGUAGE sql STABLE COST 500 SET enable_seqscan = off SET jit = off AS $$
    SELECT
        (SELECT coalesce(sum(counter.pairs), 0) FROM labeling_counter counter
            WHERE counter.project_id = of_project AND counter.flag = '' AND counter.id_range >= (first + 2047) >> 11)
        + (SELECT count(*) FROM labeling_preferencepair pair
            WHERE pair.project_id = of_project
                AND pair.ranking_id >= first AND pair.ranking_id < (first + 2047) >> 11 << 11)
    FROM (SELECT CASE WHEN last > 0 THEN last + 1 ELSE 0 END AS first) range
$$;

CREATE OR REPLACE FUNCTION podium_labels_after(of_project bigint, of_flag text, last bigint) RETURNS bigint
LANGUAGE sql STABLE COST 500
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
    SELECT
        (SELECT coalesce(sum(counter.labels), 0) FROM labeling_counter counter
            WHERE counter.project_id = of_project AND counter.flag = of_flag
                AND counter.id_range >= (first + 2047) >> 11)
        + (SELECT count(*) FROM labeling_ranking ranking
            JOIN labeling_prompt prompt ON prompt.id = ranking.prompt_id AND prompt.project_id = of_project
            JOIN labeling_rankedcompletion answer ON answer.ranking_id = ranking.id
            WHERE ranking.id >= first AND ranking.id < (first + 2047) >> 11 << 11
                AND ranking.live AND jsonb_exists(answer.flags, of_flag))
    FROM (SELECT CASE WHEN last > 0 THEN last + 1 ELSE 0 END AS first) range
$$;

-- Texts of a split with an answer to the flag, no further than is needed. A prompt that nobody has ranked is never read,
-- and of a text no answer after the first.
CREATE OR REPLACE FUNCTION podium_labeled_texts(of_project bigint, of_flag text, of_split text, most bigint) RETURNS bigint
LANGUAGE sql STABLE COST 1000
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
    SELECT count(*) FROM (
        SELECT FROM labeling_prompt prompt
        JOIN labeling_completion completion ON completion.prompt_id = prompt.id
        CROSS JOIN LATERAL (
            SELECT FROM labeling_rankedcompletion answer
            JOIN labeling_ranking ranking ON ranking.id = answer.ranking_id AND ranking.live
            WHERE answer.completion_id = completion.id AND jsonb_exists(answer.flags, of_flag) LIMIT 1
        ) labeled
        WHERE prompt.project_id = of_project AND prompt.split = of_split AND prompt.ranked > 0 LIMIT most
    ) text
$$;
