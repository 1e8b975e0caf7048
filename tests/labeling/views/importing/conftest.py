"""A project whose imports lie in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from labeling.models import Project
from tests.factories import make_project
from tests.rewardtrain.conftest import models_in


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path / "models"


@pytest.fixture
def project(db: None) -> Project:
    return make_project(slug="door")


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(project.memberships.get().user)
    return client
