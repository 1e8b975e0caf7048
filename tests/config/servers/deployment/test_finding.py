"""All questions are asked at once, and none of them holds up the others or hides what they found."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from config.servers.deployment.finding import Finding, Said, ask_all, error, warning


def test_what_is_found_is_given_by_parts_in_their_order() -> None:
    def first() -> Iterator[Said]:
        time.sleep(0.1)
        yield warning("late")

    def second() -> Iterator[Said]:
        yield error("one")
        yield warning("two")

    assert ask_all({"a": first, "b": second, "c": lambda: iter(())}, 60) == [
        Finding("warning", "a", "late"),
        Finding("error", "b", "one"),
        Finding("warning", "b", "two"),
    ]


def test_one_that_fails_and_one_that_never_ends_are_a_sentence_each() -> None:
    ends = threading.Event()

    def fails() -> Iterator[Said]:
        yield warning("before")
        raise ValueError("no such thing\nand a second line")

    def hangs() -> Iterator[Said]:
        yield warning("known")
        ends.wait(120)

    began = time.monotonic()
    found = ask_all({"a": hangs, "b": fails}, 3)
    assert time.monotonic() - began < 60
    ends.set()
    assert found == [
        Finding("warning", "a", "known"),
        Finding("error", "a", "Not all of it could be asked within 3 s: ask again, with --seconds for more time."),
        Finding("warning", "b", "before"),
        Finding("error", "b", "can't be asked: no such thing."),
    ]
