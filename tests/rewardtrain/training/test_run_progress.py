"""What a training process writes, as it becomes a run's row and curves."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rewardtrain.models import TrainingRun
from rewardtrain.training.run_files import Files
from rewardtrain.training.run_progress import LOSS_POINTS, VALIDATION_POINTS, Progress, Tail, finite, is_kept


def step(number: int, total: int = 10, loss: float = 0.5) -> dict[str, Any]:
    return {"event": "step", "step": number, "total_steps": total, "loss": loss}


def validation(number: int, *, every: int = 1, **figures: Any) -> dict[str, Any]:
    return {"event": "validation", "step": number, "every": every, "log_loss": None, "accuracy": None, **figures}


def progress(*events: dict[str, Any]) -> Progress:
    made = Progress(TrainingRun(number=1))
    for event in events:
        made.take(event)
    return made


# --- The file ---------------------------------------------------------------------------------------------------------


def test_a_tail_gives_each_line_once_and_none_that_is_still_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    tail = Tail(path)
    assert list(tail.lines()) == [], "the process hasn't begun"
    path.write_bytes(b"one\ntwo\nthr")
    assert list(tail.lines()) == [b"one\n", b"two\n"]
    assert list(tail.lines()) == []
    with path.open("ab") as file:
        file.write(b"ee\nfour\n")
    assert list(tail.lines()) == [b"three\n", b"four\n"]


def test_a_file_that_was_cut_is_read_from_its_beginning(tmp_path: Path) -> None:
    """A resumed process cuts what came after its checkpoint; a file of the same length isn't cut."""
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"one\ntwo\nthree\n")
    tail = Tail(path)
    assert len(list(tail.lines())) == 3
    assert list(tail.lines()) == []
    path.write_bytes(b"one\n")
    assert list(tail.lines()) == [b"one\n"]


def test_half_a_line_of_a_killed_process_is_passed_over() -> None:
    made = progress()
    lines = [b'{"event": "ste{"event": "phase", "phase": "saving"}\n', json.dumps(step(3)).encode()]
    assert made.read(lines)
    assert made.row() == {"phase": "training", "done": 3, "total": 10}
    assert not made.read([])


# --- The row ----------------------------------------------------------------------------------------------------------


def test_a_row_says_what_came_last_and_is_written_once() -> None:
    made = progress(
        {"event": "start", "time": 5, "total_steps": 10, "n_pairs": 9},
        {"event": "phase", "phase": "encoding"},
        {"event": "progress", "phase": "encoding", "done": 3, "total": 8},
    )
    assert made.row() == {
        "counts": {"total_steps": 10, "n_pairs": 9},
        "phase": "encoding",
        "done": 3,
        "total": 8,
    }
    assert made.row() == {}
    made.take({"event": "phase", "phase": "saving"})
    assert made.row() == {"phase": "saving", "done": 0, "total": 0}, "what the last phase had done is not this one's"
    made.take({"event": "done"})
    assert made.row() == {}


# --- The curves -------------------------------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_is_a_gap_in_the_curve() -> None:
    made = progress(step(1, loss=0.7), step(2, loss=math.nan), step(3, loss=math.inf))
    assert [(key, point.loss) for key, point in made.losses.items()] == [(1, 0.7), (2, None), (3, None)]
    assert [finite(value) for value in (0.0, None, math.nan, -math.inf)] == [0.0, None, None, None]


def test_a_step_that_comes_twice_counts_as_it_came_last() -> None:
    made = progress(step(1, loss=0.7), step(2, loss=0.6), step(1, loss=0.5))
    assert {key: point.loss for key, point in made.losses.items()} == {1: 0.5, 2: 0.6}


def test_validations_are_of_pairs_or_of_flags_where_there_are_no_pairs() -> None:
    of_pairs = validation(2, log_loss=0.6, accuracy=0.7, flag_log_loss=0.1, flag_accuracy=0.9)
    of_flags = validation(4, flag_log_loss=0.2, flag_accuracy=0.8)
    made = progress(of_pairs, of_flags, validation(6))
    assert [
        (point.step, point.validation_log_loss, point.validation_accuracy) for point in made.validations.values()
    ] == [(2, 0.6, 0.7), (4, 0.2, 0.8), (6, None, None)]


@pytest.mark.parametrize("total", [1, 7, 199, 200, 201, 399, 5000, 123_457])
def test_a_curve_keeps_evenly_spaced_steps_and_the_last_and_no_more_than_its_limit(total: int) -> None:
    kept = [number for number in range(1, total + 1) if is_kept(number, total, every=1, limit=LOSS_POINTS)]
    assert kept[-1] == total
    assert len(kept) <= LOSS_POINTS + 1
    assert total > LOSS_POINTS or len(kept) == total
    gaps = {one - other for one, other in zip(kept[1:-1], kept[:-2], strict=True)}
    assert len(gaps) <= 1
    assert len(kept) > min(total, LOSS_POINTS) / 2


@pytest.mark.parametrize(("total", "every"), [(1000, 50), (1000, 3), (100_000, 7)])
def test_validations_are_kept_at_the_steps_that_have_one(total: int, every: int) -> None:
    made = [*range(every, total, every), total]
    kept = [number for number in made if is_kept(number, total, every=every, limit=VALIDATION_POINTS)]
    assert kept[-1] == total
    assert min(len(made), VALIDATION_POINTS) / 2 < len(kept) <= VALIDATION_POINTS + 2
    assert len(made) > VALIDATION_POINTS or kept == made


def test_a_runs_files_lie_where_core_writes_them(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert {files.metrics, files.report, files.model} == {
        tmp_path / "out" / name for name in ("metrics.jsonl", "report.json", "model")
    }
    beside = {files.settings, files.log, files.baselines, files.head_report}
    assert len(beside) == 4
    assert {path.parent for path in beside} == {tmp_path}, "what core writes is in a folder of its own"
