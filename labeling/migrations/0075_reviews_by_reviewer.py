"""Cases by whose they are to look at: those that wait by an index of their own, and a person's by another."""

from django.db import migrations, models

from labeling.migrations._indexes import BuildIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("labeling", "0074_named_reviewers")]

    operations = [
        BuildIndex(
            model_name="reviewcase",
            index=models.Index(condition=models.Q(('state', 'open')), fields=['project', 'reviewer', 'id'], name='review_reviewer'),
        ),
        BuildIndex(
            model_name="reviewcase",
            index=models.Index(condition=models.Q(('reviewer__isnull', False)), fields=['reviewer'], name='review_of_person'),
        ),
    ]
