"""metrics.jsonl: what a parent process reads to follow a run. No torch."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rewardtrain.core.errors import Stopped

METRICS = "metrics.jsonl"  # its name in a run's folder
BEAT = 2.0  # seconds without a line after which progress() writes one


class MetricsLog:
    """Appends one JSON object a line and flushes it. progress() is called often and writes seldom."""

    def __init__(self, path: Path | None, *, keep_bytes: int, should_stop: Callable[[], bool]) -> None:
        """Cut the file to its first keep_bytes and append there. None writes nothing, beside a process that does."""
        self._file = path.open("ab") if path else None
        if self._file:
            self._file.truncate(keep_bytes)
            self._file.seek(keep_bytes)  # where size is told from, until a line is written
        self._last = time.monotonic()
        self.should_stop = should_stop

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()

    def emit(self, event: str, **values: Any) -> None:
        line = {"event": event, **values, "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        if self._file:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._file.flush()
        self._last = time.monotonic()

    def progress(self, phase: str, done: int, total: int) -> None:
        """Raise Stopped if that was asked for; write a line if the last is long ago."""
        self.stop_if(self.should_stop())
        self.beat(phase, done, total)

    def stop_if(self, asked: bool) -> None:
        if asked:
            raise Stopped("stopped as asked; the same command goes on from the last checkpoint")

    def beat(self, phase: str, done: int, total: int) -> None:
        """Write a line if the last is long ago."""
        if time.monotonic() - self._last >= BEAT:
            self.emit("progress", phase=phase, done=done, total=total)

    @property
    def size(self) -> int:
        return self._file.tell() if self._file else 0
