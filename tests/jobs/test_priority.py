"""What nobody waits for gives way: a child's niceness, scheduling and threads, as the system says."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.test import override_settings

from jobs import child, priority
from rewardtrain.core import warm_process

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is niceness alone")
SLEEP = ["sleep", "60"]
Start = Callable[..., psutil.Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a child, and gives its process."""
    works: list[child.Work] = []

    def begin(**options: bool) -> psutil.Process:
        before = psutil.Process().children()  # a browser of other tests may be among them
        works.append(child.Once(SLEEP, log=tmp_path / "log", **options))
        [process] = [each for each in psutil.Process().children() if each not in before]
        return process

    yield begin
    for work in works:
        work.close()


@linux
def test_a_fine_tuning_computes_when_nobody_else_does(start: Start) -> None:
    process = start(gives_way=True)
    assert process.nice() == 19
    assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
    assert os.getsid(process.pid) == process.pid  # Linux may share the processor out by sessions


@linux
def test_what_somebody_waits_for_does_not(start: Start) -> None:
    process = start()
    assert process.nice() == psutil.Process().nice()
    assert os.sched_getscheduler(process.pid) == os.SCHED_OTHER


@linux
def test_an_operator_of_a_machine_for_training_alone_can_have_it_otherwise(start: Start) -> None:
    with override_settings(TRAIN_PRIORITY="low", TRAIN_THREADS=7):
        process = start(gives_way=True)
        assert process.nice() == psutil.Process().nice()  # as its worker's: 10
        assert process.environ()["OMP_NUM_THREADS"] == "7"


def test_it_computes_on_all_cores_unless_an_operator_bounds_it(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert start(gives_way=True).environ()["OMP_NUM_THREADS"] == "3"
    with override_settings(TRAIN_THREADS=2):
        environ = start(gives_way=True).environ()
        assert environ["OMP_NUM_THREADS"] == environ["RAYON_NUM_THREADS"] == "2"
        assert start().environ()["OMP_NUM_THREADS"] == "3"


def test_one_that_has_ended_fails_nothing() -> None:
    process = psutil.Popen(["true"])
    process.wait()
    priority.give_way(process.pid)


@linux
def test_what_is_encoded_ahead_gives_way_and_the_next_head_does_not() -> None:
    def said() -> tuple[int, int]:
        return os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)

    before = said()
    assert warm_process.giving_way(said) == (os.SCHED_IDLE, 19)
    assert said() == before
