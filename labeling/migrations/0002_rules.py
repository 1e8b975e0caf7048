"""The rules that Django's constraints can't say: composite foreign keys and what never changes."""

from django.db import migrations

COMPOSITE_KEYS = (
    # table, name, columns, referenced table, referenced columns, extra
    (
        "labeling_assignment",
        "assignment_overlap_of_prompt",
        "prompt_id, overlap",
        "labeling_prompt",
        "id, overlap",
        # A manager raises the overlap: its assignments follow. Lowering it below a taken slot is refused by their check.
        "ON UPDATE CASCADE",
    ),
    (
        "labeling_ranking",
        "ranking_of_its_assignment",
        "assignment_id, prompt_id, labeler_id",
        "labeling_assignment",
        "id, prompt_id, labeler_id",
        "",
    ),
    (
        "labeling_rankedcompletion",
        "ranked_completion_of_its_prompt",
        "completion_id, prompt_id",
        "labeling_completion",
        "id, prompt_id",
        "",
    ),
    (
        "labeling_rankedcompletion",
        "ranked_completion_of_its_ranking",
        "ranking_id, prompt_id",
        "labeling_ranking",
        "id, prompt_id",
        "",
    ),
    (
        "labeling_preferencepair",
        "pair_chosen_of_its_prompt",
        "chosen_id, prompt_id",
        "labeling_completion",
        "id, prompt_id",
        "",
    ),
    (
        "labeling_preferencepair",
        "pair_rejected_of_its_prompt",
        "rejected_id, prompt_id",
        "labeling_completion",
        "id, prompt_id",
        "",
    ),
    (
        "labeling_preferencepair",
        "pair_ranking_of_its_prompt",
        "ranking_id, prompt_id",
        "labeling_ranking",
        "id, prompt_id",
        "",
    ),
)

NEVER_CHANGES = """
CREATE FUNCTION podium_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % never changes (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER dataset_version_never_changes BEFORE UPDATE OR DELETE ON labeling_datasetversion
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
-- The split of a prompt and its texts are what frozen versions and models were made of.
CREATE FUNCTION podium_prompt_content_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the split and the text of prompt % never change', OLD.id
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE TRIGGER prompt_split_never_changes BEFORE UPDATE ON labeling_prompt
    FOR EACH ROW WHEN (OLD.split IS DISTINCT FROM NEW.split OR OLD.content_sha256 IS DISTINCT FROM NEW.content_sha256)
    EXECUTE FUNCTION podium_prompt_content_stays();
"""
ALWAYS_MAY_CHANGE = """
DROP TRIGGER prompt_split_never_changes ON labeling_prompt;
DROP FUNCTION podium_prompt_content_stays();
DROP TRIGGER dataset_version_never_changes ON labeling_datasetversion;
DROP FUNCTION podium_never_changes();
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0001_initial"),)

    operations = (
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) "
                f"REFERENCES {target} ({target_columns}) {extra} DEFERRABLE INITIALLY DEFERRED",
                f"ALTER TABLE {table} DROP CONSTRAINT {name}",
            )
            for table, name, columns, target, target_columns, extra in COMPOSITE_KEYS
        ),
        migrations.RunSQL(NEVER_CHANGES, ALWAYS_MAY_CHANGE),
    )
