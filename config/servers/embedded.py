"""The two servers Podium brings along for where DATABASE_URL or REDIS_URL names none: PostgreSQL and Valkey.

Both live in the data directory and listen on Unix sockets only, so copies side by side never meet. Who needs a
server takes a `Lease`: a shared file lock that the kernel drops with the process, however it ends. Beside each
server runs a keeper (config/servers/keeper.py), which stops it once nobody holds a lease. So any number of commands
find the same servers, the last one out stops them, and kill -9 leaves nothing behind.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from config.environment import variables
from config.environment.folders import REPOSITORY

SERVERS = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}  # each with the variable that makes it unneeded

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, a closing zero included.
LONGEST_SOCKET_PATH = 103
START_SECONDS = 120.0  # a slow disk needs minutes for the first start's initdb
STOP_SECONDS = 60.0


class EmbeddedServerError(RuntimeError):
    """A server can't be started or reached; the message is for the person at the terminal."""


# --- What settings.py asks: pure, starts nothing ---------------------------------------------------------------------


def needed_servers(environ: Mapping[str, str] = os.environ) -> frozenset[str]:
    return frozenset(name for name, variable in SERVERS.items() if not variables.text(variable, environ=environ))


def database_url(data_dir: Path) -> str:
    # The directory travels as ?host=, because a URL's host part is lower-cased by its readers and a path is not.
    return f"postgresql://podium@/podium?host={quote(str(postgres_socket_dir(data_dir)), safe='')}"


def redis_url(data_dir: Path) -> str:
    return f"unix://{quote(str(valkey_socket(data_dir)))}?db=0"


def secret_key(data_dir: Path) -> str:
    """Gives the key of this copy, made at the first call. Two first calls at once agree on one key.

    Raises WrongSetting where it can be neither read nor made, for every process begins with it.
    """
    try:
        return read_or_make_secret_key(data_dir)
    except EmbeddedServerError as error:
        raise variables.WrongSetting(f"podium: {error}") from None
    except OSError as error:
        raise variables.WrongSetting(
            f"podium: The key in {data_dir / 'secret_key'} can't be read or made ({error.strerror}): give the user "
            f"{os.geteuid()} the right, or set SECRET_KEY."
        ) from None


def read_or_make_secret_key(data_dir: Path) -> str:
    path = data_dir / "secret_key"
    with contextlib.suppress(FileNotFoundError):
        if key := path.read_text(encoding="ascii").strip():
            return key
    make_data_directory(data_dir)
    with tempfile.NamedTemporaryFile("w", dir=data_dir, prefix="secret_key.") as draft:  # mode 600
        draft.write(secrets.token_urlsafe(50) + "\n")
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)  # a rename would overwrite the key another process has just begun to use
    return path.read_text(encoding="ascii").strip()


