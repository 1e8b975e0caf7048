"""Which prompts are the same: a new one joins the split of those of its project that it is the same as.

Most prompts' key is what their split already follows from, so only the others are written: a million prompts are read
once, and of them a few per cent change.
"""

import json

from django.db import migrations, models
from django.db.models.functions import Coalesce

from formats.prompts import normalised, prompt_key

AT_ONCE = 2_000
SPLIT_STAYS = """
DROP TRIGGER prompt_split_never_changes ON labeling_prompt;
CREATE TRIGGER prompt_split_never_changes BEFORE UPDATE ON labeling_prompt
    FOR EACH ROW WHEN (
        OLD.split IS DISTINCT FROM NEW.split OR OLD.content_sha256 IS DISTINCT FROM NEW.content_sha256 {more})
    EXECUTE FUNCTION podium_prompt_content_stays();
"""
KEY_STAYS = SPLIT_STAYS.format(more="OR OLD.prompt_key IS DISTINCT FROM NEW.prompt_key")


def write_keys(apps, schema_editor):
    connection = schema_editor.connection
    with connection.chunked_cursor() as prompts, connection.cursor() as cursor:
        prompts.execute("SELECT id, content_sha256, messages::text FROM labeling_prompt")
        while rows := prompts.fetchmany(AT_ONCE):
            read = [(pk, sha256, _turns(messages)) for pk, sha256, messages in rows]
            # By its beginning: where words come later, the texts are read in vain and count for nothing.
            wordless = [pk for pk, _, turns in read if not any(normalised(said[:50]) for _, said in turns)]
            texts = _texts(cursor, wordless) if wordless else {}
            keys = [(pk, sha256, prompt_key(turns, texts.get(pk, []))) for pk, sha256, turns in read]
            other = [(pk, key) for pk, sha256, key in keys if key != sha256]
            cursor.execute(
                "UPDATE labeling_prompt SET prompt_key = fresh.key "
                "FROM unnest(%s::bigint[], %s::text[]) fresh(id, key) WHERE labeling_prompt.id = fresh.id",
                [[pk for pk, _ in other], [key for _, key in other]],
            )


def _turns(messages):
    return [(message["role"], message["content"]) for message in json.loads(messages)]


def _texts(cursor, prompts):
    """Of prompts without words, whose texts are what is compared."""
    cursor.execute(
        "SELECT prompt_id, array_agg(text ORDER BY position) FROM labeling_completion "
        "WHERE prompt_id = ANY(%s) GROUP BY prompt_id",
        [prompts],
    )
    return dict(cursor.fetchall())


class Migration(migrations.Migration):
    dependencies = (("labeling", "0008_keys_shown"),)

    operations = (
        migrations.AddField("prompt", "prompt_key", models.CharField(max_length=64, null=True)),
        migrations.RunPython(write_keys, migrations.RunPython.noop),
        migrations.AddIndex(
            "prompt",
            models.Index(models.F("project"), Coalesce("prompt_key", "content_sha256"), name="prompt_same"),
        ),
        migrations.RunSQL(KEY_STAYS, SPLIT_STAYS.format(more="")),
    )
