"""Only a live ranking has pairs: the key from a pair to its ranking's prompt carries that too."""

from django.db import migrations, models

# A constant in the pair that its ranking's `live` has to equal.
ONE_KEY = """
DELETE FROM labeling_preferencepair pair USING labeling_ranking ranking
    WHERE ranking.id = pair.ranking_id AND NOT ranking.live;
ALTER TABLE labeling_preferencepair DROP CONSTRAINT pair_ranking_of_its_prompt;
ALTER TABLE labeling_preferencepair ADD CONSTRAINT pair_of_its_live_ranking
    FOREIGN KEY (ranking_id, prompt_id, live) REFERENCES labeling_ranking (id, prompt_id, live)
    DEFERRABLE INITIALLY DEFERRED;
"""
AS_BEFORE = """
ALTER TABLE labeling_preferencepair DROP CONSTRAINT pair_of_its_live_ranking;
ALTER TABLE labeling_preferencepair ADD CONSTRAINT pair_ranking_of_its_prompt
    FOREIGN KEY (ranking_id, prompt_id) REFERENCES labeling_ranking (id, prompt_id)
    DEFERRABLE INITIALLY DEFERRED;
"""


class Migration(migrations.Migration):
    dependencies = (("labeling", "0004_revisions_and_preferences"),)

    operations = (
        migrations.AddField(
            "preferencepair",
            "live",
            models.GeneratedField(expression=models.Value(True), output_field=models.BooleanField(), db_persist=True),
        ),
        migrations.AddConstraint(
            "ranking", models.UniqueConstraint(fields=("id", "prompt", "live"), name="ranking_id_prompt_live")
        ),
        migrations.RunSQL(ONE_KEY, AS_BEFORE),
    )
