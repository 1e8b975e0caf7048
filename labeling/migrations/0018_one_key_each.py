"""One foreign key for each thing that is held, and one index.

A composite key to a prompt's completion says all that the plain key to the completion does, and each key is looked up
at every write: 81 of them for a label of four completions, now 35. They are looked up in the statement that writes and no
more at the commit: a COPY of a million rows need not remember them until its end. Indexes go whose columns begin another.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COMPOSITE = {
    "labeling_assignment": ("assignment_overlap_of_prompt",),
    "labeling_ranking": ("ranking_of_its_assignment",),
    "labeling_rankedcompletion": ("ranked_completion_of_its_prompt", "ranked_completion_of_its_ranking"),
    "labeling_preferencepair": ("pair_chosen_of_its_prompt", "pair_rejected_of_its_prompt", "pair_of_its_live_ranking"),
}


def alter(how: str) -> str:
    return "".join(
        f"ALTER TABLE {table} ALTER CONSTRAINT {name} {how};" for table, names in COMPOSITE.items() for name in names
    )

# Django takes the index of a partial constraint on the same column for the one that the field no longer needs.
ONE_LIVE = "CREATE UNIQUE INDEX IF NOT EXISTS ranking_one_live ON labeling_ranking (assignment_id) WHERE live"


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0017_counters'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='assignment',
            name='assignment_open_lease',
        ),
        migrations.AlterField(
            model_name='assignment',
            name='labeler',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='assignments', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='assignment',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='assignments', to='labeling.prompt'),
        ),
        migrations.AlterField(
            model_name='completion',
            name='prompt',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='completions', to='labeling.prompt'),
        ),
        migrations.AlterField(
            model_name='preferencepair',
            name='chosen',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='labeling.completion'),
        ),
        migrations.AlterField(
            model_name='preferencepair',
            name='labeler',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='preferencepair',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='pairs', to='labeling.prompt'),
        ),
        migrations.AlterField(
            model_name='preferencepair',
            name='ranking',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pairs', to='labeling.ranking'),
        ),
        migrations.AlterField(
            model_name='preferencepair',
            name='rejected',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='labeling.completion'),
        ),
        migrations.AlterField(
            model_name='rankedcompletion',
            name='completion',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='ranked', to='labeling.completion'),
        ),
        migrations.AlterField(
            model_name='rankedcompletion',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='labeling.prompt'),
        ),
        migrations.AlterField(
            model_name='rankedcompletion',
            name='ranking',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='ranked', to='labeling.ranking'),
        ),
        migrations.AlterField(
            model_name='ranking',
            name='assignment',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rankings', to='labeling.assignment'),
        ),
        migrations.AlterField(
            model_name='ranking',
            name='labeler',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='rankings', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='ranking',
            name='prompt',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rankings', to='labeling.prompt'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(fields=['prompt', 'labeler'], name='assignment_prompt_labeler'),
        ),
        migrations.AddIndex(
            model_name='assignment',
            index=models.Index(condition=models.Q(('state', 'claimed')), fields=['labeler'], name='assignment_held'),
        ),
        migrations.AddIndex(
            model_name='ranking',
            index=models.Index(fields=['prompt', 'id'], name='ranking_prompt'),
        ),
        migrations.RunSQL(ONE_LIVE, migrations.RunSQL.noop),
        migrations.RunSQL(alter("NOT DEFERRABLE"), alter("DEFERRABLE INITIALLY DEFERRED")),
    ]
