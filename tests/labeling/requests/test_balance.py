"""A connection that is kept moves from a web process where many wait to one where fewer do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from labeling.requests import balance
from labeling.requests.turns import QUICK, Turns
from tests.acceptance.podium import wait_for

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="only Linux has such memory")

OTHER = """
import sys
from labeling.requests import balance
ours = balance.of_this_process()
for line in sys.stdin:
    ours.should_move(int(line))
    print(ours._place, flush=True)
"""


class Other:
    """Another web process, in which so many wait as it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def has(self, waiting: int) -> int:
        """Gives its place."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{waiting}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@contextmanager
def another() -> Iterator[Other]:
    process = subprocess.Popen([sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Other(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(balance.FILE, "")
    monkeypatch.setattr(balance, "PAUSE_SECONDS", 0)
    balance.share()
    yield
    os.close(int(os.environ[balance.FILE].rpartition("/")[2]))


@pytest.fixture
def ours(shared: None) -> Iterator[balance.Balance]:
    found = balance.of_this_process()
    assert found
    yield found
    found.close()


def test_it_moves_where_fewer_wait_and_stays_where_as_many_do(ours: balance.Balance) -> None:
    with another() as other:
        other.has(1)
        assert not ours.should_move(3)  # chance will do
        assert ours.should_move(4)
        other.has(4)
        assert not ours.should_move(4)
        assert not ours.should_move(2)


def test_the_only_process_keeps_all(ours: balance.Balance) -> None:
    assert not ours.should_move(180)


def test_one_moves_at_a_time(ours: balance.Balance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "PAUSE_SECONDS", 60)
    with another() as other:
        other.has(0)
        assert [ours.should_move(20) for _ in range(5)] == [True, False, False, False, False]


def test_a_process_that_was_killed_leaves_its_place_to_the_next(ours: balance.Balance) -> None:
    with another() as first, another() as second:
        left, kept = first.has(0), second.has(0)  # whichever was up sooner has the first place
        assert {left, kept} == {1, 2}
        first.process.kill()
        first.process.wait()
        with another() as third:
            assert third.has(0) == left


def test_without_numbers_to_share_nothing_moves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(balance.FILE, raising=False)
    assert balance.of_this_process() is None
    monkeypatch.setenv(balance.FILE, str(tmp_path / "gone"))
    assert balance.of_this_process() is None


def test_the_answer_closes_the_connection(shared: None) -> None:
    asked, answered = threading.Semaphore(0), threading.Event()

    def answer(_request: HttpRequest) -> HttpResponse:
        asked.release()
        assert answered.wait(30)
        return HttpResponse()

    turns = Turns(answer)
    assert turns.balance
    with another() as other, ThreadPoolExecutor(QUICK + 6) as visitors:
        other.has(0)
        answers = [visitors.submit(turns, RequestFactory().get("/")) for _ in range(QUICK + 6)]
        for _ in range(QUICK):
            assert asked.acquire(timeout=30)
        wait_for(lambda: turns.quick.waiting == 6 or None, "six to wait", seconds=30)
        answered.set()
        closed = [found.result().get("Connection") for found in answers]
    turns.balance.close()
    assert "close" in closed
    assert None in closed  # once there are as few as elsewhere
