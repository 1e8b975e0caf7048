"""How sure a champion must be of the contrary for an answer to go to reviewers: a row a project, so it takes a moment."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("labeling", "0056_held_prompts_are_held")]

    operations = [
        migrations.AddField(
            model_name="project",
            name="champion_percent",
            field=models.PositiveSmallIntegerField(db_default=95, default=95),
        ),
        migrations.AddConstraint(
            model_name="project",
            constraint=models.CheckConstraint(
                condition=models.Q(("champion_percent", 0), ("champion_percent__range", (51, 99)), _connector="OR"),
                name="project_champion_percent_of_the_contrary",
            ),
        ),
    ]
