"""Prompts are found by words, with their completions, and rankings by what was said in them (docs/decisions/0159)."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

# Scripts that are written without spaces: Thai, Lao, Myanmar, Khmer, kana, and Chinese characters. Each letter is a word
# there, and words are letters that follow each other. A text of ASCII has none of them.
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"

WORDS = f"""
CREATE FUNCTION podium_words(text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(text) = length(text) THEN text
        ELSE regexp_replace(text, '([{SPACELESS}])', ' \\1 ', 'g') END
$$;
"""
# A statement's prompts are a row for each thousand.
NOTED = """
CREATE FUNCTION podium_note_new_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO labeling_searchbacklog (prompts)
    SELECT array_agg(id ORDER BY id) FROM (
        SELECT id, (row_number() OVER (ORDER BY id) - 1) / 1000 AS part FROM fresh
    ) prompt GROUP BY part ORDER BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER new_texts_are_searched AFTER INSERT ON labeling_prompt REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION podium_note_new_texts();

-- The old words go at once: they may have been erased.
CREATE FUNCTION podium_note_changed_texts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint := CASE TG_TABLE_NAME WHEN 'labeling_prompt' THEN (to_jsonb(NEW) ->> 'id')::bigint
        ELSE (to_jsonb(NEW) ->> 'prompt_id')::bigint END;
BEGIN
    DELETE FROM labeling_searchtext WHERE prompt_id = changed;
    INSERT INTO labeling_searchbacklog (prompts) VALUES (ARRAY[changed]);
    RETURN NULL;
END $$;
CREATE TRIGGER changed_prompt_is_searched AFTER UPDATE OF messages, external_id ON labeling_prompt FOR EACH ROW
    WHEN (OLD.messages IS DISTINCT FROM NEW.messages OR OLD.external_id <> NEW.external_id)
    EXECUTE FUNCTION podium_note_changed_texts();
CREATE TRIGGER changed_completion_is_searched AFTER UPDATE OF text ON labeling_completion FOR EACH ROW
    WHEN (OLD.text <> NEW.text) EXECUTE FUNCTION podium_note_changed_texts();

-- Stems of another language: all of a project's texts are read again, a thousand at a time.
CREATE FUNCTION podium_note_language() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO labeling_searchbacklog (prompts)
    SELECT array_agg(id ORDER BY id) FROM (
        SELECT id, (row_number() OVER (ORDER BY id) - 1) / 1000 AS part FROM labeling_prompt WHERE project_id = NEW.id
    ) prompt GROUP BY part ORDER BY part;
    RETURN NULL;
END $$;
CREATE TRIGGER language_is_searched AFTER UPDATE OF search_language ON labeling_project FOR EACH ROW
    WHEN (OLD.search_language <> NEW.search_language) EXECUTE FUNCTION podium_note_language();
"""
FORGOTTEN = """
DROP TRIGGER new_texts_are_searched ON labeling_prompt;
DROP TRIGGER changed_prompt_is_searched ON labeling_prompt;
DROP TRIGGER changed_completion_is_searched ON labeling_completion;
DROP TRIGGER language_is_searched ON labeling_project;
DROP FUNCTION podium_note_new_texts();
DROP FUNCTION podium_note_changed_texts();
DROP FUNCTION podium_note_language();
"""
# What is there already: the sweep reads it, as what comes. Twice is harmless.
OLD_TEXTS = """
INSERT INTO labeling_searchbacklog (prompts)
SELECT array_agg(id ORDER BY id) FROM labeling_prompt GROUP BY id / 1000 ORDER BY id / 1000
"""
# Few rankings have a comment, and few completions a note: both are found by their words as soon as they are stored.
SAID = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS ranking_comment_words ON labeling_ranking
    USING gin (to_tsvector('simple', podium_words(comment))) WHERE comment <> ''
"""
NOTES = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS ranked_completion_note_words ON labeling_rankedcompletion
    USING gin (to_tsvector('simple', podium_words(note))) WHERE note <> ''
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0041_withdrawn_work_is_released"),)

    operations = (
        migrations.AddField(
            "project", "search_language", models.CharField(default="simple", db_default="simple", max_length=40)
        ),
        migrations.CreateModel(
            "SearchText",
            [
                (
                    "prompt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search_text",
                        serialize=False,
                        to="labeling.prompt",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(fields=["words"], name="search_text_words")
                ]
            },
        ),
        migrations.CreateModel(
            "SearchBacklog",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("prompts", django.contrib.postgres.fields.ArrayField(models.BigIntegerField())),
            ],
            options={"ordering": ("id",)},
        ),
        migrations.RunSQL(WORDS, "DROP FUNCTION podium_words(text)"),
        migrations.RunSQL(NOTED, FORGOTTEN),
        migrations.RunSQL(OLD_TEXTS, ""),
        migrations.RunSQL(SAID, "DROP INDEX ranking_comment_words"),
        migrations.RunSQL(NOTES, "DROP INDEX ranked_completion_note_words"),
    )
