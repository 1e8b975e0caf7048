"""Nothing in an erased person's words is stored any more: no ranking, draft, reason of a skip, or word in a review.

Who writes such holds a lock of the person shared to the end of the transaction, and the erasure takes it once: whatever
began before it is seen by it, whatever begins after it is refused. Rankings of imports hold none: they may be of many
people, and an erasure waits for imports.
"""

from django.db import migrations

RULES = """
CREATE OR REPLACE FUNCTION podium_no_ranking_of_the_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.source <> 'imported' THEN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('labeling.person', NEW.labeler_id));
    END IF;
    IF EXISTS (SELECT FROM labeling_personerasure e WHERE e.person_id = NEW.labeler_id) THEN
        RAISE EXCEPTION 'the person of account % is being erased: nothing of theirs is stored', NEW.labeler_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION podium_no_words_of_the_erased() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    person bigint;
BEGIN
    IF TG_TABLE_NAME = 'labeling_reviewact' THEN
        person := NEW.by_id;
    ELSE
        person := NEW.labeler_id;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('labeling.person', person));
    IF EXISTS (SELECT FROM labeling_personerasure e WHERE e.person_id = person) THEN
        RAISE EXCEPTION 'the person of account % is being erased: nothing of theirs is stored', person
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER task_of_nobody_erased BEFORE UPDATE ON labeling_assignment FOR EACH ROW
    WHEN (NEW.draft IS DISTINCT FROM OLD.draft AND NEW.draft IS NOT NULL
        OR NEW.skip_reason <> OLD.skip_reason AND NEW.skip_reason <> '')
    EXECUTE FUNCTION podium_no_words_of_the_erased();
CREATE TRIGGER review_of_nobody_erased BEFORE INSERT ON labeling_reviewact FOR EACH ROW
    WHEN (NEW.by_id IS NOT NULL AND NEW.words <> '')
    EXECUTE FUNCTION podium_no_words_of_the_erased();
"""
WITHOUT = """
DROP TRIGGER review_of_nobody_erased ON labeling_reviewact;
DROP TRIGGER task_of_nobody_erased ON labeling_assignment;
DROP FUNCTION podium_no_words_of_the_erased();
CREATE OR REPLACE FUNCTION podium_no_ranking_of_the_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM labeling_personerasure e WHERE e.person_id = NEW.labeler_id) THEN
        RAISE EXCEPTION 'the person of account % is being erased: nothing of theirs is stored', NEW.labeler_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0052_reviews_of_leavers"),)

    operations = (migrations.RunSQL(RULES, WITHOUT),)
