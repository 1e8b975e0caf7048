-- Looks words up in their indexes, whatever statistics say of a word, in one statement. Gives an object of
-- `nodes`: of the query of texts; `prompts`: keys of those with the words in their texts; `said`: of rankings with them
-- in the comment or a note; `said_of`: of the prompts of those that stand; `either`: of prompts that are in one or both.
-- Keys are written as an array is, for ten thousand of them only pass through Python. Null where it is more than `most`,
-- or where PostgreSQL expects more than `expected` prompts by its statistics, for an index gathers all of them first: of
-- beginnings of words it expects too few, so the whole words, which are among them, are what it is asked about.
DROP FUNCTION IF EXISTS podium_find(bigint, tsquery, tsquery, tsquery, integer, integer);
CREATE OR REPLACE FUNCTION podium_find(
    its_project bigint, in_texts tsquery, whole_words tsquery, in_words tsquery, expected integer, most integer
) RETURNS jsonb LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    plan json;
    prompts bigint[];
    said bigint[];
    said_of bigint[];
BEGIN
    EXECUTE format('EXPLAIN (FORMAT json) SELECT FROM labeling_searchtext WHERE words @@ %L::tsquery', whole_words)
        INTO plan;
    IF (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8 <= expected THEN
        EXECUTE format('SELECT ARRAY(SELECT prompt_id FROM labeling_searchtext WHERE words @@ %L::tsquery LIMIT %s)',
            in_texts, most + 1) INTO prompts;
    END IF;
    -- The index of a project's rankings is no way to them, for it leads past all that was ranked there.
    EXECUTE format($said$
        SELECT ARRAY(
            (SELECT id FROM labeling_ranking
             WHERE comment <> '' AND project_id + 0 = %2$s AND to_tsvector('simple', podium_words(comment)) @@ %1$L
             LIMIT %3$s)
            UNION ALL
            (SELECT ranking_id FROM labeling_rankedcompletion place
             WHERE note <> '' AND to_tsvector('simple', podium_words(note)) @@ %1$L
                AND (SELECT project_id FROM labeling_ranking WHERE id = place.ranking_id) = %2$s
             LIMIT %3$s))
        $said$, in_words, its_project, most + 1) INTO said;
    IF cardinality(said) <= most THEN
        said_of := ARRAY(
            SELECT DISTINCT prompt_id FROM labeling_ranking WHERE id = ANY(said) AND live);
    END IF;
    RETURN jsonb_build_object(
        'nodes', numnode(in_texts),
        'prompts', CASE WHEN cardinality(prompts) <= most THEN prompts::text END,
        'said', CASE WHEN cardinality(said) <= most THEN said::text END,
        'said_of', said_of::text,
        'either', CASE WHEN cardinality(prompts) <= most AND said_of IS NOT NULL
                       THEN ARRAY(SELECT unnest(prompts) UNION SELECT unnest(said_of))::text END
    );
END $$;
