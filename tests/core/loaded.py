"""A process that has loaded torch and forks one for each command: its seconds are paid once, not for each command.

A command has a process of its own as ever, with its own signals, streams, limits and end; only Python and the libraries
are there already. Nothing is computed before the fork, so torch has started no thread yet.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIZE = 4  # bytes of a number that is told


class Command:
    """One that runs, as subprocess.Popen would give it."""

    def __init__(self, arguments: list[str], *, file_limit: int | None) -> None:
        (read_in, write_in), (read_out, write_out), (read_error, write_error) = os.pipe(), os.pipe(), os.pipe()
        self._told, other = socket.socketpair()
        theirs = [read_in, write_out, write_error, other.fileno()]
        socket.send_fds(_loaded(), [json.dumps([arguments, file_limit]).encode()], theirs)
        for number in theirs[:3]:
            os.close(number)
        other.close()
        self.stdin, self.stdout, self.stderr = open(write_in, "w"), open(read_out), open(read_error)  # noqa: SIM115
        self.args, self.pid = arguments, _number(self._told.recv(SIZE, socket.MSG_WAITALL))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, None while it works."""
        if self.returncode is None:
            with contextlib.suppress(BlockingIOError):
                self.returncode = _number(self._told.recv(SIZE, socket.MSG_DONTWAIT))
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = _number(self._told.recv(SIZE, socket.MSG_WAITALL))
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, said: str = "") -> tuple[str, str]:
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.append(self.stderr.read()))
        reader.start()
        with self.stdin:
            self.stdin.write(said)
        with self.stdout:
            output = self.stdout.read()
        reader.join()
        self.stderr.close()
        self.wait()
        self._told.close()
        return output, errors[0]


def _number(told: bytes) -> int:
    return int.from_bytes(told, "big", signed=True)


@cache
def _loaded() -> socket.socket:
    """The way to the process, which is started for the first command and ends with us."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", "tests.core.loaded", str(theirs.fileno())]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[theirs.fileno()], **streams)
    theirs.close()
    atexit.register(lambda: (ours.close(), process.wait(60)))
    return ours


# --- In that process --------------------------------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Returns in the process of a command, and never elsewhere."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait
    while True:
        words, numbers, _, _ = socket.recv_fds(requests, 2**16, 4)
        if not words:
            os._exit(0)
        if os.fork() == 0:
            return _begin(*json.loads(words), numbers)
        for number in numbers:
            os.close(number)


def _begin(arguments: list[str], file_limit: int | None, numbers: list[int]) -> None:
    """Of two processes one becomes the command and the other tells how it ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *streams, told = numbers
    if pid := os.fork():
        for number in streams:
            os.close(number)
        os.write(told, pid.to_bytes(SIZE, "big", signed=True))
        os.write(told, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]).to_bytes(SIZE, "big", signed=True))
        os._exit(0)
    os.close(told)
    for place, number in enumerate(streams):
        os.dup2(number, place)
        os.close(number)
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))
    sys.argv[1:] = arguments


def load() -> None:
    from rewardtrain.core import attribution, grid, score, train  # noqa: F401
    from rewardtrain.core.quiet import quiet_libraries
    from rewardtrain.core.serving import app  # noqa: F401

    quiet_libraries()


def run() -> int:
    """The exit code, as Python would end with it."""
    try:
        runpy.run_module("rewardtrain.core", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return int(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main(number: str) -> None:
    load()
    gc.collect()
    gc.freeze()  # what a command's collections look through they would copy
    requests = socket.socket(fileno=int(number))
    serve(requests)
    requests.close()
    code = run()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # clearing torch's modules away takes seconds in a fork, which has to copy them first


if __name__ == "__main__":
    main(sys.argv[1])
