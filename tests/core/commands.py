"""Running python -m rewardtrain.core as another program does, and following it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.core import loaded

ROOT = Path(__file__).resolve().parents[2]


def start_loaded(*arguments: object, file_limit: int | None = None) -> loaded.Command:
    """The same by a fork of a process that has loaded torch: for what a command does, not for how it begins, nor for
    processes that it starts itself."""
    return loaded.Command([*map(str, arguments)], file_limit=file_limit)


def start(*arguments: object, limit: str = "") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rewardtrain.core", *map(str, arguments)]
    if limit:
        command = ["bash", "-c", f'{limit}; exec "$@"', "bash", *command]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def events(out: Path) -> list[dict[str, Any]]:
    path = out / "metrics.jsonl"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def phases(out: Path) -> list[str]:
    return [event["phase"] for event in events(out) if event["event"] == "phase"]


def wait_for_step(process: subprocess.Popen[str] | loaded.Command, out: Path, step: int) -> None:
    """Return as soon as the metrics tell of the step."""
    while process.poll() is None:
        if any(event["event"] == "step" and event["step"] >= step for event in events(out)):
            return
        time.sleep(0.001)
    raise AssertionError(process.communicate())


def losses(out: Path) -> list[tuple[int, float]]:
    return [(event["step"], event["loss"]) for event in events(out) if event["event"] == "step"]
