"""Opens cases of what waits for a reviewer already: prompts that were set aside, and those that people disagree about."""

from django.db import migrations

AT_ONCE = 1_000  # cases; each prompt is locked until its batch is done

LOOK = """
SELECT count(podium_open_case(id, why)), max(id) FROM (
    SELECT p.id, CASE WHEN p.held_at IS NULL THEN 'disagreement' ELSE 'cannot_rank' END AS why
    FROM labeling_prompt p
    WHERE p.id > %s AND p.withdrawn_at IS NULL AND (p.held_at IS NOT NULL OR p.disagrees AND p.ranked >= p.overlap
        AND EXISTS (SELECT FROM labeling_ranking r WHERE r.prompt_id = p.id AND r.live AND r.source = 'labeled'))
    ORDER BY p.id LIMIT %s FOR UPDATE) due
"""


def open_cases(apps, schema_editor):
    """Does it in batches, each a transaction of its own; killed half-way it is done again, which changes nothing."""
    last = 0
    with schema_editor.connection.cursor() as cursor:
        while last is not None:
            cursor.execute(LOOK, [last, AT_ONCE])
            _opened, last = cursor.fetchone()


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("labeling", "0046_review")]

    operations = [migrations.RunPython(open_cases, migrations.RunPython.noop)]
