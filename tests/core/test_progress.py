"""The file that a parent process follows a run by, and the words for what goes wrong with a machine."""

import errno
import json
import time
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.core import progress
from rewardtrain.core.errors import (
    ConfigError,
    CoreError,
    DataError,
    DiskFullError,
    NotFiniteError,
    OutOfMemoryError,
    ProcessDiedError,
    Stopped,
    from_exception,
)
from rewardtrain.core.progress import MetricsLog


def opened(path: Path | None, *, keep_bytes: int = 0, stop: bool = False) -> MetricsLog:
    return MetricsLog(path, keep_bytes=keep_bytes, should_stop=lambda: stop)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_event_is_a_whole_line_that_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with opened(path) as log:
        assert log.size == 0
        log.emit("step", step=1, loss=0.5)
        (line,) = lines(path)
        assert {**line, "time": None} == {"event": "step", "step": 1, "loss": 0.5, "time": None}
        assert line["time"].endswith("+00:00")
        assert log.size == path.stat().st_size


def test_who_goes_on_keeps_what_the_checkpoint_knows_of_and_writes_after_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    with opened(path) as log:
        log.emit("step", step=1)
        kept = log.size
        log.emit("step", step=2)
    with opened(path, keep_bytes=kept) as log:
        assert log.size == kept
        log.emit("step", step=3)
    assert [line["step"] for line in lines(path)] == [1, 3]


def test_progress_is_told_where_nothing_else_was_for_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes as the test says: a line begins the wait anew."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    path = tmp_path / "metrics.jsonl"
    with opened(path) as log:
        log.progress("encoding", 1, 9)
        now[0] += progress.BEAT - 0.01
        log.progress("encoding", 2, 9)
        assert path.read_text() == ""
        now[0] += 0.01
        log.progress("encoding", 3, 9)
        log.progress("encoding", 4, 9)
        now[0] += progress.BEAT - 0.01
        log.emit("phase", phase="training")
        now[0] += 0.02
        log.beat("training", 1, 2)
    assert [(line["event"], line.get("done"), line.get("total")) for line in lines(path)] == [
        ("progress", 3, 9),
        ("phase", None, None),
    ]


def test_who_asks_a_run_to_stop_is_heard_at_its_next_word(tmp_path: Path) -> None:
    with opened(tmp_path / "metrics.jsonl", stop=True) as log, pytest.raises(Stopped, match="the same command goes on"):
        log.progress("training", 1, 2)
    with opened(None) as log:
        log.progress("training", 1, 2)
        log.emit("done")
        assert log.size == 0, "beside a process that writes"


# --- What goes wrong with a machine -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (MemoryError(), OutOfMemoryError, r"out of memory \(no details\); lower token_budget"),
        (RuntimeError("CUDA out of memory. Tried\nmore"), OutOfMemoryError, r"\(CUDA out of memory. Tried\); lower"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't"), OutOfMemoryError, "or max_length"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OutOfMemoryError, "Cannot allocate memory"),
        (RuntimeError("unable to mmap 9 bytes: Cannot allocate memory (12)"), OutOfMemoryError, "or max_length"),
        (OSError(errno.ENOSPC, "No space left on device"), DiskFullError, "disk full .*; free some space and run"),
        (OSError(errno.EDQUOT, "Quota exceeded"), DiskFullError, "disk full"),
        (RuntimeError("I/O error: No space left (os error 28)"), DiskFullError, "disk full"),
        (PermissionError(errno.EACCES, "Permission denied", "/out"), ConfigError, "'/out' can't be used: Permission"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/a/b"), ConfigError, "give one that can be read and"),
        (RuntimeError("PytorchStreamWriter failed writing file"), DiskFullError, "a checkpoint could not be written"),
        (RuntimeError("unexpected pos 64 vs 0"), DiskFullError, "free some space and run again"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/gone"), None, ""),
        (ValueError("anything else"), None, ""),
    ],
)
def test_what_fails_in_the_machine_is_named_and_the_rest_is_a_fault_of_ours(
    error: Exception, kind: type[CoreError] | None, words: str
) -> None:
    found = from_exception(error)
    if kind is None:
        assert found is None
    else:
        assert type(found) is kind
        with pytest.raises(kind, match=words):
            raise found


def test_a_parent_process_tells_by_the_exit_code_what_to_do() -> None:
    """2 is bad input, 3 to 5 are the run's own troubles, and 75 means that the same command goes on."""
    codes = {kind: kind.exit_code for kind in (ConfigError, DataError, NotFiniteError, OutOfMemoryError, DiskFullError)}
    assert list(codes.values()) == [2, 2, 3, 4, 5]
    assert Stopped.exit_code == ProcessDiedError.exit_code == 75


def test_a_long_reason_is_cut_to_its_first_line() -> None:
    found = from_exception(RuntimeError("out of memory " + "x" * 900 + "\nsecond"))
    assert len(str(found)) < 320
    assert "second" not in str(found)
