"""A process that keeps the imported libraries and the backbone between runs, and takes one request a line.

    {"command": "train", "data": PATH, "out": PATH, "config": {...}, "champion": PATH or null,
     "formerly": [SHA256, ...]}
    {"command": "encode", "data": PATH, "config": {...}}

Each gets one line of answer, in order: {"ok": true, "seconds": S}, with "completions" after encode; or {"ok": false,
"exit_code": N, "error": TEXT, "seconds": S}, with the exit code and the text that the command itself would end with.
Events go to out/metrics.jsonl as ever. It ends at the end of its input, and at SIGTERM after answering with code 75.
"""

import gc
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.errors import ConfigError, CoreError, Stopped, from_exception

Value = TypeVar("Value")

# A request makes a million small objects without a cycle among them; at Python's own 700 the collector looks through
# them again and again, which is half of the time that reading 50,000 completions takes (0.50 s against 0.25 s).
COLLECT_AFTER = 100_000  # new objects
FAULT = 1  # exit code of a fault of ours, whose traceback is on stderr


class RequestLoop:
    """ask_to_stop may be called by a signal: it ends a run by its checkpoint, and waiting at once."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._stop = self._waiting = False

    def ask_to_stop(self, *_: object) -> None:
        """Raises Stopped where nothing is being done, out of the read that waits for a request."""
        self._stop = True
        if self._waiting:
            raise Stopped("stopped as asked, with nothing to do")

    def serve(self, requests: BinaryIO) -> None:
        """Answer every line of `requests` on stdout. Raises Stopped."""
        gc.set_threshold(COLLECT_AFTER)
        with _own_stdout() as answers:
            while line := self._next(requests):
                if line.strip():
                    answers.write(json.dumps(self._answer(line)).encode() + b"\n")
                    answers.flush()
                if self._stop:
                    raise Stopped("stopped as asked")

    def _next(self, requests: BinaryIO) -> bytes:
        self._waiting = True
        line = requests.readline()
        self._waiting = False
        return line

    def _answer(self, line: bytes) -> dict[str, Any]:
        started = time.monotonic()
        try:
            answer = {"ok": True, **self._obey(_request(line))}
        except Exception as error:
            known = error if isinstance(error, CoreError) else from_exception(error)
            if known is None:
                traceback.print_exc()
            text = str(known or f"{type(error).__name__}: {error}").replace("\n", " ")
            answer = {"ok": False, "exit_code": known.exit_code if known else FAULT, "error": text}
        return {**answer, "seconds": round(time.monotonic() - started, 3)}

    def _obey(self, request: dict[str, Any]) -> dict[str, Any]:
        config = TrainConfig.from_dict(request.get("config") or {})
        from rewardtrain.core.head.run import fill_cache
        from rewardtrain.core.train import train

        data = Path(request["data"])
        if request["command"] == "encode":
            fill = partial(fill_cache, data, config, self._cache, should_stop=lambda: self._stop)
            return {"completions": giving_way(fill)}
        champion = Path(request["champion"]) if request.get("champion") else None
        out = Path(request["out"])
        train(
            data,
            out,
            config,
            cache=self._cache,
            champion=champion,
            should_stop=lambda: self._stop,
            formerly=request.get("formerly") or (),
        )
        return {}


def giving_way(do: Callable[[], Value]) -> Value:
    """Does what nobody waits for in a thread that computes when nobody else does, and so do those that torch starts
    for it. It ends with the work, for it can't be made as quick again as people want heads to be."""
    with ThreadPoolExecutor(1, initializer=_give_way) as thread:
        return thread.submit(do).result()


def _give_way() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def _own_stdout() -> Iterator[BinaryIO]:
    """Answers alone may be on stdout: what a library prints there goes to stderr."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(stdout), "wb") as answers:
            yield answers
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)


_NEEDED = {"train": ("data", "out"), "encode": ("data",)}


def _request(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"request is not JSON in UTF-8: {error}; write one object a line") from error
    if not isinstance(request, dict):
        raise ConfigError(f"request is a {type(request).__name__}; it must be one object")
    command = request.get("command")
    if command not in _NEEDED:
        raise ConfigError(f"command is {command!r}; it must be one of {', '.join(_NEEDED)}")
    for key in _NEEDED[command]:
        if not isinstance(request.get(key), str):
            raise ConfigError(f"{key} of a {command} request is {request.get(key)!r}; it must be a path")
    return request