def socket_dir(data_dir: Path) -> Path:
    """Gives `run/` in the data directory or, where a socket's path can't be that, a short one named after it."""
    beside = data_dir / "run"
    # PostgreSQL and libpq read a comma as the end of one path and the beginning of the next.
    if len(os.fsencode(beside / "pg" / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH and "," not in str(beside):
        return beside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path("/tmp") / f"podium-{os.geteuid()}-{digest}"  # not $TMPDIR: every shell must find the same one


def postgres_socket_dir(data_dir: Path) -> Path:
    return socket_dir(data_dir) / "pg"


def valkey_socket(data_dir: Path) -> Path:
    return socket_dir(data_dir) / "valkey.sock"


def make_data_directory(data_dir: Path) -> None:
    make_private_directory(data_dir)
    for name in ("locks", "logs"):
        (data_dir / name).mkdir(mode=0o700, exist_ok=True)


def make_private_directory(path: Path) -> None:
    """Nobody else may look into it; root's may be passed through, because PostgreSQL then runs as another user."""
    private = 0o711 if os.geteuid() == 0 else 0o700
    try:
        path.mkdir(mode=private, parents=True, exist_ok=True)
    except FileExistsError:
        raise EmbeddedServerError(f"{path} is a file, not a folder: move it, or set PODIUM_DATA_DIR.") from None
    except OSError as error:
        raise EmbeddedServerError(
            f"Can't make the folder {path}: {error.strerror}. Give the user {os.geteuid()} the right to write there, "
            "or set PODIUM_DATA_DIR to another folder."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise EmbeddedServerError(f"User {os.geteuid()} may not write in {path}: give it the right, or move the data.")


# --- Taking and giving back a lease ----------------------------------------------------------------------------------


@dataclass
class Lease:
    """Holds the servers up while it lives. `started` names those that were down before this call."""

    data_dir: Path
    servers: frozenset[str]
    started: frozenset[str] = frozenset()
    locks: dict[str, int] = field(default_factory=dict)


def ensure_running(data_dir: Path, servers: frozenset[str] = frozenset(SERVERS)) -> Lease:
    """Starts what is not running and returns when all of it answers. Raises EmbeddedServerError."""
    lease = Lease(data_dir, servers)
    if not servers:
        return lease
    make_data_directory(data_dir)
    try:
        for server in sorted(servers):
            lease.locks[server] = open_lock(users_lock(data_dir, server))
            # This waits while a keeper is stopping its server; afterwards none can stop under us.
            wait_for_lock(lease.locks[server], fcntl.LOCK_SH, STOP_SECONDS, f"the running {server} to stop")
        lease.started = start_missing(data_dir, servers)
    except BaseException:
        stop(lease, wait=False)
        raise
    return lease


def stop(lease: Lease, *, wait: bool = True) -> None:
    """Gives the lease back. Where it was the last one, the keepers stop the servers, and this waits for that."""
    for descriptor in lease.locks.values():
        os.close(descriptor)
    servers, lease.locks = list(lease.locks), {}
    deadline = time.monotonic() + STOP_SECONDS
    for server in servers if wait else ():
        while time.monotonic() < deadline and is_kept(lease.data_dir, server):
            if is_used(lease.data_dir, server):
                break
            time.sleep(0.05)


@contextlib.contextmanager
def running(data_dir: Path, servers: frozenset[str] = frozenset(SERVERS)) -> Iterator[Lease]:
    lease = ensure_running(data_dir, servers)
    try:
        yield lease
    finally:
        stop(lease)


def start_missing(data_dir: Path, servers: frozenset[str]) -> frozenset[str]:
    """Starts the keepers of those servers that have none, side by side. The caller holds a lease on them."""
    descriptor = open_lock(data_dir / "locks" / "start")
    try:
        wait_for_lock(descriptor, fcntl.LOCK_EX, START_SECONDS, "another command to start the servers")
        missing = frozenset(server for server in servers if not is_kept(data_dir, server))
        keepers = {server: launch_keeper(data_dir, server) for server in missing}
        reports = {server: keeper.communicate()[0].strip() for server, keeper in keepers.items()}
        for server, report in reports.items():
            if report != "ready":
                raise EmbeddedServerError(report or f"The keeper of {server} ended without a word.")
        return missing
    finally:
        os.close(descriptor)


def launch_keeper(data_dir: Path, server: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "config.servers.keeper", server, str(data_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,  # a Ctrl-C is for us, the servers go down after us
    )


# --- File locks: the kernel frees them with their holder --------------------------------------------------------------


def users_lock(data_dir: Path, server: str) -> Path:
    """Gives the lock that is shared by all who use the server; its keeper waits to have it alone."""
    return data_dir / "locks" / f"{server}.users"


def keeper_lock(data_dir: Path, server: str) -> Path:
    """Gives the lock that is held by the keeper and inherited by its server, so it is free only when both are gone."""
    return data_dir / "locks" / f"{server}.keeper"


def is_kept(data_dir: Path, server: str) -> bool:
    return is_locked(keeper_lock(data_dir, server), fcntl.LOCK_SH)  # shared, so that two who look don't see each other


def is_used(data_dir: Path, server: str) -> bool:
    """Tells whether others hold a lease: then nobody has it alone, and nobody can get it alone."""
    path = users_lock(data_dir, server)
    return is_locked(path, fcntl.LOCK_EX) and not is_locked(path, fcntl.LOCK_SH)


def is_locked(path: Path, kind: int) -> bool:
    descriptor = open_lock(path)
    try:
        return not try_lock(descriptor, kind)
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_lock(descriptor: int, kind: int, seconds: float, what_for: str) -> None:
    deadline = time.monotonic() + seconds
    while not try_lock(descriptor, kind):
        if time.monotonic() > deadline:
            raise EmbeddedServerError(f"Waited {seconds:.0f} s for {what_for}, in vain. `ps` may show what hangs.")
        time.sleep(0.02)
