"""Whoever leaves a project, or is deactivated, answers nothing: what was sent back to them returns to the reviewers.

In the transaction of the leaving, whoever caused it. And the project is marked, so that a worker looks for prompts that
nobody is left for (labeling/data/reviewing/leavers.py). What awaits somebody who left before returns here.
"""

from django.db import migrations, models

RETURN = """
-- Gives the reviewers back what awaits this person: of these tasks, or of a project, if they are given. Twice is harmless.
CREATE FUNCTION podium_return_cases(labeler bigint, tasks bigint[] DEFAULT NULL, project bigint DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    WITH back AS (
        UPDATE labeling_reviewcase c SET state = 'open', sent_back_id = NULL, awaits_id = NULL
        WHERE c.awaits_id = labeler AND c.state = 'sent_back'
          AND (tasks IS NULL OR c.sent_back_id = ANY(tasks)) AND (project IS NULL OR c.project_id = project)
        RETURNING c.id)
    INSERT INTO labeling_reviewact (case_id, act, at) SELECT back.id, 'returned', clock_timestamp() FROM back;
END $$;

CREATE FUNCTION podium_member_left() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM podium_return_cases(OLD.user_id, project => OLD.project_id);
    UPDATE labeling_project SET look_after = 0
    WHERE id = OLD.project_id AND deleted_at IS NULL AND look_after IS DISTINCT FROM 0;
    RETURN NULL;
END $$;
CREATE TRIGGER member_left AFTER DELETE ON labeling_membership FOR EACH ROW EXECUTE FUNCTION podium_member_left();

CREATE FUNCTION podium_account_deactivated() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    PERFORM podium_return_cases(NEW.id);
    UPDATE labeling_project SET look_after = 0
    WHERE id IN (SELECT m.project_id FROM labeling_membership m WHERE m.user_id = NEW.id)
      AND deleted_at IS NULL AND look_after IS DISTINCT FROM 0;
    RETURN NULL;
END $$;
CREATE TRIGGER account_deactivated AFTER UPDATE OF is_active ON labeling_user
    FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION podium_account_deactivated();

SELECT podium_return_cases(gone.awaits_id, project => gone.project_id) FROM (
    SELECT DISTINCT c.awaits_id, c.project_id FROM labeling_reviewcase c
    WHERE c.state = 'sent_back' AND NOT EXISTS (
        SELECT FROM labeling_membership m JOIN labeling_user u ON u.id = m.user_id AND u.is_active
        WHERE m.project_id = c.project_id AND m.user_id = c.awaits_id)
) gone;
"""
FORGET = """
DROP TRIGGER account_deactivated ON labeling_user;
DROP FUNCTION podium_account_deactivated();
DROP TRIGGER member_left ON labeling_membership;
DROP FUNCTION podium_member_left();
DROP FUNCTION podium_return_cases(bigint, bigint[], bigint);
DELETE FROM labeling_reviewact WHERE act = 'returned';
"""


class Migration(migrations.Migration):

    dependencies = [("labeling", "0051_bulk_acts")]

    operations = [
        migrations.AddField(
            model_name="project", name="look_after", field=models.BigIntegerField(editable=False, null=True)
        ),
        migrations.RemoveConstraint(model_name="reviewact", name="review_act_known"),
        migrations.AlterField(
            model_name="reviewact",
            name="act",
            field=models.CharField(choices=[('opened', 'Opened'), ('sent_back', 'Sent back'), ('changed', 'Answer changed'), ('stays', 'Answer stays'), ('decided', 'Decided'), ('put_back', 'Put back into the queue'), ('discarded', 'Discarded'), ('left', 'Left as it is'), ('returned', 'Came back without an answer'), ('closed', 'Closed')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name="reviewact",
            constraint=models.CheckConstraint(condition=models.Q(('act__in', ('opened', 'sent_back', 'changed', 'stays', 'decided', 'put_back', 'discarded', 'left', 'returned', 'closed'))), name='review_act_known'),
        ),
        migrations.RunSQL(RETURN, FORGET),
    ]
