"""Reward models that others trained, measured as they are and kept as a model of ours."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertForSequenceClassification,
    LlamaForSequenceClassification,
)

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import load_model
from rewardtrain.core.data.groups import Group, Message
from rewardtrain.core.device import choose_device
from rewardtrain.core.evaluation.evaluate import encode_groups, score_groups
from rewardtrain.core.evaluation.foreign import load_any
from tests.core.evaluation.test_compare import TEMPLATE, foreign
from tests.core.test_finish import run_card

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]
PROMPT, TEXTS = "how do i bake bread", ("please gladly help you", "never")
GROUP = Group("p", "test", (Message("user", PROMPT),), TEXTS, ())


def settings_of(folder: Path, **changes: object) -> list[str]:
    values = {"backbone": folder, "depth": "none", "max_length": 32, "threads": 1, "bootstrap_samples": 100, **changes}
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


@pytest.fixture(params=["bert", "llama", "chat"])
def theirs(request: pytest.FixtureRequest, tiny_bert: Path, tiny_llama: Path, tmp_path: Path) -> Path:
    kind, base = (
        (BertForSequenceClassification, tiny_bert)
        if request.param == "bert"
        else (LlamaForSequenceClassification, tiny_llama)
    )
    folder = foreign(kind, base, tmp_path / "theirs", labels=1)
    if request.param == "chat":
        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.chat_template = TEMPLATE
        tokenizer.save_pretrained(folder)
    return folder


def rewards(folder: Path, *, ours: bool) -> np.ndarray[Any, Any]:
    device = choose_device(1)
    model = load_model(folder, device) if ours else load_any(str(folder), device)
    scores = score_groups(model, encode_groups(model.encoder, [GROUP]), token_budget=64)
    return scores.logits[:, -1].astype(np.float64)


def test_its_figures_are_those_of_the_model_as_it_is(
    theirs: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data, out = write_rows(make_rows(40)), tmp_path / "out"
    assert main(["train", str(data), str(out), *settings_of(theirs)]) == 0
    measured = tmp_path / "measured.json"
    assert main(["evaluate", str(theirs), str(data), "--out", str(measured)]) == 0
    report, wanted = (json.loads(path.read_text()) for path in (out / "report.json", measured))
    for figure in ("n_pairs", "accuracy", "truncated"):
        assert report[figure] == wanted[figure]
    before = AutoModelForSequenceClassification.from_pretrained(theirs).state_dict()
    after = AutoModelForSequenceClassification.from_pretrained(out / "model").state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} <= {"classifier", "score"}


def test_its_folder_gives_the_same_order_and_its_card_the_same_rewards(
    theirs: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["train", str(write_rows(make_rows(40))), str(out), *settings_of(theirs)]) == 0
    ours, raw = rewards(out / "model", ours=True), rewards(theirs, ours=False)
    settings = json.loads((out / "model/podium.json").read_text())
    sd = settings["normalisation"]["sd"]
    assert ours[0] - ours[1] == pytest.approx((raw[0] - raw[1]) / sd, rel=1e-4)
    card = [run_card(out / "model", PROMPT, text)["reward"] for text in TEXTS]
    assert card == pytest.approx(list(ours), abs=1e-4)
    text = (out / "model/README.md").read_text()
    assert "as its makers trained it" in text
    assert "## Data it was measured on" in text


def test_a_second_call_does_nothing_and_one_with_other_settings_is_refused(
    theirs: Path, make_rows: Rows, write_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_rows(make_rows(40)), tmp_path / "out"
    command = ["train", str(data), str(out)]
    assert main([*command, *settings_of(theirs)]) == 0
    report = (out / "report.json").stat().st_mtime_ns
    assert main([*command, *settings_of(theirs)]) == 0
    assert (out / "report.json").stat().st_mtime_ns == report
    assert main([*command, *settings_of(theirs, max_length=24)]) == 2
    assert "max_length" in capsys.readouterr().err


def test_two_logits_are_the_classes_of_the_projects_flag(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    rows = make_rows(40)
    for row in rows:
        for ranking in row["rankings"]:
            ranking["flags"] = [{"polite": rank == min(ranking["ranks"])} for rank in ranking["ranks"]]
    theirs = foreign(BertForSequenceClassification, tiny_bert, tmp_path / "theirs", labels=2)
    out = tmp_path / "out"
    assert main(["train", str(write_rows(rows)), str(out), *settings_of(theirs, head="binary")]) == 0
    report = json.loads((out / "report.json").read_text())
    assert report["flags"]["flag"]["name"] == "polite"
    assert json.loads((out / "model/podium.json").read_text())["labels"] == ["not_polite", "polite"]


@pytest.mark.parametrize(
    ("labels", "changes", "words"),
    [
        (2, {}, r"head is 'scalar', which has one logit, but backbone 'theirs' has 2; set head=binary"),
        (
            1,
            {"head": "binary"},
            r"head is 'binary', which has two logits, but backbone 'theirs' has 1; set head=scalar",
        ),
        (3, {}, r"backbone 'theirs' has 3 labels; a reward model has 1, or 2"),
        (0, {}, r"backbone 'theirs' has no weights for .*; it is not a trained sequence classifier"),
        (1, {"max_length": 4096}, r"max_length is 4096, but backbone 'theirs' reads 64 tokens at most; lower it"),
        (1, {"lora_rank": 4}, r"depth is 'none', which leaves the backbone as it is"),
        (1, {"processes": 2}, r"depth is 'none', which one process does"),
    ],
)
def test_what_can_not_be_measured_is_refused_with_what_to_do(
    labels: int,
    changes: dict[str, object],
    words: str,
    tiny_bert: Path,
    make_rows: Rows,
    write_rows: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    theirs = tmp_path / "theirs"
    if labels:
        foreign(BertForSequenceClassification, tiny_bert, theirs, labels=labels)
    else:
        theirs.symlink_to(tiny_bert)
    asked = settings_of(theirs, backbone_name="theirs", **changes)
    assert main(["train", str(write_rows(make_rows(40))), str(tmp_path / "out"), *asked]) != 0
    assert re.search(words, capsys.readouterr().err)


def test_a_model_of_ours_has_its_report_already(
    tiny_bert: Path, make_rows: Rows, write_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = foreign(BertForSequenceClassification, tiny_bert, tmp_path / "theirs", labels=1)
    data, out = write_rows(make_rows(40)), tmp_path / "out"
    assert main(["train", str(data), str(out), *settings_of(theirs)]) == 0
    assert main(["train", str(data), str(tmp_path / "again"), *settings_of(out / "model")]) == 2
    assert "is a model of ours, which has its report; 'evaluate' measures it" in capsys.readouterr().err


def test_few_pairs_are_enough_to_measure(theirs: Path, make_rows: Rows, write_rows: Write, tmp_path: Path) -> None:
    """No training: the least number of pairs is for those who learn from them."""
    rows = make_rows(30)
    data = write_rows(
        [row for row in rows if row["split"] != "train"] + [row for row in rows if row["split"] == "train"][:2]
    )
    assert main(["train", str(data), str(tmp_path / "out"), *settings_of(theirs)]) == 0


def test_as_a_champion_it_has_the_figures_that_it_has_alone_whatever_the_other_trains_in(
    theirs: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data, out, backbone = write_rows(make_rows(40)), tmp_path / "out", tmp_path / "backbone"
    assert main(["train", str(data), str(out), *settings_of(theirs)]) == 0
    backbone.symlink_to(theirs)
    trained = settings_of(backbone, depth="full", dtype="bfloat16", batch_prompts=4)
    assert main(["train", str(data), str(tmp_path / "new"), *trained, "--champion", str(out / "model")]) == 0
    measured = tmp_path / "measured.json"
    assert main(["evaluate", str(out / "model"), str(data), "--out", str(measured)]) == 0
    report, alone = (json.loads(path.read_text()) for path in (tmp_path / "new" / "report.json", measured))
    assert report["champion"]["log_loss"] == pytest.approx(alone["log_loss"]["value"], abs=1e-6)
