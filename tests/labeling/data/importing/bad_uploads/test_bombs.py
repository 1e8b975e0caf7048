"""Files that unpack or grow to far more than was sent: read in a process of its own, whose peak memory is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.labeling.data.importing.bad_uploads import bombs

MOST = 200 * 2**20  # bytes above what the process has before it


@pytest.fixture(scope="module")
def measured() -> dict[str, dict[str, Any]]:
    """Reads every bomb in one process, which sets its peak back before each."""
    command = [sys.executable, "-m", "tests.labeling.data.importing.bad_uploads.bombs"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {said["name"]: said for said in map(json.loads, ended.stdout.splitlines())}


@pytest.mark.parametrize("bomb", bombs.BOMBS, ids=lambda bomb: bomb.name)
def test_a_bomb_is_one_problem_in_the_memory_of_a_few_records(
    measured: dict[str, dict[str, Any]], bomb: bombs.Bomb
) -> None:
    said = measured[bomb.name]
    assert said["code"] == bomb.code
    assert said["good"] == bomb.n_good
    assert said["bytes"] < MOST, f"{said['bytes'] / 2**20:.0f} MB"
