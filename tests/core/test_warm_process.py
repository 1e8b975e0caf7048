"""python -m rewardtrain.core warm, as the train worker drives it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]


@pytest.fixture
def process(needs_torch: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "rewardtrain.core", "warm", "--cache", str(tmp_path / "cache")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        yield process
        process.kill()


def ask(process: subprocess.Popen[bytes], request: object) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    line = request if isinstance(request, bytes) else json.dumps(request).encode()
    process.stdin.write(line + b"\n")
    process.stdin.flush()
    return dict(json.loads(process.stdout.readline()))


def test_one_process_encodes_and_trains_again_and_again(
    process: subprocess.Popen[bytes], tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    config = {"depth": "head", "backbone": str(tiny_bert), "max_length": 32, "bootstrap_samples": 100, "threads": 1}
    data = write_rows(make_rows(60))
    answer = ask(process, {"command": "encode", "data": str(data), "config": config})
    assert answer["ok"], answer
    assert answer["completions"] == sum(len(row["completions"]) for row in make_rows(60))
    reports = []
    for number in range(2):
        out = tmp_path / str(number)
        champion = str(tmp_path / "0/model") if number else None
        answer = ask(
            process, {"command": "train", "data": str(data), "out": str(out), "config": config, "champion": champion}
        )
        assert answer["ok"], answer
        reports.append(json.loads((out / "report.json").read_text()))
    assert reports[0]["accuracy"] == reports[1]["accuracy"]
    assert reports[1]["champion"]["difference"]["log_loss"]["value"] == pytest.approx(0, abs=1e-6)
    process.communicate()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (b"no json", 2, "request is not JSON in UTF-8"),
        ([], 2, "request is a list; it must be one object"),
        ({"command": "dance"}, 2, "command is 'dance'; it must be one of train, encode"),
        ({"command": "train", "data": "x"}, 2, "out of a train request is None; it must be a path"),
        ({"command": "encode", "data": "nowhere.jsonl"}, 2, "data file 'nowhere.jsonl' doesn't exist"),
        ({"command": "encode", "data": "x", "config": {"speed": 9}}, 2, "unknown setting 'speed'"),
    ],
)
def test_a_request_that_can_not_be_done_is_answered_and_the_next_is_taken(
    request_: object, code: int, words: str, process: subprocess.Popen[bytes]
) -> None:
    for _ in range(2):
        answer = ask(process, request_)
        assert not answer["ok"]
        assert answer["exit_code"] == code
        assert words in answer["error"]


def test_it_ends_when_told_to_while_it_waits(process: subprocess.Popen[bytes]) -> None:
    ask(process, {"command": "dance"})
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert process.returncode == 75
    assert stderr.splitlines()[-1].startswith(b"error: stopped as asked")
