"""The child process that stays: it keeps libraries and backbone loaded and fits a head in about a second.

`python -m rewardtrain.core warm` takes one request a line on stdin and gives one answer a line on stdout.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from artifacts import store
from jobs import child
from jobs.parent_death import dies_with_parent
from rewardtrain.core_command import core

# A fit is many products of small matrices, for which a second thread of numpy's takes 2 to 10 times the CPU time and
# more of the clock's (0.03 s against 0.2 s for 1,000 completions, 1.2 s against 2.9 s for 50,000, on two busy cores).
# It doesn't touch torch, whose threads encode.
ENVIRON = {"OPENBLAS_NUM_THREADS": "1"}


class WarmProcess:
    """Started by the first request, or before; started again by the first one after its death. One request at a time.

    It dies with us. Start it from a thread that lives on: to the kernel the parent is the thread that forked.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self.end()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                core("warm", "--cache", cache()),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # select() sees nothing of what Python has read ahead
                cwd=settings.BASE_DIR,
                env={**os.environ, **ENVIRON},
                process_group=0,
                preexec_fn=dies_with_parent(signal.SIGKILL),
            )

    @property
    def log(self) -> Path:
        """Gives what the process that runs now has said."""
        return cache().with_name("warm_process.log")

    def ask(self, request: Mapping[str, Any], *, log: Path) -> Asked:
        """Sends the request. What is to be said of its failure is appended to `log`."""
        self.start()
        assert self._process
        assert self._process.stdin
        line = json.dumps(request).encode() + b"\n"
        try:
            self._process.stdin.write(line)
        except BrokenPipeError:  # it died this moment; its exit code is the answer
            self._process.wait()
        return Asked(self._process, log=log, said=self.log)

    def end(self) -> None:
        if self._process is None:
            return
        child.stop(self._process, grace=0)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process = None


class Asked:
    """A request that is being worked on."""

    def __init__(self, process: subprocess.Popen[bytes], *, log: Path, said: Path) -> None:
        self._process, self._log, self._said = process, log, said
        self._answer = b""
        self._code: int | None = None

    def poll(self) -> int | None:
        """Gives the exit code that the same command would have ended with; None while there is none."""
        if self._code is None:
            self._code = self._answered() if self._answer.endswith(b"\n") else self._died()
        return self._code

    def wait(self, seconds: float) -> None:
        """Waits until there is something new, at most so long."""
        assert self._process.stdout
        if select.select([self._process.stdout], [], [], seconds)[0]:
            self._answer += os.read(self._process.stdout.fileno(), 65536)

    def stop(self, *, grace: float = 0) -> int:
        """Ends the process: that is how one request is cancelled. The next one finds a new process."""
        return child.stop(self._process, grace=grace)

    def close(self) -> None:
        """A process whose answer nobody waits for any more would give it to the next request."""
        if self.poll() is None:
            self.stop()

    def _answered(self) -> int:
        answer = json.loads(self._answer)
        if answer["ok"]:
            return 0
        self._note(f"error: {answer['error']}\n".encode())
        return int(answer["exit_code"])

    def _died(self) -> int | None:
        code = self._process.poll()
        if code is not None:
            self._note(self._said.read_bytes()[-4000:])
        return code

    def _note(self, line: bytes) -> None:
        with self._log.open("ab") as log:
            log.write(line)


def cache() -> Path:
    """Names the folder of tokens and features by their content's hash, for every run. It can be deleted: it is made
    anew."""
    return store.work_path("cache")
