"""Machines of one run that Podium starts: they learn what one learns, end together, and say who didn't come."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
import torch

from rewardtrain.core.__main__ import main
from rewardtrain.core.errors import ConfigError, CoreError, DataError, ProcessDiedError, SmallerBatches, Stopped
from rewardtrain.core.full import board, meeting
from rewardtrain.core.full.meeting import Together
from rewardtrain.core.full.node import Node
from tests.config.helpers import free_port
from tests.core.commands import events, losses, start, wait_for_step
from tests.core.full.test_nodes import files
from tests.core.full.test_process_group import data_of_processes, settings_of
from tests.core.full.test_sharding import weights_of

__all__ = ["data_of_processes"]

Found = TypeVar("Found")
Started = subprocess.Popen[str]


def started(data: Path, root: Path, *settings: str, machines: int = 2) -> list[Started]:
    """Each with a folder of its own, `root/N`."""
    first = f"127.0.0.1:{free_port()}"
    return [
        start("train", data, root / str(rank), *settings, f"--nodes={machines}", f"--node-rank={rank}",
              f"--first-node={first}", "--run=one")
        for rank in range(machines)
    ]  # fmt: skip


def ended(processes: list[Started]) -> list[tuple[int, str]]:
    """Gives the exit code and the last line of each."""
    said = [process.communicate()[1] for process in processes]
    return [
        (process.returncode, (text.splitlines() or [""])[-1]) for process, text in zip(processes, said, strict=True)
    ]


def codes(processes: list[Started]) -> list[int]:
    return [code for code, _ in ended(processes)]


def test_machines_learn_what_processes_of_one_learn_also_where_they_are_stopped(
    tiny_bert: Path, data_of_processes: Path, tmp_path: Path
) -> None:
    """To the same bits. The stop is told to one of the machines, and not to the first."""
    settings = settings_of(tiny_bert, epochs=2, patience=0, processes=4)
    machines = started(data_of_processes, tmp_path, *settings)
    wait_for_step(machines[0], tmp_path / "0", 3)
    machines[1].send_signal(signal.SIGTERM)
    assert [(code, line[:23]) for code, line in ended(machines)] == [(75, "error: stopped as asked")] * 2
    assert events(tmp_path / "0")[-1]["event"] == "checkpoint"
    assert codes(started(data_of_processes, tmp_path, *settings)) == [0, 0]
    assert main(["train", str(data_of_processes), str(tmp_path / "one"), *settings]) == 0
    assert losses(tmp_path / "0") == losses(tmp_path / "one")
    ours, theirs = weights_of(tmp_path / "0"), weights_of(tmp_path / "one")
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert files(tmp_path / "1") == []
    assert codes(started(data_of_processes, tmp_path, *settings)) == [0, 0]  # there is nothing left to do


@pytest.mark.parametrize("who", ["a process of the other", "the other", "the first"])
def test_what_is_killed_on_one_machine_ends_all(
    tiny_bert: Path, data_of_processes: Path, tmp_path: Path, who: str
) -> None:
    settings = settings_of(tiny_bert, epochs=200, patience=0, processes=2)
    machines = started(data_of_processes, tmp_path, *settings)
    wait_for_step(machines[0], tmp_path / "0", 2)
    children = [each for machine in machines for each in psutil.Process(machine.pid).children(recursive=True)]
    if who == "a process of the other":
        [member] = [each for each in children if "--multiprocessing-fork" in each.cmdline()][1:]
        member.kill()
        said = "error: training process 1 was ended by SIGKILL; the same command goes on from the last checkpoint"
        assert ended(machines) == [(75, said)] * 2
    elif who == "the other":
        machines[1].kill()
        first, _ = ended(machines)
        assert first == (75, "error: another machine of the run was lost; the last checkpoint is from before")
    else:
        machines[0].kill()
        _, last = ended(machines)
        assert last == (75, f"error: {board.LOST}")
    assert not [each for each in psutil.wait_procs(children, timeout=120)[1] if each.is_running()]


def test_what_the_first_refuses_is_told_by_all(tiny_bert: Path, data_of_processes: Path, tmp_path: Path) -> None:
    other = settings_of(tiny_bert, epochs=1, patience=0)
    assert main(["train", str(data_of_processes), str(tmp_path / "0"), *other]) == 0
    machines = started(data_of_processes, tmp_path, *settings_of(tiny_bert, epochs=2, processes=2))
    (code, words), other_machine = ended(machines)
    assert (code, words) == other_machine
    assert code == 2
    assert "epochs" in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nodes=2"], "--nodes, --node-rank and --first-node belong together; give all three, or none"),
        (["--nodes=2", "--node-rank=2", "--first-node=a:1"], "--node-rank is 2; with --nodes=2 it is from 0 to 1"),
        (["--nodes=1", "--node-rank=0", "--first-node=a:1"], "--nodes is 1; it must be from 2 to 1024, or left out"),
        (["--nodes=2", "--node-rank=0", "--first-node=a"], "--first-node is 'a'; give HOST:PORT, as in 10.0.0.7:29500"),
        (["--nodes=2", "--node-rank=0", "--first-node=a:70000"],
         "--first-node is 'a:70000'; give HOST:PORT, as in 10.0.0.7:29500"),
        (["--nodes=2", "--node-rank=0", "--first-node=a:1", "--set", "processes=3"],
         "processes is 3, which 2 machines can't share out evenly; set it to a multiple of 2"),
        (["--nodes=2", "--node-rank=0", "--first-node=a:1", "--set", "depth=head"],
         "depth is 'head', which one machine does, but --nodes is 2; start one"),
    ],
)  # fmt: skip
def test_options_that_can_not_be(
    words: list[str], said: str, data_of_processes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(data_of_processes), str(tmp_path / "out"), *words]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {said}"
    assert not (tmp_path / "out").exists()


# --- The meeting itself -----------------------------------------------------------------------------------------------


def node(rank: int, port: int, name: str = "run", count: int = 2) -> Node:
    return Node(rank, count, "127.0.0.1", port, name)


@contextmanager
def together(*nodes: Node, should_stop: Callable[[], bool] = lambda: False) -> Iterator[list[Together]]:
    with ThreadPoolExecutor(len(nodes)) as threads:
        met = list(threads.map(lambda each: Together(each, 4, should_stop=should_stop), nodes))
        yield met
        list(threads.map(lambda each: each.__exit__(), met))


def said_by(look: Callable[[], Found]) -> Found:
    """What is said is on its way for a moment."""
    until = time.monotonic() + 60
    while not (found := look()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def test_who_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 1.0)
    monkeypatch.setattr(meeting, "FIND_SECONDS", 1.0)
    monkeypatch.setattr(board, "CONNECT_SECONDS", 0.5)
    port = free_port()
    with pytest.raises(ConfigError, match=rf"the run's first machine does not listen at 127.0.0.1:{port} within"):
        Together(node(1, port), 4, should_stop=lambda: False)
    with pytest.raises(ConfigError, match=r"machines \[1, 2, 3\] of 4 did not come within"):
        Together(node(0, port, count=4), 4, should_stop=lambda: False)


def test_a_wait_ends_with_a_stop() -> None:
    asked = threading.Event()
    threading.Timer(0.5, asked.set).start()
    with pytest.raises(Stopped):
        Together(node(0, free_port()), 4, should_stop=asked.is_set)


def test_a_port_that_is_taken_is_named_and_two_runs_at_one_address_never_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "JOIN_SECONDS", 1.0)
    port = free_port()
    with together(node(0, port), node(1, port)):
        with pytest.raises(ConfigError, match=f"port {port} of this machine can't be had"):
            Together(node(0, port, "another"), 4, should_stop=lambda: False)
        with pytest.raises(ConfigError, match=r"machines \[0\] of 2 did not come"):
            Together(node(1, port, "another"), 4, should_stop=lambda: False)


def test_a_silent_machine_is_given_up_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one whose network is cut: its processes may wait for hours."""
    monkeypatch.setattr(board, "SILENT_SECONDS", 0.5)
    port = free_port()
    with together(node(0, port), node(1, port)) as [first, _]:
        assert first.look() == []
        time.sleep(0.8)
        [error] = first.look()
        assert isinstance(error, ProcessDiedError)
        assert str(error).startswith("machine 1 of 2 has said nothing for ")


@pytest.mark.parametrize(
    "error",
    [Stopped("as asked"), DataError("row 3"), SmallerBatches("too much of 512 tokens", 256, 0), ValueError("x")],
)
def test_errors_are_heard_as_they_were_told(error: Exception) -> None:
    port = free_port()
    with together(node(0, port), node(1, port)) as met:
        for each in met:
            each.begin()
        met[1].end(error)
        [heard] = said_by(met[0].look)
    assert str(heard) == str(error)
    assert type(heard) is (type(error) if isinstance(error, CoreError) else RuntimeError)
    assert isinstance(heard, SmallerBatches) is isinstance(error, SmallerBatches)
    if isinstance(heard, SmallerBatches):
        assert (heard.tokens, heard.graph) == (256, 0)


def test_each_time_the_processes_begin_they_have_another_place(tmp_path: Path) -> None:
    port = free_port()
    with together(node(0, port), node(1, port)) as [first, second]:
        for _ in range(2):
            _, where = first.begin()
            assert second.begin() == ("127.0.0.1", where)
            first.end(SmallerBatches("too much", 256, 0))
            [heard] = said_by(second.look)
            assert isinstance(heard, SmallerBatches)
            assert not first.have_ended()
            second.end(None)
            assert said_by(first.have_ended)
