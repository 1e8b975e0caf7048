"""`pytest --light`, the tests of `make check`, leaves out what needs a browser or torch; what loads torch fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOADS = """
import subprocess, sys, pytest

def test_it_loads_torch():
    import torch

def test_a_process_it_starts_loads_torch():
    done = subprocess.run([sys.executable, "-c", "import transformers"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

def test_it_loads_neither():
    pass

def test_it_says_that_it_needs_torch(needs_torch):
    assert False, "was not left out"

@pytest.fixture
def page(chromium):
    assert False, "was not left out"

def test_it_drives_a_browser(page):
    pass
"""


def test_what_loads_torch_fails_and_what_asks_for_it_or_a_browser_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "test_loads.py").write_text(LOADS)
    (tmp_path / "test_module.py").write_text("import torch\n\ndef test_it_needs_it_all_over(): assert False\n")
    options = [
        "--light",
        "--config-file",
        str(ROOT / "pyproject.toml"),
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
    ]
    command = [sys.executable, "-m", "pytest", *options, "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = done.stdout
    assert set(re.findall(r"^FAILED \S+::(\w+)", said, re.MULTILINE)) == {
        "test_it_loads_torch",
        "test_a_process_it_starts_loads_torch",
    }, said + done.stderr
    assert "2 failed, 1 passed, 2 deselected" in said
    assert said.count('have the test ask for the fixture "needs_torch"') >= 2


def test_chromium_is_started_by_the_fixture_alone() -> None:
    """What starts one by itself would run in `make check`."""
    starts = [
        path for path in (ROOT / "tests").rglob("*.py") if re.search(r"chromium\.launch", path.read_text("utf-8"))
    ]
    assert starts == [ROOT / "tests" / "conftest.py"]
