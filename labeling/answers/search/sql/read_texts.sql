-- Reads the words of some prompts that the backlog names, `most` and those of one row at least, and crosses out what was
-- read. Gives how many prompts that were. A prompt whose texts change meanwhile is noted again.
-- Of its dialogue and of its completions 100,000 letters each are read, shared out among the completions: a list of words
-- has an end in PostgreSQL (1 MB).
CREATE OR REPLACE FUNCTION podium_read_texts(most integer) RETURNS integer
LANGUAGE plpgsql SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
DECLARE
    noted bigint[];
BEGIN
    WITH taken AS (
        DELETE FROM labeling_searchbacklog WHERE id IN (
            SELECT id FROM (
                SELECT id, sum(n) OVER (ORDER BY id) - n AS before FROM (
                    SELECT id, cardinality(prompts) AS n FROM labeling_searchbacklog
                    ORDER BY id LIMIT most FOR UPDATE SKIP LOCKED) first
            ) noted WHERE before < most)
        RETURNING prompts
    )
    SELECT array_agg(DISTINCT prompt) INTO noted FROM taken, unnest(prompts) AS prompt;
    IF noted IS NULL THEN
        RETURN 0;
    END IF;
    INSERT INTO labeling_searchtext (prompt_id, words)
    SELECT prompt.id,
        to_tsvector(language.name, podium_words(left(
            (SELECT string_agg(turn ->> 'content', E'\n') FROM jsonb_array_elements(prompt.messages) turn), 100000)))
        || to_tsvector(language.name, podium_words((
            SELECT string_agg(left(text, 100000 / own.k), E'\n' ORDER BY position) FROM labeling_completion
            WHERE prompt_id = prompt.id)))
        || to_tsvector('simple', podium_words(prompt.external_id))
        || array_to_tsvector(ARRAY['#' || prompt.project_id])
    FROM unnest(noted) AS wanted (id)
    JOIN labeling_prompt prompt ON prompt.id = wanted.id
    JOIN labeling_project project ON project.id = prompt.project_id
    CROSS JOIN LATERAL (SELECT podium_search_language(project.search_language) AS name OFFSET 0) language
    CROSS JOIN LATERAL (
        SELECT greatest(count(*), 1)::integer AS k FROM labeling_completion WHERE prompt_id = prompt.id) own
    ON CONFLICT (prompt_id) DO UPDATE SET words = excluded.words;
    RETURN cardinality(noted);
END $$;

-- Another server may not know all languages that this one knows.
CREATE OR REPLACE FUNCTION podium_search_language(wanted text) RETURNS regconfig LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT oid::regconfig FROM pg_ts_config WHERE cfgname = wanted AND pg_ts_config_is_visible(oid)),
        'simple'::regconfig)
$$;
