"""Each labeler's queue begins where they stand, and further back again where a prompt comes back to them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# A prompt is open again, or in another priority: returned from being held, its overlap raised, an answer taken back.
# Those who stand beyond it and never had it go back to it. In the order of their keys, so that two who bring prompts
# back don't wait in a circle.
COME_BACK = """
CREATE FUNCTION podium_prompts_come_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM fresh JOIN before USING (id)
        WHERE fresh.held_at IS NULL AND fresh.ranked < fresh.overlap
          AND (before.held_at IS NOT NULL OR before.ranked >= before.overlap OR before.priority <> fresh.priority)
    ) THEN
        RETURN NULL;
    END IF;
    WITH back AS (
        SELECT q.id AS position, min(fresh.id) AS begins
        FROM fresh JOIN before USING (id) JOIN labeling_queueposition q
          ON q.project_id = fresh.project_id AND q.priority = fresh.priority AND q.begins > fresh.id
        WHERE fresh.held_at IS NULL AND fresh.ranked < fresh.overlap
          AND (before.held_at IS NOT NULL OR before.ranked >= before.overlap OR before.priority <> fresh.priority)
          AND NOT EXISTS (
            SELECT FROM labeling_assignment a WHERE a.prompt_id = fresh.id AND a.labeler_id = q.labeler_id
              AND a.state IN ('claimed', 'ranked', 'skipped'))
        GROUP BY q.id
    ), locked AS (
        SELECT q.id FROM labeling_queueposition q WHERE q.id IN (SELECT position FROM back) ORDER BY q.id FOR UPDATE
    )
    UPDATE labeling_queueposition q SET begins = least(q.begins, back.begins)
    FROM back JOIN locked ON locked.id = back.position WHERE q.id = back.position;
    RETURN NULL;
END $$;
CREATE TRIGGER prompts_come_back AFTER UPDATE ON labeling_prompt
    REFERENCING NEW TABLE AS fresh OLD TABLE AS before FOR EACH STATEMENT EXECUTE FUNCTION podium_prompts_come_back();
"""
STAY_AWAY = """
DROP TRIGGER prompts_come_back ON labeling_prompt;
DROP FUNCTION podium_prompts_come_back();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0020_pairs_by_their_labeler'),
    ]

    operations = [
        migrations.CreateModel(
            name='QueuePosition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('priority', models.SmallIntegerField()),
                ('begins', models.BigIntegerField()),
                ('checked_at', models.DateTimeField()),
                ('labeler', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('project', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='labeling.project')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('project', 'labeler', 'priority'), name='queue_position_once')],
            },
        ),
        migrations.RunSQL(COME_BACK, STAY_AWAY),
    ]
