"""A person can be erased (docs/decisions/0167): who asked for it stays noted, and nothing of theirs is stored any more."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Somebody's request may have begun before the account was ended, and end after its name and words are gone.
REFUSES = """
CREATE FUNCTION podium_no_ranking_of_the_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM labeling_personerasure e WHERE e.person_id = NEW.labeler_id) THEN
        RAISE EXCEPTION 'the person of account % is being erased: nothing of theirs is stored', NEW.labeler_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ranking_of_nobody_erased BEFORE INSERT ON labeling_ranking
    FOR EACH ROW EXECUTE FUNCTION podium_no_ranking_of_the_erased();
CREATE TRIGGER person_erasure_stays BEFORE DELETE ON labeling_personerasure
    FOR EACH ROW EXECUTE FUNCTION podium_never_changes();
"""
WITHOUT = """
DROP TRIGGER person_erasure_stays ON labeling_personerasure;
DROP TRIGGER ranking_of_nobody_erased ON labeling_ranking;
DROP FUNCTION podium_no_ranking_of_the_erased();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0042_search'),
    ]

    operations = [
        migrations.CreateModel(
            name='PersonErasure',
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
                ('with_work', models.BooleanField(default=False)),
                ('versions', models.JSONField(default=dict)),
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='erasure', to=settings.AUTH_USER_MODEL)),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ('queued', 'running', 'succeeded', 'failed'))), name='person_erasure_state_known')],
            },
        ),
        migrations.RunSQL(REFUSES, WITHOUT),
    ]
