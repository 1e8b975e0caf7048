"""The queue finds open prompts by an index instead of counting every finished one (350 ms at 30,000 of them)."""

from django.db import migrations, models

COUNT_RANKED = """
CREATE FUNCTION podium_count_ranked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change int := (NEW.state = 'ranked')::int;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        change := change - (OLD.state = 'ranked')::int;
    END IF;
    IF change <> 0 THEN
        UPDATE labeling_prompt SET ranked = ranked + change WHERE id = NEW.prompt_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER assignment_counts_ranked AFTER INSERT OR UPDATE OF state ON labeling_assignment
    FOR EACH ROW EXECUTE FUNCTION podium_count_ranked();
UPDATE labeling_prompt SET ranked =
    (SELECT count(*) FROM labeling_assignment a WHERE a.prompt_id = labeling_prompt.id AND a.state = 'ranked');
"""
FORGET_RANKED = """
DROP TRIGGER assignment_counts_ranked ON labeling_assignment;
DROP FUNCTION podium_count_ranked();
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0002_rules"),)

    operations = (
        migrations.AddField("prompt", "ranked", models.PositiveSmallIntegerField(default=0, db_default=0)),
        migrations.AddIndex(
            "prompt",
            models.Index(
                fields=["project", "id"],
                condition=models.Q(held_at__isnull=True, ranked__lt=models.F("overlap")),
                name="prompt_open",
            ),
        ),
        migrations.RunSQL(COUNT_RANKED, FORGET_RANKED),
    )
