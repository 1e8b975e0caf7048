"""python -m rewardtrain.core, as another program starts it."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import read_heads, verify
from rewardtrain.core.errors import ConfigError, from_exception
from tests.core.commands import ROOT, events, losses, phases, start, start_loaded, wait_for_step

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, make_rows: Rows
) -> tuple[Path, Path, list[str]]:
    """(data, out, settings) of a finished run of 30 steps."""
    folder = tmp_path_factory.mktemp("finished")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(100)))
    values = (
        f"max_length=32 epochs=2 learning_rate=0.003 batch_prompts=4 token_budget=64 threads=1 backbone={tiny_bert}"
    )
    extra = "bootstrap_samples=100 eval_every=4 checkpoint_every=1 patience=100 dtype=float32"
    settings = [part for value in f"{values} {extra}".split() for part in ("--set", value)]
    assert main(["train", str(data), str(folder / "out"), *settings]) == 0
    return data, folder / "out", settings


def test_a_run_leaves_a_model_a_report_and_its_story(finished: tuple[Path, Path, list[str]]) -> None:
    _, out, _ = finished
    names = [event["event"] for event in events(out)]
    assert phases(out) == ["loading", "tokenizing", "training", "evaluating", "saving"]
    begun = next(event for event in events(out) if event["event"] == "start")
    assert begun["n_prompts"] == {"train": 60, "validation": 20, "test": 20}
    assert begun["total_steps"] == 30 == names.count("step")
    assert names.count("validation") == 8
    assert names[-1] == "done"
    assert sorted(path.name for path in out.iterdir()) == ["metrics.jsonl", "model", "report.json"]
    verify(out / "model")
    assert read_heads(out / "model").shape == (8, 33)  # type: ignore[union-attr]


def test_an_easy_preference_is_learnt(finished: tuple[Path, Path, list[str]]) -> None:
    report = json.loads((finished[1] / "report.json").read_text())
    assert report["accuracy"]["low"] > 0.8
    assert report["log_loss"]["high"] < report["ln2"]
    assert report["champion"] is None


def test_a_finished_run_is_left_as_it_is(finished: tuple[Path, Path, list[str]]) -> None:
    data, out, settings = finished
    before = (out / "metrics.jsonl").read_bytes()
    assert main(["train", str(data), str(out), *settings]) == 0
    assert (out / "metrics.jsonl").read_bytes() == before


def test_plain_transformers_gives_our_logits(
    finished: tuple[Path, Path, list[str]],
) -> None:
    model = finished[1] / "model"
    prompt, texts = "how do i bake bread", ["please gladly help you", "never", "go away"]
    process = start("score", model)
    stdout, stderr = process.communicate(json.dumps({"prompt": prompt, "completions": texts}) + "\n")
    assert process.returncode == 0, stderr
    got = json.loads(stdout)
    network = AutoModelForSequenceClassification.from_pretrained(model).eval()
    tokenizer = AutoTokenizer.from_pretrained(model)
    with torch.no_grad():
        wanted = [network(**tokenizer(prompt, text, return_tensors="pt")).logits[0] for text in texts]
    torch.testing.assert_close(torch.tensor(got["logits"]), torch.stack(wanted), atol=1e-5, rtol=0)
    assert got["rewards"] == [logits[0] for logits in got["logits"]]
    assert got["best"] == 0
    assert sum(got["probabilities"]) == pytest.approx(1)
    assert got["truncated"] == [False, False, False]


def test_evaluate_prints_the_accuracy_first_and_equals_the_run(
    finished: tuple[Path, Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out, _ = finished
    again = tmp_path / "report.json"
    model = str(out / "model")
    assert main(["evaluate", model, str(data), "--champion", model, "--out", str(again)]) == 0
    report, wanted = json.loads(again.read_text()), json.loads((out / "report.json").read_text())
    assert capsys.readouterr().out.startswith(f"accuracy {wanted['accuracy']['value']:.4f}\n")
    for key in ("n_pairs", "n_ties", "by_gap", "kendall_tau_b", "human_ceiling", "truncated"):
        assert report[key] == wanted[key]
    assert report["log_loss"]["value"] == pytest.approx(wanted["log_loss"]["value"], abs=1e-6)
    zero = pytest.approx(0, abs=1e-12)
    assert report["champion"]["difference"]["log_loss"] == {"value": zero, "low": zero, "high": zero}


def test_a_terminated_run_leaves_a_checkpoint_and_exits_75(
    finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    data, whole, settings = finished
    settings = [*settings, "--set", "checkpoint_every=1000"]
    process = start_loaded("train", data, tmp_path, *settings)
    wait_for_step(process, tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate()
    assert process.returncode == 75
    assert stderr.splitlines()[-1].startswith("error: stopped as asked")
    assert events(tmp_path)[-1]["event"] == "checkpoint"
    assert main(["train", str(data), str(tmp_path), *settings]) == 0
    assert losses(tmp_path) == losses(whole)


@pytest.mark.parametrize(("kibibytes", "stepped"), [(64, False), (128, True)])
def test_a_full_disk_is_named(
    kibibytes: int, stepped: bool, finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    """A limit of a file's size: the metrics fit, the model of 90 KiB in the second, its checkpoint in neither."""
    data, _, settings = finished
    process = start("train", data, tmp_path, *settings, limit=f"ulimit -f {kibibytes}")
    _, stderr = process.communicate()
    assert process.returncode == 5, stderr
    assert stderr.splitlines()[-1].startswith("error: ")
    assert "free some space" in stderr.splitlines()[-1]
    assert any(event["event"] == "step" for event in events(tmp_path)) is stepped
    assert not list(tmp_path.glob("rehearsal-*"))


