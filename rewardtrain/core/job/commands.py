"""Runs commands of ours as processes of their own, so that whatever kills one (memory, a signal) is told by another."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

LOOK_SECONDS = 0.2
STOPPED = 75


class Commands:
    """Runs one after another.

    log: where they write what they say; None leaves it to whoever started us. should_stop: asks them to end, which they
    answer with a checkpoint. is_lost: ends them at once.
    """

    def __init__(self, log: Path | None, *, should_stop: Callable[[], bool], is_lost: Callable[[], bool]) -> None:
        self._log, self._should_stop, self._is_lost = log, should_stop, is_lost

    def run(self, command: str, *arguments: str | Path) -> int:
        """Runs it to its end, or ends it where we are to stop. A signal's code is negative."""
        words = [sys.executable, "-m", "rewardtrain.core", command, *map(str, arguments)]
        if self._log is None:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        else:
            with self._log.open("ab") as log:
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            code = self._follow(process)
        finally:
            process.kill()
            process.wait()
        return STOPPED if code and self._should_stop() else code  # a signal met it before it could answer

    def _follow(self, process: "subprocess.Popen[bytes]") -> int:
        asked = False
        while True:
            try:
                return process.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if self._is_lost():
                    return STOPPED
                if self._should_stop() and not asked:
                    asked = True
                    process.terminate()  # it answers with a checkpoint
