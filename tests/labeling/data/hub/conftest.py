from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import hub_stub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_stub.Hub]:
    with hub_stub.named(monkeypatch, tmp_path / "home") as running:
        yield running
