"""How `python -m rewardtrain.core` is called, a process of its own so that this one never loads torch."""

from __future__ import annotations

import sys
from pathlib import Path

# Exit codes of rewardtrain.core.errors that mean something to a parent.
BAD_INPUT = 2
STOPPED = 75

# Names in a run's folder, of rewardtrain.core.job.names.
METRICS, LOG = "out/metrics.jsonl", "log.txt"
GROWING = (METRICS, LOG)


def core(command: str, *arguments: str | Path) -> list[str]:
    """Gives the words of the command line."""
    return [sys.executable, "-m", "rewardtrain.core", command, *map(str, arguments)]


def job(spec: str, *, name: str, sha256: str, root: Path | str, nodes: int = 1) -> list[str]:
    """Gives the words that follow `python -m rewardtrain.core` on each node of a cluster that the job has.

    spec: the job's description below `root`, the shared folder as the node sees it, or the web's address for the job.
    """
    several = ["--nodes", str(nodes)] if nodes > 1 else []
    return ["job", str(root), spec, "--name", name, "--sha256", sha256, *several]
