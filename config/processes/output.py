"""Where all lines of `manage.py up` go: each with its process and its time, as text or as JSON."""

import io
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import IO

from config import logs

COLOURS = {"web": "36", "worker": "33", "head": "95", "train": "35", "rewards": "96", "beat": "34", "podium": "32"}
WIDTH = max(map(len, COLOURS))


@dataclass
class Output:
    stream: IO[str] = field(default_factory=lambda: sys.stdout)
    json: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def say(self, process: str, text: str) -> None:
        """Writes one line; of several of a text each, for a reader of JSON takes the line breaks back."""
        if self.json:
            self.write(logs.in_json(process, text.rstrip("\n")))
            return
        head = f"{process:<{WIDTH}} |"
        if self.stream.isatty() and "NO_COLOR" not in os.environ:
            head = f"\x1b[{COLOURS.get(process, '37')}m{head}\x1b[0m"
        for line in text.splitlines():
            if line.strip():
                self.write(f"{head} {logs.timed(line)}")

    def write(self, line: str) -> None:
        with self.lock:
            try:
                print(line, file=self.stream, flush=True)
            except OSError:  # the terminal is gone; the work goes on
                self.stream = open(os.devnull, "w")  # noqa: SIM115  it lives as long as we do


class Own(io.TextIOBase):
    """Looks like a stream to a command: what is written there are the lines of `up` itself."""

    def __init__(self, output: Output) -> None:
        self.output = output

    def write(self, text: str) -> int:
        if text.strip():
            self.output.say("podium", text)
        return len(text)
