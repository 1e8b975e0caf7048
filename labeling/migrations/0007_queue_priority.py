"""The queue serves by priority, then in the order of import; the index of open prompts is in that order too."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('labeling', '0006_project_kinds'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='prompt',
            name='prompt_open',
        ),
        migrations.AddField(
            model_name='prompt',
            name='priority',
            field=models.SmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name='prompt',
            index=models.Index(condition=models.Q(('held_at__isnull', True), ('ranked__lt', models.F('overlap'))), fields=['project', '-priority', 'id'], name='prompt_in_turn'),
        ),
    ]
