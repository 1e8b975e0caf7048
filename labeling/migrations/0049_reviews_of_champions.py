"""What a champion is confidently against goes to reviewers: the reason has its name, and a case says what the model said.

The reason was "model", which nothing used: in this API that is who wrote a completion. podium_open_case is as 0046 left
it but for that name. The table has a row a case, so its check is looked over in a moment.
"""

from django.db import migrations, models

OPEN = """
-- Opens a case of a prompt, or adds a reason to the one that is open; gives its key, or null where the prompt is
-- withdrawn. Whoever calls it holds the prompt's lock. Twice is harmless. `drawn` is the task that a sample met.
CREATE OR REPLACE FUNCTION podium_open_case(prompt bigint, why text, who bigint DEFAULT NULL, drawn bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    gravest text[] := ARRAY['cannot_rank', 'skipped', 'disagreement', 'gold', 'champion', 'asked', 'sampled'];
    found labeling_reviewcase;
BEGIN
    SELECT * INTO found FROM labeling_reviewcase c WHERE c.prompt_id = prompt AND c.state <> 'closed' FOR UPDATE;
    IF found.id IS NULL THEN
        INSERT INTO labeling_reviewcase (project_id, prompt_id, reason, drawn_id, opened_at)
        SELECT p.project_id, p.id, why, drawn, clock_timestamp() FROM labeling_prompt p
        WHERE p.id = prompt AND p.withdrawn_at IS NULL
        RETURNING * INTO found;
        IF found.id IS NULL THEN
            RETURN NULL;
        END IF;
    ELSIF found.reason = why OR found.also ? why THEN
        RETURN found.id;
    ELSIF array_position(gravest, why) < array_position(gravest, found.reason::text) THEN
        UPDATE labeling_reviewcase SET reason = why, also = also || to_jsonb(found.reason::text) WHERE id = found.id;
    ELSE
        UPDATE labeling_reviewcase SET also = also || to_jsonb(why),
            drawn_id = coalesce(drawn_id, podium_open_case.drawn) WHERE id = found.id;
    END IF;
    INSERT INTO labeling_reviewact (case_id, act, what, by_id, assignment_id, at)
    VALUES (found.id, 'opened', why, who, NULL, clock_timestamp());
    RETURN found.id;
END $$;
"""
OPENED = OPEN.replace("'champion'", "'model'")
RENAME = "UPDATE labeling_reviewcase SET reason = '{1}' WHERE reason = '{0}'"


class Migration(migrations.Migration):

    dependencies = [("labeling", "0048_reviews_by_reason")]

    operations = [
        migrations.AddField(model_name="reviewcase", name="evidence", field=models.JSONField(null=True)),
        migrations.RemoveConstraint(model_name="reviewcase", name="review_reason_known"),
        migrations.RunSQL(RENAME.format("model", "champion"), RENAME.format("champion", "model")),
        migrations.AlterField(
            model_name="reviewcase",
            name="reason",
            field=models.CharField(choices=[('cannot_rank', "Can't be ranked"), ('skipped', 'Everybody skipped it'), ('disagreement', 'People disagree'), ('gold', 'A gold answer was missed'), ('champion', 'The champion disagrees'), ('asked', 'A reviewer asked'), ('sampled', 'Random sample')], max_length=12),
        ),
        migrations.AddConstraint(
            model_name="reviewcase",
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ('cannot_rank', 'skipped', 'disagreement', 'gold', 'champion', 'asked', 'sampled'))), name='review_reason_known'),
        ),
        migrations.RunSQL(OPEN, OPENED),
    ]
