"""Processes on machines that share no folder learn what one learns, and their checkpoints are the first machine's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.train import train
from tests.config.helpers import free_port
from tests.core.commands import ROOT
from tests.core.full.test_sharding import NEW_ADDRESSES, SETTINGS, require_equal, rows_of


@pytest.fixture(scope="module")
def run(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("data") / "9.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows_of(9, flagged=False)))
    return {"data": str(data), "settings": {**SETTINGS, "backbone": str(tiny_llama), "epochs": 2, "patience": 0}}


def on_machines(root: Path, run: dict[str, Any], *, machines: int, processes: int) -> None:
    """Each has a folder of its own, `root/N`, and torchrun of its own."""
    listed = root / "runs.json"
    listed.write_text(json.dumps([{**run, "out": f"{root}/{{node}}"}]))
    port = free_port()
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", f"--nnodes={machines}", f"--node-rank={machine}",
             f"--nproc-per-node={processes}", "--master-addr=127.0.0.1", f"--master-port={port}",
             str(Path(__file__).with_name("run_together.py")), str(listed)],
            cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **NEW_ADDRESSES},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for machine in range(machines)
    ]  # fmt: skip
    for process in started:
        _, stderr = process.communicate()
        assert process.returncode == 0, stderr


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_two_machines_learn_what_one_process_learns(run: dict[str, Any], tmp_path: Path) -> None:
    on_machines(tmp_path, run, machines=2, processes=1)
    train(Path(run["data"]), tmp_path / "alone", TrainConfig.from_dict(run["settings"]))
    require_equal(tmp_path / "0", tmp_path / "alone")
    assert files(tmp_path / "1") == []
