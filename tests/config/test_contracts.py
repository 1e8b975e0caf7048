"""The import contracts hold: each is broken on purpose in a copy, and says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
# A module, and an import of it that must not be.
WRONG = {
    "artifacts/names.py": "from artifacts import store",
    "config/urls.py": "from rewardtrain.models import RewardModel",
    "config/environment/addresses.py": "from config.servers import embedded",
    "config/servers/deployment/finding.py": "from config.servers.deployment import databases",
    "formats/lines.py": "import django",
    "formats/files/records.py": "from formats.files import opening",
    "formats/layouts/layout.py": "from formats.layouts import known",
    "jobs/lifecycle.py": "from labeling.models import Project",
    "jobs/models.py": "from jobs import lifecycle",
    "labeling/answers/search/words.py": "from labeling.answers.search import finding",
    "labeling/data/versions/datasets.py": "from labeling.data.exporting import exports",
    "labeling/people/access.py": "from labeling.answers import rankings",
    "operations/backup/errors.py": "from operations.backup import restore",
    "operations/backup/manifest.py": "from operations.management.commands import restore",
    "labeling/templatetags/podium.py": "import torch",
    "rewardtrain/core/errors.py": "from rewardtrain.core import train",
    "rewardtrain/core/measures/tables.py": "import torch",
    "rewardtrain/core/device.py": "from labeling import errors",
    "rewardtrain/registry/gate.py": "from rewardtrain.training import runs",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in CONTRACTS["root_packages"]:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def lint(folder: Path) -> str:
    environ = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "300", "NO_COLOR": "1"}
    done = subprocess.run([LINTER, "--no-cache"], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_every_contract_breaks_where_somebody_imports_the_wrong_way(copy: Path) -> None:
    for name, line in WRONG.items():
        module = copy / name
        module.write_text(f"{module.read_text()}\n{line}\n")
    verdicts = lint(copy)
    for contract in CONTRACTS["contracts"]:
        assert re.search(rf"^{re.escape(contract['name'])} BROKEN", verdicts, re.MULTILINE), contract["name"]


def test_a_new_room_has_to_be_given_its_floor(copy: Path) -> None:
    (copy / "labeling" / "gold.py").write_text("")
    assert "gold" in lint(copy)
