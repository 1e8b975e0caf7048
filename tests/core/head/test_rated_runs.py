"""Runs on rows with ratings of attributes, at both depths: heads of their own, and the reward as without them."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.attribute_heads import FILE, read_attributes
from rewardtrain.core.artifact.folder import verify
from rewardtrain.core.data.groups import parse_texts
from rewardtrain.core.device import choose_device
from rewardtrain.core.score import Scorer

TEXTS = ["please gladly help you", "never"]


def rated(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Polite is rated by the order, and short by the opposite of it."""
    rows = deepcopy(rows)
    for row in rows:
        [ranking] = row["rankings"]
        ranking["attributes"] = [{"polite": 6 - rank, "short": rank} for rank in ranking["ranks"]]
    return rows


@pytest.mark.parametrize(
    ("depth", "settings", "n"),
    [("head", [], 120), ("full", ["epochs=1", "batch_prompts=16", "eval_every=1000", "checkpoint_every=1000"], 60)],
)
def test_ratings_become_heads_and_leave_the_reward_alone(
    depth: str,
    settings: list[str],
    n: int,
    tiny_bert: Path,
    tmp_path: Path,
    make_rows: Callable[..., list[dict[str, Any]]],
) -> None:
    common = [f"depth={depth}", f"backbone={tiny_bert}", "max_length=32", "bootstrap_samples=100", "threads=1"]
    options = [part for setting in [*common, *settings] for part in ("--set", setting)]
    for name, rows in (("plain", make_rows(n)), ("rated", rated(make_rows(n)))):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert main(["train", str(tmp_path / f"{name}.jsonl"), str(tmp_path / name), *options]) == 0
    plain, folder = tmp_path / "plain" / "model", tmp_path / "rated" / "model"
    verify(folder)
    assert not (plain / FILE).exists()
    for file in plain.glob("*.safetensors"):
        one, other = load_file(file), load_file(folder / file.name)
        assert {key: value.tobytes() for key, value in one.items()} == {k: v.tobytes() for k, v in other.items()}
    report = json.loads((tmp_path / "rated" / "report.json").read_text())
    assert "attributes" not in json.loads((tmp_path / "plain" / "report.json").read_text())
    assert [part["name"] for part in report["attributes"]] == ["polite", "short"]
    polite, short = report["attributes"]
    assert polite["accuracy"] > 0.8
    assert short["accuracy"] > 0.8
    assert short["reward"] == pytest.approx(1 - polite["reward"]), "it is the opposite order of the same pairs"
    assert "polite" in (folder / "README.md").read_text()

    scorer = Scorer(folder, choose_device(1))
    answer = scorer.score(parse_texts("line 1", "how do i bake bread", TEXTS))
    assert answer["attributes"].keys() == {"polite", "short"}
    assert answer["attributes"]["polite"][0] > answer["attributes"]["polite"][1]
    assert answer["attributes"]["short"][0] < answer["attributes"]["short"][1]
    assert "attributes" not in Scorer(plain, choose_device(1)).score(parse_texts("line 1", "how", TEXTS))


def test_a_heads_values_follow_from_the_last_hidden_features(
    tiny_bert: Path, tmp_path: Path, make_rows: Callable[..., list[dict[str, Any]]]
) -> None:
    """Whoever loads the folder in plain transformers can have them from the file: features times weights, plus bias."""
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rated(make_rows(120))))
    settings = ["depth=head", f"backbone={tiny_bert}", "max_length=32", "bootstrap_samples=100", "threads=1"]
    options = [part for setting in settings for part in ("--set", setting)]
    assert main(["train", str(tmp_path / "data.jsonl"), str(tmp_path / "out"), *options]) == 0
    folder = tmp_path / "out" / "model"
    scorer, heads = Scorer(folder, choose_device(1)), read_attributes(folder)
    assert heads is not None
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    [first, *_] = scorer.encode(parse_texts("line 1", "how do i bake bread", TEXTS))
    ids, types = (torch.from_numpy(values.astype(np.int64))[None] for values in (first.ids, first.types))
    with torch.no_grad():
        pooled = network.bert(input_ids=ids, token_type_ids=types).pooler_output.numpy()
    told = scorer.score(parse_texts("line 1", "how do i bake bread", TEXTS))["attributes"]
    assert heads.values(pooled)[0] == pytest.approx([told[name][0] for name in heads.names], abs=1e-4)
