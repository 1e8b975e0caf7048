"""Why a project is paused, once who said so was erased."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.data.leaving import erasure_worker, erasures
from labeling.models import Project, Role
from labeling.projects import pauses
from tests.factories import join, make_project
from tests.rewardtrain.conftest import models_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with models_in(tmp_path / "models"):
        yield make_project(slug="helpful")


def test_the_words_are_gone_and_it_is_still_paused(project: Project) -> None:
    other = make_project(slug="other")
    person = join(project, Role.MANAGER, username="lena")
    pauses.pause(project, by=person, reason="Qzpause77")
    pauses.pause(other, by=other.created_by, reason="The guidelines change.")
    erasures.request_erasure(person, confirm="lena", by=None)
    erasure_worker.work_all()
    paused = pauses.of(project)
    assert paused is not None
    assert paused.reason == "The reason was erased with the person who gave it."
    assert [pause.reason for pause in [pauses.of(other)] if pause] == ["The guidelines change."]
