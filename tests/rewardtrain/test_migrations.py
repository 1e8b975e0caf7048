"""What a site keeps that is older than a rule."""

from collections.abc import Iterator

import pytest
from django.db.migrations.executor import MigrationExecutor

from labeling.data.versions.datasets import freeze
from labeling.models import Project
from rewardtrain.models import RetrainPolicy, TrainingRun
from tests.factories import make_project
from tests.rewardtrain.conftest import rank_prompts
from tests.session.older import older, upgrade

BEFORE, AFTER = [("rewardtrain", "0002_rules")], [("rewardtrain", "0003_two_depths")]


@pytest.fixture
def before(transactional_db: None) -> Iterator[MigrationExecutor]:
    """The machine side's tables as they were; afterwards as they are."""
    with older(BEFORE) as executor:
        yield executor


def test_policies_and_runs_there_are_were_about_fine_tuning(before: MigrationExecutor, project: Project) -> None:
    rank_prompts(project, train=4, test=1, validation=0)
    off = make_project()
    old = before.loader.project_state(BEFORE).apps
    old.get_model("rewardtrain", "RetrainPolicy").objects.create(project_id=project.pk, every_pairs=70)
    old.get_model("rewardtrain", "RetrainPolicy").objects.create(project_id=off.pk, enabled=False)
    old.get_model("rewardtrain", "TrainingRun").objects.create(
        project_id=project.pk, number=1, dataset_version_id=freeze(project).pk, trigger="policy", folder="1"
    )
    upgrade(before, AFTER)
    policies = RetrainPolicy.objects.order_by("pk").values_list("enabled", "every_pairs", "head_enabled")
    assert list(policies) == [(True, 70, True), (False, 200, False)]
    assert TrainingRun.objects.values_list("depth", flat=True).get() == "full"
