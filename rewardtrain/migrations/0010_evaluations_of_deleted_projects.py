"""A finished evaluation never changes. It goes with its project, once that is marked as being deleted."""

from django.db import migrations

GOES = """
CREATE FUNCTION podium_evaluation_goes_with_its_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM rewardtrain_rewardmodel model JOIN labeling_project project ON project.id = model.project_id
        WHERE model.id = OLD.reward_model_id AND project.deleted_at IS NOT NULL
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'a row of % never changes (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
CREATE OR REPLACE TRIGGER evaluation_never_changes BEFORE UPDATE OR DELETE ON rewardtrain_evaluation
    FOR EACH ROW EXECUTE FUNCTION podium_evaluation_goes_with_its_project();
"""
STAYS = """
CREATE OR REPLACE TRIGGER evaluation_never_changes BEFORE UPDATE OR DELETE ON rewardtrain_evaluation
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
DROP FUNCTION podium_evaluation_goes_with_its_project();
"""


class Migration(migrations.Migration):
    dependencies = (("rewardtrain", "0009_scores_in_their_order"), ("labeling", "0031_deleted_projects"))

    operations = (migrations.RunSQL(GOES, STAYS),)
