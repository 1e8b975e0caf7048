"""Of an erased prompt no checksum of its texts is kept: one of a short text can be guessed (docs/decisions/0156).

The split stays, as of every prompt. Prompts that were erased before lose theirs too; there are few.
"""

from django.db import migrations

STAYS_UNLESS_ERASED = """
CREATE OR REPLACE FUNCTION podium_prompt_content_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.split = OLD.split AND EXISTS (SELECT FROM labeling_prompterasure e WHERE e.prompt_id = OLD.id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the split and the text of prompt % never change', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
"""
STAYS = """
CREATE OR REPLACE FUNCTION podium_prompt_content_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the split and the text of prompt % never change', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
"""
# 64 hexadecimal digits that follow from nothing.
FORGET = """
UPDATE labeling_prompt SET prompt_key = NULL,
    content_sha256 = replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')
WHERE id IN (SELECT prompt_id FROM labeling_prompterasure);
UPDATE labeling_ranking SET payload_sha256 = repeat('0', 64)
WHERE prompt_id IN (SELECT prompt_id FROM labeling_prompterasure);
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0034_rankings_of_their_project"),)

    operations = (
        migrations.RunSQL(STAYS_UNLESS_ERASED, STAYS),
        migrations.RunSQL(FORGET, migrations.RunSQL.noop),
    )
