"""Training the binary head, from data to the model folder and its report."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.__main__ import main
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.evaluation.evaluate import evaluate_file, watched_loss
from rewardtrain.core.measures.report_text import format_report
from rewardtrain.core.train import train

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]
KIND, RUDE = "please gladly help you", "go away stupid question"


def texts(n: int) -> list[dict[str, Any]]:
    """Texts that stand alone, every other one rude."""
    return [
        {
            "id": f"t{index}",
            "prompt": "",
            "split": {0: "test", 1: "validation"}.get(index % 5, "train"),
            "completions": [{"text": f"{chr(97 + index // 26)} {chr(97 + index % 26)} {RUDE if index % 2 else KIND}"}],
            "rankings": [{"labeler": "ann", "ranks": [1], "flags": [{"rude": index % 2 == 1}]}],
        }
        for index in range(n)
    ]


def config_of(backbone: Path, **settings: Any) -> TrainConfig:
    return TrainConfig(
        backbone=str(backbone),
        head="binary",
        max_length=32,
        epochs=2,
        learning_rate=0.003,
        batch_prompts=4,
        bootstrap_samples=100,
        dtype="float32",  # what auto measures depends on what else runs
        threads=1,
        **settings,
    )


def plain_logits(folder: Path, prompt: str, text: str) -> torch.Tensor:
    """(2,) what transformers alone says."""
    tokenizer, network = (kind.from_pretrained(folder) for kind in (AutoTokenizer, AutoModelForSequenceClassification))
    with torch.no_grad():
        logits: torch.Tensor = network(**tokenizer(prompt, text, return_tensors="pt")).logits[0]
    return logits


def events(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_a_run_on_flags_ends_when_the_classes_get_no_better(tiny_bert: Path, write_rows: Write, tmp_path: Path) -> None:
    """A learning rate of 1 wrecks the model, of which pairs, that aren't there, could not tell. 27 steps were to do."""
    config = replace(config_of(tiny_bert, eval_every=2, patience=2), learning_rate=1.0, epochs=3)
    train(write_rows(texts(60)), tmp_path / "out", config)
    assert max(event["step"] for event in events(tmp_path / "out") if event["event"] == "step") < 27


def test_a_run_on_pairs_and_flags_watches_both() -> None:
    pairs, votes = {"log_loss": 0.5}, {"log_loss": None, "flag_log_loss": 0.25}
    assert watched_loss(pairs, 2.0) == 0.5
    assert watched_loss(votes, 2.0) == 0.5
    assert watched_loss({**votes, **pairs}, 2.0) == 1.0
    assert watched_loss({"log_loss": None}, 2.0) is None


def test_flags_alone_train_a_classifier_whose_positive_class_is_the_wanted_value(
    tiny_bert: Path, write_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_rows(texts(100)), tmp_path / "out"
    train(data, out, config_of(tiny_bert, flag_positive=False))
    report = json.loads((out / "report.json").read_text())
    assert report["n_pairs"] == 0
    assert report["accuracy"] is None
    assert report["log_loss"] is None
    flags = report["flags"]
    assert flags["flag"] == {"name": "rude", "positive": False}
    assert flags["n_votes"] == 20
    assert flags["roc_auc"]["value"] > 0.95
    assert flags["log_loss"]["value"] < flags["baseline"]["log_loss"]["value"] == pytest.approx(0.6931, abs=1e-4)
    kind, rude = (plain_logits(out / "model", "", text) for text in (KIND, RUDE))
    assert kind[1] > rude[1]  # the reward
    assert kind.softmax(dim=0)[1] > 0.5 > rude.softmax(dim=0)[1]
    validations = [event for event in events(out) if event["event"] == "validation"]
    assert validations[-1]["flag_log_loss"] < 0.5
    assert "not_rude" in (out / "model" / "README.md").read_text()
    assert main(["evaluate", str(out / "model"), str(data)]) == 0
    said = capsys.readouterr().out
    assert f"flag rude: ROC AUC {flags['roc_auc']['value']:.4f}" in said
    assert "20 votes of 20 prompts, on 20 completions" in said


def test_pairs_and_flags_train_one_model_together(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train(write_rows([*make_rows(60), *texts(60)]), out, config_of(tiny_bert, flag_positive=False, ties="davidson"))
    report = json.loads((out / "report.json").read_text())
    assert report["accuracy"]["value"] > 0.8
    assert report["flags"]["roc_auc"]["value"] > 0.9
    assert report["log_loss"]["value"] < report["ln2"]


def test_pairs_alone_train_the_positive_logit(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train(write_rows(make_rows(60)), out, config_of(tiny_bert))
    report = json.loads((out / "report.json").read_text())
    assert report["accuracy"]["value"] > 0.8
    assert report["flags"] is None
    network = AutoModelForSequenceClassification.from_pretrained(out / "model")
    assert network.config.id2label == {0: "negative", 1: "positive"}


def test_a_report_on_pairs_and_flags_tells_of_both(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    rows, out = [*make_rows(40), *texts(40)], tmp_path / "out"
    train(write_rows(rows), out, config_of(tiny_bert))
    report = evaluate_file(str(out / "model"), write_rows(rows, "all.jsonl"), split="all")
    assert (report["n_prompts"], report["flags"]["n_votes"]) == (80, 40)
    assert report["flags"]["baseline"]["accuracy"]["value"] == 0.5
    lines = format_report(report).splitlines()
    assert lines[0].startswith("accuracy ")
    assert sum(line.startswith("  not_rude: F1 ") for line in lines) == 1
