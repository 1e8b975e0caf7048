-- Finds whose token this is, by the whole hash, which is the table's key; no row where it is over or its owner may not log
-- in. As a function it is planned once a session: planning takes longer than looking.
CREATE OR REPLACE FUNCTION podium_owner_of_token(hash text) RETURNS SETOF labeling_user
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
    RETURN QUERY
    SELECT u.* FROM knox_authtoken token JOIN labeling_user u ON u.id = token.user_id
    WHERE token.digest = hash AND u.is_active AND (token.expiry IS NULL OR token.expiry > now());
END $$;

-- Finds a project by its name in addresses, with the role that a user has in it, if any, and whether their checks
-- warned them. But for the guidelines, which may
-- be as long as a book and are read where they are shown.
DROP FUNCTION IF EXISTS podium_project(text, bigint);  -- its columns may have changed
CREATE OR REPLACE FUNCTION podium_project(name_in_addresses text, member bigint) RETURNS TABLE (
    id bigint, slug varchar, name varchar, kind varchar, flags jsonb, ask_strength boolean, ask_acceptable boolean,
    ask_reasons jsonb, justification varchar, attributes jsonb, ask_rewrite varchar, top_k smallint,
    overlap smallint, lease_minutes smallint, search_language varchar, created_by_id bigint,
    created_at timestamptz, role varchar, warned boolean
) LANGUAGE plpgsql ROWS 1 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.id, p.slug, p.name, p.kind, p.flags, p.ask_strength, p.ask_acceptable, p.ask_reasons,
        p.justification, p.attributes, p.ask_rewrite, p.top_k, p.overlap, p.lease_minutes, p.search_language,
        p.created_by_id, p.created_at, m.role, m.warned_at IS NOT NULL
    FROM labeling_project p LEFT JOIN labeling_membership m ON m.project_id = p.id AND m.user_id = member
    WHERE p.slug = name_in_addresses AND p.deleted_at IS NULL;
END $$;
