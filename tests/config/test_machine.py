"""Tests marked namespaces are part of a run where network namespaces can be made, and are left out where they can't."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.acceptance.podium import wait_for
from tests.session import namespaces

ROOT = Path(__file__).resolve().parents[2]
MARKED = "import pytest\n\n@pytest.mark.namespaces\ndef test_marked(): pass\n\ndef test_other(): pass\n"
REFUSES = "#!/bin/sh\necho 'Operation not permitted' >&2\nexit 1\n"
# Lets the first process that tries and no other: whoever tries for itself comes to another answer than its leader.
ONCE = '#!/bin/sh\nmkdir "$0.$PPID" 2>/dev/null && { mkdir "$0.used" || touch "$0.late"; }\n[ ! -e "$0.late" ]\n'
HOLD = """
import os, subprocess, time
from tests.session.namespaces import network
with network("here", "there") as made:
    process = subprocess.Popen(made.within("there", ["sleep", "600"]))
    print(process.pid, *made.spaces(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "test_one.py").write_text(MARKED)
    (tmp_path / "test_two.py").write_text(MARKED)
    ip = tmp_path / "bin" / "ip"
    ip.parent.mkdir()

    def result(program: str, *options: str, path: str = f"{os.pathsep}{os.environ['PATH']}") -> str:
        if program:
            ip.write_text(program)
            ip.chmod(0o755)
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", *options]
        command += ["--config-file", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
        environ = {**os.environ, "PATH": f"{ip.parent}{path}", "CI": "true"}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return result


def test_who_is_refused_leaves_them_out_and_says_so_in_a_line(run: Callable[..., str]) -> None:
    said = run(REFUSES)
    assert "2 passed, 2 deselected" in said
    [line] = [line for line in said.splitlines() if line.startswith("Of this machine")]
    assert "no network namespaces (ip netns add podium-" in line
    assert "Operation not permitted), so the tests marked namespaces were left out." in line


def test_who_has_no_ip_leaves_them_out(run: Callable[..., str]) -> None:
    said = run("", path="")
    assert "2 passed, 2 deselected" in said
    assert "(there is no ip: apt install iproute2)" in said


def test_processes_at_once_go_by_what_their_leader_found(run: Callable[..., str], tmp_path: Path) -> None:
    """Else they collect different tests, which ends the run."""
    said = run(ONCE, "--numprocesses", "2", "--dist", "loadfile")
    assert "4 passed" in said
    assert said.count("network namespaces.") == 1
    assert "2 passed" in run(REFUSES, "--numprocesses", "2", "--dist", "loadfile")


@pytest.mark.namespaces
@pytest.mark.parametrize("without", ["-sys_admin", "-net_admin", "-all"])
def test_root_who_may_not_is_as_anyone(without: str) -> None:
    code = "from tests.session import namespaces; print(namespaces.why_not())"
    command = ["setpriv", "--bounding-set", without, sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Operation not permitted" in done.stdout
    assert not done.stderr


@pytest.mark.namespaces
def test_nothing_is_left_of_one_whose_process_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        pid, *spaces = holder.stdout.readline().split()
        assert set(spaces) <= made()
        holder.send_signal(signal.SIGKILL)
    wait_for(lambda: not made() & set(spaces), "the namespaces to go", seconds=60)
    wait_for(lambda: not psutil.pid_exists(int(pid)), "what ran in one to end", seconds=60)


@pytest.mark.namespaces
def test_nothing_is_left_of_one_whose_test_failed_and_another_can_be_made() -> None:
    def fail() -> None:
        with namespaces.network("here", "there"):
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert not [name for name in made() if name.startswith(f"podium-{os.getpid()}-")]


def made() -> set[str]:
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    return {line.split()[0] for line in listed.stdout.splitlines() if line}
