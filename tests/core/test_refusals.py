"""What can't be used is refused before the first step, with exit code 2, the value and what to do, by every command."""

import io
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from rewardtrain.core.__main__ import main
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.train import train
from tests.core.tiny.backbones import BACKBONES, BAD, GOOD, WORDS

SMALL = {"max_length": 32, "bootstrap_samples": 100, "threads": 1, "min_pairs": 1, "batch_prompts": 4}
SETTINGS: dict[str, Any] = {**SMALL, "dtype": "float32"}
Error = Callable[..., str]


def row_of(index: int, random_: random.Random) -> dict[str, Any]:
    return {
        "id": f"p{index}",
        "split": "train" if index < 8 else "validation" if index < 11 else "test",
        "prompt": " ".join(random_.choices(WORDS, k=4)),
        "completions": [{"id": word, "text": f"{word} {random_.choice(WORDS)}"} for word in (GOOD, BAD)],
        "rankings": [{"labeler": "ann", "ranks": [1, 2]}],
    }


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    random_ = random.Random(0)
    return [row_of(index, random_) for index in range(14)]


@pytest.fixture
def data(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    return write(tmp_path / "data.jsonl", rows)


@pytest.fixture
def error(capsys: pytest.CaptureFixture[str]) -> Error:
    """error(command, ...): the line that a command, which must end with exit code 2, ends with."""

    def run(*arguments: object, **settings: object) -> str:
        options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        assert main([*map(str, arguments), *options]) == 2
        said = capsys.readouterr()
        assert "nan" not in said.out.lower()
        return said.err.splitlines()[-1].removeprefix("error: ")

    return run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> tuple[Path, Path]:
    """(data, out) of a run of depth 'full' on a tiny BERT."""
    folder = tmp_path_factory.mktemp("finished")
    data = write(folder / "data.jsonl", rows)
    backbone = BACKBONES["bert"].save(folder / "bert")
    train(data, folder / "out", TrainConfig(backbone=str(backbone), **SETTINGS))
    return data, folder / "out"


def change(folder: Path, name: str, **values: Any) -> None:
    """Set values of a JSON file; None takes one out."""
    old = json.loads((folder / name).read_text())
    new = {key: value for key, value in {**old, **values}.items() if value is not None}
    (folder / name).write_text(json.dumps(new))


def poison(folder: Path, part: str = "word_embeddings", value: float = float("nan")) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if part in name)
    weights[name].view(-1)[7] = value
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def add_to_tokenizer(folder: Path, **tokens: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens(tokens) if tokens else tokenizer.add_tokens(["new"])
    tokenizer.save_pretrained(folder)


def take_tokenizer(folder: Path, kind: str | None = None) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    if kind:
        other = BACKBONES[kind].save(folder.parent / "other")
        for path in other.glob("tokenizer*"):
            shutil.copy(path, folder)


def bring_code(folder: Path, kind: str) -> None:
    change(folder, "config.json", model_type=kind, auto_map={"AutoConfig": "mine.Config"})
    (folder / "mine.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")


NO_END = {"eos_token": None, "pad_token": None}
FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no padding and no end": (
        "llama", lambda at: change(at, "tokenizer_config.json", **NO_END), "neither a padding nor an end token; name"
    ),
    "a padding token more": (
        "llama", lambda at: add_to_tokenizer(at, pad_token="<pad>"), "97 tokens, but '<pad>', which its tokenizer pads"
    ),
    "a word more": ("gpt2", add_to_tokenizer, "but 'new' of its tokenizer is number 96; resize_token_embeddings(97)"),
    "another's padding": ("roberta", lambda at: take_tokenizer(at, "t5"), "with token 1, but its tokenizer with 0"),
    "another's segments": ("roberta", lambda at: take_tokenizer(at, "bert"), "gives [0, 1]; give the tokenizer that"),
    "no tokenizer": ("bert", take_tokenizer, "has no tokenizer; give a folder that has the network's own"),
    "half a tokenizer": ("bert", lambda at: (at / "tokenizer.json").write_text("{"), "the tokenizer of backbone '"),
    "no weights": ("bert", lambda at: (at / "model.safetensors").unlink(), "no file named model.safetensors"),
    "half the weights": ("bert", cut, "incomplete metadata, file not fully covered"),
    "a NaN": ("bert", poison, "1 of 1584 numbers of bert.embeddings.word_embeddings.weight are not finite"),
    "an infinite weight": ("llama", lambda at: poison(at, "embed_tokens", float("inf")), "the first is inf; get its"),
    "another's shapes": ("bert", lambda at: change(at, "config.json", hidden_size=24), "another shape in its files"),
    "another's weights": ("bert", lambda at: change(at, "config.json", model_type="mpnet"), "are missing, as mpnet."),
    "no model_type": ("bert", lambda at: change(at, "config.json", model_type=None), "Should have a `model_type` key"),
    "an odd size": ("bert", lambda at: change(at, "config.json", hidden_size=15), "hidden size (15) is not a multiple"),
    "a text for a number": ("bert", lambda at: change(at, "config.json", hidden_size="x"), "field 'hidden_size'"),
    "half a config": ("bert", lambda at: (at / "config.json").write_text('{"a":'), "is not a valid JSON file"),
    "a list for a config": ("bert", lambda at: (at / "config.json").write_text("[]"), "can't be loaded: "),
    "code of its own": ("bert", lambda at: bring_code(at, "mine"), "brings code of its own, which is never run here"),
    "no model": ("bert", lambda at: (at / "config.json").unlink(), "has no config.json; give a Hugging Face model"),
}  # fmt: skip


