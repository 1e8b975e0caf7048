"""Starts one embedded server, says so, and stops it when nobody holds a lease on it any more (see embedded.py).

    python -m config.servers.keeper postgres|valkey DATA_DIR

It knows no Django. Whoever started it reads its standard output: `ready`, or what went wrong.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from config.servers import embedded
from config.servers.postgres import Postgres
from config.servers.server import Server
from config.servers.valkey import Valkey

LOOK_EVERY_SECONDS = 0.2
STOP_SECONDS = 30.0
KILL_SECONDS = 5.0


def main() -> int:
    name, data_dir = sys.argv[1], Path(sys.argv[2])
    if os.fork():
        os._exit(0)  # so the keeper belongs to init, and who started it has nobody to wait for
    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        keep(server_named(name), data_dir, report_ready)
    except embedded.EmbeddedServerError as error:
        print(error, flush=True)
        return 1
    except OSError as error:
        print(f"The {name} server can't be started in {data_dir}: {error}", flush=True)
        return 1
    return 0


def server_named(name: str) -> Server:
    return {server.name: server for server in (Postgres(), Valkey())}[name]


def leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def report_ready() -> None:
    print("ready", flush=True)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(silence, descriptor)  # whoever reads our report sees its end


def keep(server: Server, data_dir: Path, ready: Callable[[], None]) -> None:
    lock = embedded.open_lock(embedded.keeper_lock(data_dir, server.name))
    embedded.wait_for_lock(lock, fcntl.LOCK_EX, STOP_SECONDS, f"an earlier {server.name} to stop")
    users = embedded.open_lock(embedded.users_lock(data_dir, server.name))
    process = server.start(data_dir, lock)
    try:
        wait_until_ready(server, data_dir, process)
        ready()
        while process.poll() is None and not embedded.try_lock(users, fcntl.LOCK_EX):
            time.sleep(LOOK_EVERY_SECONDS)
    finally:
        end(process, server.stop_signals)  # still holding the users' lock: a newcomer waits until it is over


def wait_until_ready(server: Server, data_dir: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + embedded.START_SECONDS
    while not server.is_ready(data_dir):
        if process.poll() is not None:
            raise server.failure(data_dir, f"it ended with code {process.returncode}")
        if time.monotonic() > deadline:
            raise server.failure(data_dir, f"it didn't answer within {embedded.START_SECONDS:.0f} s")
        time.sleep(0.02)


def end(process: "subprocess.Popen[bytes]", gentle_then_firm: tuple[signal.Signals, ...]) -> None:
    for number, seconds in zip(
        (*gentle_then_firm, signal.SIGKILL), (STOP_SECONDS, *[KILL_SECONDS] * len(gentle_then_firm)), strict=True
    ):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":
    sys.exit(main())
