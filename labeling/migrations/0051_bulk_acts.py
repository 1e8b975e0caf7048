"""Managers act on all prompts that a list finds, and hold prompts themselves; see docs/decisions/0168."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As in 0046, but for what a manager holds: nobody said that it can't be ranked, so no reviewer has to look.
WAS = """
CREATE OR REPLACE FUNCTION podium_prompt_asks_for_review() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
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
"""
NOW = WAS.replace(
    "OLD.withdrawn_at IS NOT NULL) THEN",
    """OLD.withdrawn_at IS NOT NULL)
        AND NEW.hold_at IS DISTINCT FROM NEW.held_at THEN  -- a manager who holds it knows why""",
)


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0050_names_in_frozen_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='prompt',
            name='hold_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name='BulkAct',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('succeeded', 'Succeeded'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=10)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('worker', models.CharField(blank=True, default='', max_length=200)),
                ('cancel_requested', models.BooleanField(default=False)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('requested_at', models.DateTimeField(auto_now_add=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('heartbeat_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('number', models.PositiveIntegerField()),
                ('act', models.CharField(choices=[('tag', 'Add a tag'), ('untag', 'Take a tag away'), ('priority', 'Set the priority'), ('hold', 'Hold: out of the queue, with a reason'), ('put_back', "Put back into the queue what is held or can't be ranked"), ('withdraw', 'Withdraw: out of the queue, exports and later versions'), ('restore', 'Put back what was withdrawn')], max_length=10)),
                ('value', models.CharField(blank=True, default='', max_length=300)),
                ('filters', models.JSONField(default=dict)),
                ('first_key', models.BigIntegerField(default=0)),
                ('last_key', models.BigIntegerField(default=0)),
                ('place', models.BigIntegerField(default=0)),
                ('changed', models.PositiveIntegerField(default=0)),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='bulk_acts', to='labeling.project')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('project', 'number'), name='bulk_act_number_once'), models.CheckConstraint(condition=models.Q(('act__in', ('tag', 'untag', 'priority', 'hold', 'put_back', 'withdraw', 'restore'))), name='bulk_act_known'), models.CheckConstraint(condition=models.Q(('state__in', ('queued', 'running', 'succeeded', 'failed', 'cancelled'))), name='bulk_act_state_known')],
            },
        ),
        migrations.RunSQL(NOW, WAS),
    ]
