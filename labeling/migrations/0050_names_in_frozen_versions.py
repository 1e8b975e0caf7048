"""Names of erased people give way to pseudonyms in frozen versions too, and what these were before stays noted.

docs/decisions/0172. Erasures of before are asked for once more, which is harmless, for they left the versions as they
were: a worker takes them. Nothing reads a row of a large table here.
"""

import django.db.models.deletion
from django.db import migrations, models

RULES = """
-- A frozen version never changes but for its file, in which an erased person's name gave way to a pseudonym: what it
-- was is noted first, and what it was frozen with stays. It goes with its project, marked as being deleted before.
CREATE FUNCTION podium_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM labeling_project WHERE id = OLD.project_id AND deleted_at IS NOT NULL
    ) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE'
        AND to_jsonb(NEW) - '{file,sha256,bytes,frozen_sha256}'::text[]
            = to_jsonb(OLD) - '{file,sha256,bytes,frozen_sha256}'::text[]
        AND NEW.frozen_sha256 = coalesce(OLD.frozen_sha256, OLD.sha256)
        AND EXISTS (
            SELECT FROM labeling_replacedfile WHERE version_id = OLD.id AND sha256 = OLD.sha256 AND file = OLD.file
        )
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a row of % never changes (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE OR REPLACE TRIGGER dataset_version_never_changes BEFORE UPDATE OR DELETE ON labeling_datasetversion
    FOR EACH ROW EXECUTE FUNCTION podium_version_stays();
CREATE TRIGGER replaced_file_never_changes BEFORE UPDATE ON labeling_replacedfile
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
"""
WITHOUT = """
DROP TRIGGER replaced_file_never_changes ON labeling_replacedfile;
CREATE OR REPLACE TRIGGER dataset_version_never_changes BEFORE UPDATE OR DELETE ON labeling_datasetversion
    FOR EACH ROW EXECUTE FUNCTION podium_version_goes_with_its_project();
DROP FUNCTION podium_version_stays();
"""
AGAIN = """
UPDATE labeling_personerasure SET state = 'queued', attempts = 0, worker = '', finished_at = NULL
WHERE state = 'succeeded';
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0049_reviews_of_champions"),)

    operations = (
        migrations.AddField("datasetversion", "frozen_sha256", models.CharField(max_length=64, null=True)),
        migrations.CreateModel(
            "ReplacedFile",
            (
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file", models.CharField(max_length=300)),
                ("sha256", models.CharField(max_length=64)),
                ("bytes", models.BigIntegerField()),
                ("replaced_at", models.DateTimeField(auto_now_add=True)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="replaced_files",
                        to="labeling.personerasure",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="replaced_files",
                        to="labeling.datasetversion",
                    ),
                ),
            ),
            {"ordering": ("-id",)},
        ),
        migrations.RunSQL(RULES, WITHOUT),
        migrations.RunSQL(AGAIN, migrations.RunSQL.noop),
    )  # fmt: skip
