"""A pair is by its ranking's labeler, which the key to the ranking says too instead of a key of its own.

Nothing held that before, and six look-ups of a label of four completions go. An index tells whether any pair has a margin.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

DROP = "ALTER TABLE labeling_preferencepair DROP CONSTRAINT pair_of_its_live_ranking"
ADD = """
ALTER TABLE labeling_preferencepair ADD CONSTRAINT pair_of_its_live_ranking
    FOREIGN KEY ({0}) REFERENCES labeling_ranking (id, {1}) DEFERRABLE INITIALLY IMMEDIATE
"""
BEFORE = ADD.format("ranking_id, prompt_id, live", "prompt_id, live")
NOW = ADD.format("ranking_id, prompt_id, labeler_id, live", "prompt_id, labeler_id, live")


class Migration(migrations.Migration):
    dependencies = (("labeling", "0019_ranked_prompts"),)

    operations = (
        migrations.RunSQL(DROP, BEFORE),
        migrations.RemoveConstraint("ranking", "ranking_id_prompt_live"),
        migrations.AddConstraint(
            "ranking",
            models.UniqueConstraint(
                fields=("id", "prompt", "labeler", "live"), name="ranking_id_prompt_labeler_live"
            ),
        ),
        migrations.AlterField(
            "preferencepair",
            "labeler",
            models.ForeignKey(
                to=settings.AUTH_USER_MODEL, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                db_constraint=False, db_index=False,
            ),
        ),
        # What a pair said was copied from its ranking whenever it was written.
        migrations.RunSQL(NOW, DROP),
        migrations.AddIndex(
            "preferencepair",
            models.Index(condition=models.Q(margin__isnull=False), fields=["project"], name="pair_with_margin"),
        ),
    )
