"""A finished evaluation never changes, but for the name of a labeler who was erased, which gives way to a pseudonym.

The function as 0010 left it, with this one way more.
"""

from django.db import migrations

RENAMES = """
CREATE OR REPLACE FUNCTION podium_evaluation_goes_with_its_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM rewardtrain_rewardmodel model JOIN labeling_project project ON project.id = model.project_id
        WHERE model.id = OLD.reward_model_id AND project.deleted_at IS NOT NULL
    ) THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) #- '{report,by_labeler}' = to_jsonb(OLD) #- '{report,by_labeler}' AND (
        SELECT coalesce(jsonb_agg(part - 'labeler' ORDER BY place), '[]')
        FROM jsonb_array_elements(NEW.report -> 'by_labeler') WITH ORDINALITY AS parts (part, place)
    ) = (
        SELECT coalesce(jsonb_agg(part - 'labeler' ORDER BY place), '[]')
        FROM jsonb_array_elements(OLD.report -> 'by_labeler') WITH ORDINALITY AS parts (part, place)
    ) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a row of % never changes (% refused)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
END $$;
"""
STAYS = """
CREATE OR REPLACE FUNCTION podium_evaluation_goes_with_its_project() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = (("rewardtrain", "0010_evaluations_of_deleted_projects"), ("labeling", "0043_erased_people"))

    operations = (migrations.RunSQL(RENAMES, STAYS),)
