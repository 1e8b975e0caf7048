"""A finished evaluation never changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("rewardtrain", "0001_initial"), ("labeling", "0002_rules"))

    operations = (
        migrations.RunSQL(
            "CREATE TRIGGER evaluation_never_changes BEFORE UPDATE OR DELETE ON rewardtrain_evaluation "
            "FOR EACH ROW EXECUTE FUNCTION podium_never_changes()",
            "DROP TRIGGER evaluation_never_changes ON rewardtrain_evaluation",
        ),
    )
