"""Which of a run's machines this one is, and where it meets the others. No torch."""

from dataclasses import dataclass

from rewardtrain.core.errors import ConfigError

MOST = 1024


@dataclass(frozen=True)
class Node:
    """One of `count` machines of a run. They meet at the one of rank 0.

    host, port: where that one listens. name: tells this run's machines from those of another that meets there.
    """

    rank: int
    count: int
    host: str
    port: int
    name: str = ""

    def __post_init__(self) -> None:
        if not 2 <= self.count <= MOST:
            raise ConfigError(f"--nodes is {self.count}; it must be from 2 to {MOST}, or left out")
        if not 0 <= self.rank < self.count:
            raise ConfigError(f"--node-rank is {self.rank}; with --nodes={self.count} it is from 0 to {self.count - 1}")

    def share(self, processes: int) -> int:
        """Gives how many of the run's processes are this machine's. Raises ConfigError unless all have as many."""
        if processes % self.count:
            seen = f"processes is {processes}, which {self.count} machines can't share out evenly"
            raise ConfigError(f"{seen}; set it to a multiple of {self.count}")
        return processes // self.count

    def words(self) -> list[str]:
        """Gives the options of `train` that say this."""
        where = f"--first-node={self.host}:{self.port}"
        return [f"--nodes={self.count}", f"--node-rank={self.rank}", where, f"--run={self.name}"]


def read_node(nodes: int | None, rank: int | None, first: str | None, name: str) -> Node | None:
    """Reads those options; None where there are none. Raises ConfigError."""
    if nodes is None and rank is None and first is None:
        return None
    if nodes is None or rank is None or first is None:
        raise ConfigError("--nodes, --node-rank and --first-node belong together; give all three, or none")
    host, _, port = first.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise ConfigError(f"--first-node is {first[:200]!r}; give HOST:PORT, as in 10.0.0.7:29500")
    return Node(rank, nodes, host.strip("[]"), int(port), name)
