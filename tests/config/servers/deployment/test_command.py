"""`manage.py check_deployment` where nothing runs; on a site that does, in tests/acceptance/test_pgbouncer.py."""

from __future__ import annotations

import json
from pathlib import Path

from config.processes import command_lines
from config.servers.deployment import processes
from tests.config.helpers import free_port, manage


def test_where_nothing_runs_it_starts_nothing_and_says_what_is_missing(tmp_path: Path) -> None:
    rewards = f"http://127.0.0.1:{free_port()}"
    variables = {"PODIUM_DATA_DIR": str(tmp_path / "data"), "PODIUM_REWARDS_URL": rewards}
    done = manage("check_deployment", "--seconds", "20", **variables)
    assert done.returncode == 1
    assert "database: Podium's own database in" in done.stdout
    assert "isn't running: `manage.py up` starts it" in done.stdout
    assert f"rewards: The scoring service at {rewards} doesn't answer" in done.stdout
    assert done.stderr.rstrip().endswith("mend the errors first.")
    assert "Traceback" not in done.stdout + done.stderr
    found = json.loads(manage("check_deployment", "--json", "--seconds", "20", **variables).stdout)
    assert found["ok"] is False
    assert {finding["part"] for finding in found["findings"]} >= {"database", "redis", "rewards", "beat"}
    assert {finding["level"] for finding in found["findings"]} == {"error", "warning"}
    for wrong in ("0", "1e3", "-1", "9" * 400):
        done = manage("check_deployment", "--seconds", wrong, **variables)
        assert (done.returncode, "whole number from 1 to 600" in done.stderr) == (1, True)


def test_the_queues_are_those_of_the_workers() -> None:
    specs = (command_lines.worker(), command_lines.head(), command_lines.train())
    assert {spec.command[spec.command.index("--queues") + 1] for spec in specs} == set(processes.QUEUES)
