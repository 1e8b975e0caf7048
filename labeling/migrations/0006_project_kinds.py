"""A project ranks or classifies. Those there are rank."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0005_pairs_of_live_rankings'),
    ]

    operations = [
        migrations.AddField(
            model_name='project',
            name='kind',
            field=models.CharField(choices=[('ranking', 'Ranking: completions of a prompt, best first'), ('classification', 'Classification: yes or no to questions about each text')], db_default='ranking', default='ranking', max_length=20),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('ranking', 'classification'))), name='project_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='project',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'classification'), _negated=True), models.Q(('flags', []), _negated=True), _connector='OR'), name='project_classification_asks_something'),
        ),
    ]