@pytest.mark.parametrize("depth", ["full", "head"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_backbone_that_can_not_be_used_is_refused_before_the_first_step(
    fault: str, depth: str, data: Path, error: Error, tmp_path: Path
) -> None:
    kind, spoil, words = FAULTS[fault]
    folder, out = tmp_path / "backbone", tmp_path / "out"
    more = {"vocab_size": 120} if fault == "another's segments" else {}
    spoil(BACKBONES[kind].save(folder, **more))
    line = error("train", data, out, backbone=folder, depth=depth, **SETTINGS)
    assert words in line
    assert str(folder) in line
    assert ";" in line  # then comes what to do
    assert not (folder / "ran").exists()
    assert '"event": "step"' not in (out / "metrics.jsonl").read_text()
    assert not list(out.glob("rehearsal-*"))


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "mpnet"])
def test_positions_that_begin_after_the_padding_tokens_number_are_not_counted_twice(
    kind: str, data: Path, error: Error, tmp_path: Path
) -> None:
    """The config says 66 positions and the tokenizer nothing; the network reads 64."""
    folder = BACKBONES[kind].save(tmp_path / "backbone")
    change(folder, "tokenizer_config.json", model_max_length=None)
    for length in (65, 66):
        line = error("train", data, tmp_path / "out", backbone=folder, **{**SETTINGS, "max_length": length})
        assert line == f"max_length is {length}, but backbone {str(folder)!r} reads 64 tokens at most; lower it"
    train(data, tmp_path / "out", TrainConfig(backbone=str(folder), **{**SETTINGS, "max_length": 64}))


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda row: row.update(prompt="ba \ud83d"), "prompt"),
        (lambda row: row.update(prompt=[{"role": "user", "content": "ba \ud83d"}]), "prompt[0].content"),
        (lambda row: row["completions"][1].update(text="ba \ud83d"), "completions[1].text"),
    ],
)
@pytest.mark.parametrize("command", ["train", "sweep", "evaluate", "compare"])
def test_half_a_character_is_named_with_its_row(
    spoil: Callable[[Any], object],
    field: str,
    command: str,
    rows: list[dict[str, Any]],
    finished: tuple[Path, Path],
    error: Error,
    tmp_path: Path,
) -> None:
    bad = json.loads(json.dumps(rows))
    spoil(bad[12])
    data, model = write(tmp_path / "bad.jsonl", bad), finished[1] / "model"
    arguments: dict[str, list[object]] = {
        "train": [data, tmp_path / "out"],
        "sweep": [data, tmp_path / "out", "--grid", "seed=0,1"],
        "evaluate": [model, data],
        "compare": [model, data],
    }
    line = error(command, *arguments[command])
    assert line == f'line 13: {field}: has half a surrogate pair: repair the encoding (got "ba \\ud83d")'


