"""Which of a job's machines this one is: every scheduler says so by variables of its own."""

import hashlib
from collections.abc import Mapping

from rewardtrain.core.errors import ConfigError
from rewardtrain.core.full.node import Node

# Slurm's srun, an Indexed Job of Kubernetes, SkyPilot; the first is whatever else starts a job's machines.
RANKS = ("PODIUM_NODE_RANK", "SLURM_NODEID", "JOB_COMPLETION_INDEX", "SKYPILOT_NODE_RANK")
FIRSTS = ("PODIUM_FIRST_NODE", "SLURM_LAUNCH_NODE_IPADDR", "SKYPILOT_NODE_IPS")  # of the last the first line
PORTS = range(20_000, 30_000)  # below those that a system gives away by itself


def place(nodes: int, name: str, environment: Mapping[str, str]) -> Node | None:
    """Gives it; None where the job has one machine. Raises ConfigError where nothing says so."""
    if nodes == 1:
        return None
    rank, first = _first_of(RANKS, environment), _first_of(FIRSTS, environment)
    if not (rank.isdecimal() and first):
        names = ", ".join(FIRSTS if rank.isdecimal() else RANKS)
        what = "where the first of its machines is" if rank.isdecimal() else "which of its machines this is"
        raise ConfigError(
            f"the job has {nodes} machines, but nothing says {what}: none of {names} is set; see the docs"
        )
    return Node(int(rank), nodes, first.split()[0], port_of(name), name)


def port_of(name: str) -> int:
    """Gives where the machines of this job meet: jobs that are on one machine have different ones, but for chance."""
    return PORTS[int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % len(PORTS)]


def _first_of(names: tuple[str, ...], environment: Mapping[str, str]) -> str:
    return next((environment[name].strip() for name in names if environment.get(name, "").strip()), "")
