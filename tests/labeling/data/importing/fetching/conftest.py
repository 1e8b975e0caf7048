"""A project whose datasets come from a hub on loopback, which knows a token that nobody is to say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeling.models import Project
from tests import hub_stub
from tests.factories import make_project
from tests.rewardtrain.conftest import models_in


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with models_in(tmp_path / "models"):
        yield tmp_path


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_stub.Hub]:
    with hub_stub.named(monkeypatch, tmp_path / "home") as running:
        yield running
        assert running.authorizations <= {""}, "the operator's token is for the operator's command"


@pytest.fixture
def project() -> Project:
    return make_project(slug="helpful")