@pytest.mark.parametrize("change", [{"seed": 5}, {"learning_rate": 0.001}, "data"])
def test_a_finished_output_folder_of_other_data_or_settings_says_that_nothing_was_done(
    change: Any, finished: tuple[Path, Path], rows: list[dict[str, Any]], error: Error, tmp_path: Path
) -> None:
    data, out = finished
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    settings = json.loads((out / "model/manifest.json").read_text())["config"]
    config = tmp_path / "settings.json"
    config.write_text(json.dumps(settings | (change if change != "data" else {})))
    if change == "data":
        data = write(tmp_path / "other.jsonl", rows[:-1])
    line = error("train", data, out, "--config", config)
    assert "holds a finished run of others (" in line
    assert line.endswith("): nothing was done; give an empty output folder")
    for key in change if change != "data" else ["data"]:
        assert f"{key} was " in line
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_an_output_folder_that_can_not_be_written_is_named(
    command: str, data: Path, error: Error, tmp_path: Path
) -> None:
    grid = ["--grid", "seed=0,1"] if command == "sweep" else []
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file/out", tmp_path / "file", Path("/proc/nowhere/out"), tmp_path / ("x" * 300)):
        line = error(command, data, out, *grid, backbone="minilm", **SETTINGS)
        assert str(out)[:100] in line
        assert line.endswith(("; give one that can be written", "; give one that can be read and written"))


MODEL_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a NaN in the trained head": (lambda at: poison(at, "classifier.weight"), "numbers of classifier.weight are not"),
    "a NaN below it": (poison, "is damaged: 1 of 1584 numbers of bert.embeddings"),
    "no weights": (lambda at: (at / "model.safetensors").unlink(), "can't be loaded: Error no file named"),
    "half the weights": (cut, "incomplete metadata, file not fully covered"),
    "no tokenizer": (take_tokenizer, "has no tokenizer"),
    "half its settings": (lambda at: (at / "podium.json").write_text('{"a'), "podium.json of model folder"),
    "not all settings": (lambda at: change(at, "podium.json", style=None), "has no style; restore it or train again"),
    "half its heads": (lambda at: (at / "heads.safetensors").write_bytes(b"x"), "heads.safetensors' can't be read"),
    "NaN heads": (
        lambda at: save_file({"heads": torch.full((2, 17), float("nan"))}, at / "heads.safetensors"), "not finite; res"
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_a_damaged_model_is_refused_by_every_command_that_reads_one(
    fault: str, finished: tuple[Path, Path], error: Error, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = finished
    model = shutil.copytree(out / "model", tmp_path / "model")
    spoil, words = MODEL_FAULTS[fault]
    spoil(model)
    request = json.dumps({"prompt": "ba", "completions": [GOOD, BAD]}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(request)))
    assert words in error("score", model)
    if "heads" not in fault:  # which say how sure a score is, and are read for nothing else
        assert words in error("evaluate", model, data)
        assert words in error("compare", out / "model", model, data)


@pytest.mark.parametrize("fault", ["a NaN in the trained head", "a NaN below it", "no tokenizer", "half the weights"])
def test_a_model_made_elsewhere_is_refused_alike(
    fault: str, finished: tuple[Path, Path], error: Error, tmp_path: Path
) -> None:
    data, out = finished
    model = shutil.copytree(out / "model", tmp_path / "model")
    for name in ("podium.json", "manifest.json"):
        (model / name).unlink()
    spoil, words = MODEL_FAULTS[fault]
    spoil(model)
    assert words in error("compare", model, data)


def test_code_that_comes_with_a_model_is_not_run_to_compare_it(data: Path, error: Error, tmp_path: Path) -> None:
    bring_code(BACKBONES["bert"].save(tmp_path / "model"), "mine")
    assert "brings code of its own, which is never run here" in error("compare", tmp_path / "model", data)
    assert not (tmp_path / "model/ran").exists()


def test_a_report_that_can_not_be_written_is_said_before_anything_is_measured(
    finished: tuple[Path, Path], error: Error, tmp_path: Path
) -> None:
    data, out = finished
    for command in ("evaluate", "compare"):
        line = error(command, out / "model", data, "--out", tmp_path / "nowhere/report.json")
        assert "nowhere" in line
        assert "give one that can be written" in line
