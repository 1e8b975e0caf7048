"""Looks through the tasks that are there, while people work: none was withdrawn before."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    atomic = False

    dependencies = (("labeling", "0040_withdrawn_work"),)

    operations = (ValidateConstraint(model_name="assignment", name="assignment_withdrawn_is_released"),)
