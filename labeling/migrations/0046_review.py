"""Cases for reviewers: what is looked at, and the trail of what was done about it; see docs/decisions/0162 and 0163.

A case is opened and closed where its prompt changes, by a trigger, whoever changed it: none is lost, and nobody looks
for them. Prompts of before are looked at by the migration after this one.
"""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# The database deletes them with what they belong to, whoever deletes that.
GO_WITH_THEIR_PROMPT = """
ALTER TABLE labeling_reviewcase ADD CONSTRAINT review_case_of_its_prompt
    FOREIGN KEY (prompt_id) REFERENCES labeling_prompt (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE labeling_reviewcase ADD CONSTRAINT review_case_of_its_project
    FOREIGN KEY (project_id) REFERENCES labeling_project (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE labeling_reviewact ADD CONSTRAINT review_act_of_its_case
    FOREIGN KEY (case_id) REFERENCES labeling_reviewcase (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED;
"""
OPEN = """
-- Opens a case of a prompt, or adds a reason to the one that is open; gives its key, or null where the prompt is
-- withdrawn. Whoever calls it holds the prompt's lock. Twice is harmless. `drawn` is the task that a sample met.
CREATE FUNCTION podium_open_case(prompt bigint, why text, who bigint DEFAULT NULL, drawn bigint DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    gravest text[] := ARRAY['cannot_rank', 'skipped', 'disagreement', 'gold', 'model', 'asked', 'sampled'];
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

-- Closes a prompt's open case as a rule does, where it stands under this reason if one is given. Twice is harmless.
CREATE FUNCTION podium_close_case(prompt bigint, how text, only_reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    closed bigint;
BEGIN
    UPDATE labeling_reviewcase
    SET state = 'closed', outcome = how, closed_at = clock_timestamp(), sent_back_id = NULL, awaits_id = NULL
    WHERE prompt_id = prompt AND state <> 'closed' AND (only_reason IS NULL OR reason = only_reason)
    RETURNING id INTO closed;
    IF closed IS NOT NULL THEN
        INSERT INTO labeling_reviewact (case_id, act, what, at) VALUES (closed, 'closed', how, clock_timestamp());
    END IF;
END $$;
"""
TRIGGER = """
-- Of answers that people gave here: what an import recorded was settled elsewhere, and may be thousands of prompts.
CREATE FUNCTION podium_prompt_asks_for_review() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    IF NEW.withdrawn_at IS NOT NULL THEN
        IF OLD.withdrawn_at IS NULL THEN
            PERFORM podium_close_case(NEW.id, 'withdrawn');
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.revised_at IS DISTINCT FROM OLD.revised_at THEN
        PERFORM podium_close_case(NEW.id, 'revised');
    END IF;
    IF NEW.held_at IS NULL AND OLD.held_at IS NOT NULL THEN
        PERFORM podium_close_case(NEW.id, 'put_back', 'cannot_rank');
    ELSIF NEW.held_at IS NOT NULL AND (OLD.held_at IS NULL OR OLD.withdrawn_at IS NOT NULL) THEN
        PERFORM podium_open_case(NEW.id, 'cannot_rank');
    END IF;
    IF NEW.ranked >= NEW.overlap AND OLD.ranked < OLD.overlap AND NEW.decided_at IS NULL THEN
        PERFORM podium_close_case(NEW.id, 'ranked', 'skipped');
    END IF;
    IF NEW.disagrees AND NEW.ranked >= NEW.overlap AND NOT (OLD.disagrees AND OLD.ranked >= OLD.overlap) THEN
        IF EXISTS (SELECT FROM labeling_ranking r WHERE r.prompt_id = NEW.id AND r.live AND r.source = 'labeled') THEN
            PERFORM podium_open_case(NEW.id, 'disagreement');
        END IF;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER prompt_asks_for_review
    AFTER UPDATE OF held_at, withdrawn_at, revised_at, ranked, overlap, disagrees ON labeling_prompt
    FOR EACH ROW WHEN (
        (OLD.held_at, OLD.withdrawn_at, OLD.revised_at, OLD.ranked, OLD.overlap, OLD.disagrees)
        IS DISTINCT FROM
        (NEW.held_at, NEW.withdrawn_at, NEW.revised_at, NEW.ranked, NEW.overlap, NEW.disagrees)
    ) EXECUTE FUNCTION podium_prompt_asks_for_review();
"""
FORGET = """
DROP TRIGGER prompt_asks_for_review ON labeling_prompt;
DROP FUNCTION podium_prompt_asks_for_review();
DROP FUNCTION podium_close_case(bigint, text, text);
DROP FUNCTION podium_open_case(bigint, text, bigint, bigint);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0045_names_of_invitations'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReviewAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('act', models.CharField(choices=[('opened', 'Opened'), ('sent_back', 'Sent back'), ('changed', 'Answer changed'), ('stays', 'Answer stays'), ('decided', 'Decided'), ('put_back', 'Put back into the queue'), ('discarded', 'Discarded'), ('left', 'Left as it is'), ('closed', 'Closed')], max_length=10)),
                ('words', models.TextField(blank=True, db_default='', default='')),
                ('what', models.CharField(blank=True, db_default='', default='', max_length=12)),
                ('at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.CreateModel(
            name='ReviewCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('cannot_rank', "Can't be ranked"), ('skipped', 'Everybody skipped it'), ('disagreement', 'People disagree'), ('gold', 'A gold answer was missed'), ('model', 'The model disagrees'), ('asked', 'A reviewer asked'), ('sampled', 'Random sample')], max_length=12)),
                ('also', models.JSONField(db_default=[], default=list)),
                ('state', models.CharField(choices=[('open', 'Waiting'), ('sent_back', 'Sent back'), ('closed', 'Closed')], db_default='open', default='open', max_length=10)),
                ('outcome', models.CharField(blank=True, choices=[('decided', 'decided'), ('put_back', 'put back'), ('discarded', 'discarded'), ('left', 'left as it is'), ('ranked', 'ranked meanwhile'), ('taken_up', 'taken up again'), ('withdrawn', 'withdrawn'), ('revised', 'texts corrected')], db_default='', default='', max_length=10)),
                ('opened_at', models.DateTimeField(auto_now_add=True)),
                ('closed_at', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ('id',),
            },
        ),
        migrations.AddField(
            model_name='project',
            name='review_percent',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='New rankings that reviewers look at.', validators=[django.core.validators.MaxValueValidator(100)]),
        ),
        migrations.AddField(
            model_name='prompt',
            name='decided_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='ranking',
            name='superseded_by',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='labeling.ranking'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('review_percent__lte', 100)), name='project_review_percent_of_all'),
        ),
        migrations.AddField(
            model_name='reviewact',
            name='assignment',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='labeling.assignment'),
        ),
        migrations.AddField(
            model_name='reviewact',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewact',
            name='ranking',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='labeling.ranking'),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='awaits',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='drawn',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='labeling.assignment'),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='project',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='review_cases', to='labeling.project'),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='review_cases', to='labeling.prompt'),
        ),
        migrations.AddField(
            model_name='reviewcase',
            name='sent_back',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='labeling.assignment'),
        ),
        migrations.AddField(
            model_name='reviewact',
            name='case',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='acts', to='labeling.reviewcase'),
        ),
        migrations.AddIndex(
            model_name='reviewcase',
            index=models.Index(fields=['prompt', 'id'], name='review_prompt'),
        ),
        migrations.AddIndex(
            model_name='reviewcase',
            index=models.Index(fields=['project', 'state', 'id'], name='review_state'),
        ),
        migrations.AddIndex(
            model_name='reviewcase',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['project', 'reason', 'id'], name='review_waiting'),
        ),
        migrations.AddIndex(
            model_name='reviewcase',
            index=models.Index(condition=models.Q(('state', 'sent_back')), fields=['awaits'], name='review_awaits'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'closed'), _negated=True), fields=('prompt',), name='review_one_case'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.UniqueConstraint(condition=models.Q(('drawn__isnull', False)), fields=('drawn',), name='review_drawn_once'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('state', 'closed'), models.Q(('outcome', ''), _negated=True)), models.Q(('closed_at__isnull', True), ('outcome', ''), ('state__in', ('open', 'sent_back'))), _connector='OR'), name='review_closed_with_outcome'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('awaits__isnull', False), ('sent_back__isnull', False), ('state', 'sent_back')), models.Q(models.Q(('state', 'sent_back'), _negated=True), ('awaits__isnull', True), ('sent_back__isnull', True)), _connector='OR'), name='review_sent_back_to_someone'),
        ),
        migrations.AddConstraint(
            model_name='reviewcase',
            constraint=models.CheckConstraint(condition=models.Q(('reason__in', ('cannot_rank', 'skipped', 'disagreement', 'gold', 'model', 'asked', 'sampled'))), name='review_reason_known'),
        ),
        migrations.AddIndex(
            model_name='reviewact',
            index=models.Index(fields=['case', 'id'], name='review_trail'),
        ),
        migrations.AddIndex(
            model_name='reviewact',
            index=models.Index(condition=models.Q(('assignment__isnull', False)), fields=['assignment', 'id'], name='review_act_of_task'),
        ),
        migrations.AddConstraint(
            model_name='reviewact',
            constraint=models.CheckConstraint(condition=models.Q(('act__in', ('opened', 'sent_back', 'changed', 'stays', 'decided', 'put_back', 'discarded', 'left', 'closed'))), name='review_act_known'),
        ),
        migrations.RunSQL(GO_WITH_THEIR_PROMPT, migrations.RunSQL.noop),
        migrations.RunSQL(OPEN + TRIGGER, FORGET),
    ]