def test_too_little_memory_is_named() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    known = from_exception(caught.value)
    assert known is not None
    assert known.exit_code == 4
    assert "lower token_budget" in str(known)


def test_a_fault_of_ours_stays_a_traceback() -> None:
    assert from_exception(KeyError("x")) is None


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (["--set", "learning_rate=1e38"], 3, "training diverged at step "),
        (["--set", "epochs=none"], 2, "epochs is 'none', a str; it must be int"),
        (["--set", "speed=9"], 2, "unknown setting 'speed'"),
        (["--set", "backbone=./nowhere"], 2, "backbone folder './nowhere' doesn't exist"),
        (["--set", "max_length=9999"], 2, "max_length is 9999"),
        (["--set", "min_pairs=100000"], 2, "too few pairs to train on"),
        (["--config", "nowhere.json"], 2, "settings file 'nowhere.json' can't be read"),
        (["--champion", "nowhere"], 2, "model folder 'nowhere' doesn't exist"),
    ],
)
def test_what_can_not_be_trained_is_named_on_the_last_line(
    change: list[str],
    code: int,
    words: str,
    finished: tuple[Path, Path, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, _, settings = finished
    assert main(["train", str(data), str(tmp_path / "out"), *settings, *change]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert words in last


def test_a_split_without_prompts_is_named(
    finished: tuple[Path, Path, list[str]],
    make_rows: Rows,
    write_rows: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = write_rows([row for row in make_rows(40) if row["split"] != "test"])
    assert main(["train", str(data), str(tmp_path / "out"), *finished[2]]) == 2
    assert "error: the test split is empty" in capsys.readouterr().err


def test_another_runs_checkpoints_are_refused(
    finished: tuple[Path, Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _, settings = finished
    process = start_loaded("train", data, tmp_path, *settings)
    wait_for_step(process, tmp_path, 3)
    process.kill()
    process.communicate()
    assert main(["train", str(data), str(tmp_path), *settings, "--set", "seed=5"]) == 2
    assert "holds another run's checkpoints (seed was 0, is 5)" in capsys.readouterr().err


def test_a_model_folder_without_its_manifest_is_not_finished(
    finished: tuple[Path, Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = finished[1] / "model"
    for path in model.iterdir():
        if path.name != "manifest.json":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert main(["evaluate", str(tmp_path), str(finished[0])]) == 2
    assert "has no manifest.json" in capsys.readouterr().err


def test_a_changed_model_file_is_noticed(finished: tuple[Path, Path, list[str]], tmp_path: Path) -> None:
    for path in (finished[1] / "model").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "podium.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"podium\.json in model folder .* was changed"):
        verify(tmp_path)


def test_score_names_a_bad_line_in_its_place_and_goes_on(finished: tuple[Path, Path, list[str]]) -> None:
    process = start_loaded("score", finished[1] / "model")
    good = '{"prompt": "a", "completions": ["b"]}'
    stdout, stderr = process.communicate(f'{good}\n{{"prompt": "a"}}\nno JSON\n{good}\n')
    first, bad, worse, last = map(json.loads, stdout.splitlines())
    assert first["rewards"] == last["rewards"]
    assert bad == {"error": "line 2: completions: must be a list of at least one text (got null)"}
    assert worse["error"].startswith("line 3: not JSON")
    assert process.returncode == 2
    assert stderr.splitlines()[-1] == "error: 2 of 4 lines could not be scored; each has an error in its place"


@pytest.mark.parametrize(
    "module", ["rewardtrain", "rewardtrain.core", "rewardtrain.core.config", "rewardtrain.core.data.groups"]
)
def test_importing_what_a_parent_needs_loads_no_torch(module: str) -> None:
    code = (
        f"import sys, {module}; sys.exit('torch' in sys.modules or 'django' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
