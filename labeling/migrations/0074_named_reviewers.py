"""Named reviewers: a new case is given to one of them, and is theirs to decide until they hand it on or leave.

Who takes cases stands in memberships; whose a case is, in the case. Whoever leaves, is deactivated, becomes a labeler or
is named no longer gives theirs back, in that transaction.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

OPEN = """
CREATE OR REPLACE FUNCTION podium_open_case(prompt bigint, why text, who bigint DEFAULT NULL, drawn bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    gravest text[] := ARRAY['cannot_rank', 'skipped', 'disagreement', 'gold', 'champion', 'asked', 'sampled'];
    found labeling_reviewcase;
    made_for bigint;
BEGIN
    SELECT * INTO found FROM labeling_reviewcase c WHERE c.prompt_id = prompt AND c.state <> 'closed' FOR UPDATE;
    IF found.id IS NULL THEN
        INSERT INTO labeling_reviewcase (project_id, prompt_id, reason, drawn_id, reviewer_id, opened_at)
        SELECT p.project_id, p.id, why, drawn, podium_named_reviewer(p.project_id, p.id), clock_timestamp()
        FROM labeling_prompt p
        WHERE p.id = prompt AND p.withdrawn_at IS NULL
        RETURNING * INTO found;
        IF found.id IS NULL THEN
            RETURN NULL;
        END IF;
        made_for := found.reviewer_id;
    ELSIF found.reason = why OR found.also ? why THEN
        RETURN found.id;
    ELSIF array_position(gravest, why) < array_position(gravest, found.reason::text) THEN
        UPDATE labeling_reviewcase SET reason = why, also = also || to_jsonb(found.reason::text) WHERE id = found.id;
    ELSE
        UPDATE labeling_reviewcase SET also = also || to_jsonb(why),
            drawn_id = coalesce(drawn_id, podium_open_case.drawn) WHERE id = found.id;
    END IF;
    INSERT INTO labeling_reviewact (case_id, act, what, by_id, assignment_id, whom_id, at)
    VALUES (found.id, 'opened', why, who, NULL, made_for, clock_timestamp());
    RETURN found.id;
END $$;
"""
WAS = (
    OPEN.replace("drawn_id, reviewer_id, opened_at", "drawn_id, opened_at")
    .replace("drawn, podium_named_reviewer(p.project_id, p.id), clock", "drawn, clock")
    .replace("        made_for := found.reviewer_id;\n", "").replace("    made_for bigint;\n", "")
    .replace("assignment_id, whom_id, at", "assignment_id, at").replace("NULL, made_for, clock", "NULL, clock")
)
NAMED = """
-- Gives the named reviewer whose a prompt's case is to be, or null: drawn by the prompt's key, evenly, so that whoever is
-- named later gets a share of what comes and nobody else's changes. Nobody who ranked the prompt, for they may not decide
-- it; nobody whose membership is just being changed: who waits here holds a prompt, for which others may wait.
CREATE FUNCTION podium_named_reviewer(project bigint, prompt bigint) RETURNS bigint
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    found bigint;
BEGIN
    SELECT m.user_id INTO found FROM labeling_membership m JOIN labeling_user u ON u.id = m.user_id AND u.is_active
    WHERE m.project_id = project AND m.takes_cases AND NOT EXISTS (
        SELECT FROM labeling_assignment a
        WHERE a.prompt_id = prompt AND a.labeler_id = m.user_id AND a.state = 'ranked')
    ORDER BY hashint8extended(prompt, m.user_id) LIMIT 1 FOR SHARE OF m, u SKIP LOCKED;
    RETURN found;
END $$;

-- Gives what is a person's to review back to all reviewers: of one project, or of all. Twice is harmless.
CREATE FUNCTION podium_free_cases(person bigint, project bigint DEFAULT NULL, who bigint DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    WITH freed AS (
        UPDATE labeling_reviewcase c SET reviewer_id = NULL
        WHERE c.reviewer_id = person AND c.state <> 'closed' AND (project IS NULL OR c.project_id = project)
        RETURNING c.id)
    INSERT INTO labeling_reviewact (case_id, act, by_id, whom_id, at)
    SELECT freed.id, 'freed', who, person, clock_timestamp() FROM freed;
END $$;

CREATE FUNCTION podium_member_reviews_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.takes_cases := false;
    PERFORM podium_free_cases(NEW.user_id, project => NEW.project_id);
    RETURN NEW;
END $$;
CREATE TRIGGER member_reviews_no_more BEFORE UPDATE OF role ON labeling_membership
    FOR EACH ROW WHEN (NEW.role = 'labeler' AND OLD.role <> 'labeler') EXECUTE FUNCTION podium_member_reviews_no_more();

CREATE FUNCTION podium_reviewer_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_free_cases(OLD.user_id, project => OLD.project_id);
    RETURN NULL;
END $$;
CREATE TRIGGER reviewer_left AFTER DELETE ON labeling_membership
    FOR EACH ROW WHEN (OLD.role <> 'labeler') EXECUTE FUNCTION podium_reviewer_left();

CREATE FUNCTION podium_reviewer_deactivated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM podium_free_cases(NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER reviewer_deactivated AFTER UPDATE OF is_active ON labeling_user
    FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active) EXECUTE FUNCTION podium_reviewer_deactivated();
"""
FORGET = """
DROP TRIGGER reviewer_deactivated ON labeling_user;
DROP TRIGGER reviewer_left ON labeling_membership;
DROP TRIGGER member_reviews_no_more ON labeling_membership;
DROP FUNCTION podium_reviewer_deactivated();
DROP FUNCTION podium_reviewer_left();
DROP FUNCTION podium_member_reviews_no_more();
DROP FUNCTION podium_free_cases(bigint, bigint, bigint);
DROP FUNCTION podium_named_reviewer(bigint, bigint);
DELETE FROM labeling_reviewact WHERE act IN ('reserved', 'freed');
"""
PERSON = dict(
    db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name="+",
    to=settings.AUTH_USER_MODEL,
)


class Migration(migrations.Migration):

    dependencies = [("labeling", "0071_qualification")]

    operations = [
        migrations.AddField(
            model_name="membership", name="takes_cases", field=models.BooleanField(db_default=False, default=False)
        ),
        migrations.AddField(model_name="reviewcase", name="reviewer", field=models.ForeignKey(**PERSON)),
        migrations.AddField(model_name="reviewact", name="whom", field=models.ForeignKey(**PERSON)),
        migrations.RemoveConstraint(model_name="reviewact", name="review_act_known"),
        migrations.AlterField(
            model_name="reviewact",
            name="act",
            field=models.CharField(choices=[('opened', 'Opened'), ('sent_back', 'Sent back'), ('changed', 'Answer changed'), ('stays', 'Answer stays'), ('decided', 'Decided'), ('put_back', 'Put back into the queue'), ('discarded', 'Discarded'), ('left', 'Left as it is'), ('returned', 'Came back without an answer'), ('reserved', 'Reserved'), ('freed', 'Free for any reviewer'), ('closed', 'Closed')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name="reviewact",
            constraint=models.CheckConstraint(condition=models.Q(('act__in', ('opened', 'sent_back', 'changed', 'stays', 'decided', 'put_back', 'discarded', 'left', 'returned', 'reserved', 'freed', 'closed'))), name='review_act_known'),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.CheckConstraint(condition=models.Q(('takes_cases', False), ('role__in', ('reviewer', 'manager')), _connector='OR'), name='membership_reviewer_reviews'),
        ),
        migrations.RunSQL(NAMED, FORGET),
        migrations.RunSQL(OPEN, WAS),
    ]
