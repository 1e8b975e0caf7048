-- Tells how many people are to rank a prompt by its project's shares: formats/prompts.py, has_extra_overlap, in SQL.
CREATE OR REPLACE FUNCTION podium_overlap_of(checksum text, most smallint, extra smallint, percent smallint)
RETURNS smallint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN percent > 0 AND percent::bigint << 32 > 100
        * ('x' || left(encode(sha256(convert_to('overlap:' || checksum, 'UTF8')), 'hex'), 8))::bit(32)::bigint
        THEN extra ELSE most END
$$;
