"""What is wrong in a deployment, in a sentence, and how all questions are asked at once within a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from config.servers.preflight import first_line

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """level: with an error something doesn't work; a warning says what will go wrong one day. part: whose it is."""

    level: Level
    part: str
    sentence: str


Said = tuple[Level, str]
# Yields what it finds as soon as it knows: what comes too late is lost, and what came is kept.
Question = Callable[[], Iterator[Said]]


def error(sentence: str) -> Said:
    return "error", sentence


def warning(sentence: str) -> Said:
    return "warning", sentence


def ask_all(questions: Mapping[str, Question], seconds: float) -> list[Finding]:
    """Asks all of them side by side, and gives what they found in their order; who doesn't answer in time is found so.

    In threads that end with the process: a resolver or a silent host would take minutes.
    """
    found: dict[str, list[Finding]] = {part: [] for part in questions}

    def ask(part: str, question: Question) -> None:
        try:
            for level, sentence in question():
                found[part].append(Finding(level, part, sentence))
        except Exception as trouble:  # one sentence, whatever it is
            found[part].append(Finding("error", part, f"can't be asked: {first_line(trouble)}"))

    threads = {part: threading.Thread(target=ask, args=(part, questions[part]), daemon=True) for part in questions}
    deadline = time.monotonic() + seconds
    for thread in threads.values():
        thread.start()
    for part, thread in threads.items():
        thread.join(max(0.0, deadline - time.monotonic()))
        if thread.is_alive():
            late = f"Not all of it could be asked within {seconds:g} s: ask again, with --seconds for more time."
            found[part] = [*found[part], Finding("error", part, late)]
    return [finding for findings in found.values() for finding in list(findings)]
