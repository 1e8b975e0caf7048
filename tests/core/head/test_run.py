"""Runs of depth 'head', from a data file to a model folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact.folder import load_model, verify
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Group, Message, read_groups
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import Stopped
from rewardtrain.core.head.frozen import Frozen
from rewardtrain.core.score import Scorer
from rewardtrain.core.train import train

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]
PROMPT, TEXTS = "how do i bake bread", ["please gladly help you", "never", "go away"]


def settings(backbone: Path, **more: Any) -> dict[str, Any]:
    common = {"depth": "head", "backbone": str(backbone), "max_length": 32, "bootstrap_samples": 100, "threads": 1}
    return {**common, **more}


def run(data: Path, out: Path, values: dict[str, Any], *more: str) -> dict[str, Any]:
    options = [part for key, value in values.items() for part in ("--set", f"{key}={value}")]
    assert main(["train", str(data), str(out), *options, *more]) == 0
    return dict(json.loads((out / "report.json").read_text()))


def events(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


class Finished(NamedTuple):
    data: Path
    out: Path
    cache: Path
    report: dict[str, Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path, make_rows: Rows) -> Finished:
    folder = tmp_path_factory.mktemp("head")
    data = folder / "data.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in make_rows(200)))
    report = run(data, folder / "out", settings(tiny_bert), "--cache", str(folder / "cache"))
    return Finished(data, folder / "out", folder / "cache", report)


def test_an_easy_preference_is_learnt(finished: Finished) -> None:
    report = finished.report
    assert report["accuracy"]["low"] > 0.8
    assert report["log_loss"]["high"] < report["ln2"]


def test_a_run_tells_its_story(finished: Finished) -> None:
    told = [event for event in events(finished.out) if event["event"] != "progress"]  # written where it takes long
    story = [event["phase"] if event["event"] == "phase" else event["event"] for event in told]
    assert story == [
        "loading", "encoding", "start", "training", "step", "validation", "evaluating", "saving", "done"
    ]  # fmt: skip
    assert sorted(path.name for path in finished.out.iterdir()) == ["metrics.jsonl", "model", "report.json"]


def test_plain_transformers_gives_our_rewards(finished: Finished) -> None:
    folder = finished.out / "model"
    verify(folder)
    model = load_model(folder, choose_device(1))
    with torch.no_grad():
        ours = model.logits(model.encoder.encode([Message("user", PROMPT)], TEXTS))
    network = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        wanted = torch.cat([network(**tokenizer(PROMPT, text, return_tensors="pt")).logits for text in TEXTS])
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=0)
    assert wanted[:, 0].argmax() == 0


def test_rewards_of_the_training_split_have_mean_zero_and_deviation_one(finished: Finished) -> None:
    model = load_model(finished.out / "model", choose_device(1))
    groups = [group for group in read_groups(finished.data) if group.split == "train"]
    with torch.no_grad():
        rewards = torch.cat([model.rewards(model.encoder.encode(group.prompt, group.completions)) for group in groups])
    assert rewards.mean().item() == pytest.approx(0, abs=1e-3)
    assert rewards.std().item() == pytest.approx(1, abs=1e-2)


def test_a_new_head_shares_the_backbones_file(finished: Finished, tiny_bert: Path, tmp_path: Path) -> None:
    run(finished.data, tmp_path, settings(tiny_bert, seed=5), "--cache", str(finished.cache))
    shards = [folder / "model/model-00001-of-00002.safetensors" for folder in (finished.out, tmp_path)]
    assert shards[0].samefile(shards[1])
    own = [path for path in (tmp_path / "model").iterdir() if path.stat().st_nlink == 1 and "safetensors" in path.name]
    assert sum(path.stat().st_size for path in own) < 20_000


def test_the_ensemble_is_in_units_of_the_reward(finished: Finished) -> None:
    """Its mean reward is near the exported one, and its spread far below the rewards' own, which is 1."""
    heads = load_file(finished.out / "model/heads.safetensors")["heads"]
    assert heads.shape == (8, 33)
    scorer = Scorer(finished.out / "model", choose_device(1))
    group = Group("1", "test", (Message("user", PROMPT),), tuple(TEXTS), ())
    answer = scorer.score(group)
    model = load_model(finished.out / "model", choose_device(1))
    with torch.no_grad():
        features = model.features(model.encoder.encode(group.prompt, group.completions)).numpy()
    mean, spread = (features @ heads[:, :-1].T + heads[:, -1]).mean(axis=1), np.array(answer["uncertainty"])
    assert (np.abs(mean - answer["rewards"]) < 3 * spread).all()
    assert (spread > 0).all()
    assert (spread < 0.7).all()


def test_a_head_champion_is_scored_by_its_features_alone(finished: Finished, tiny_bert: Path, tmp_path: Path) -> None:
    champion = finished.out / "model"
    report = run(
        finished.data, tmp_path, settings(tiny_bert), "--cache", str(finished.cache), "--champion", str(champion)
    )
    zero = pytest.approx(0, abs=1e-6)
    assert report["champion"]["difference"]["log_loss"] == {"value": zero, "low": zero, "high": zero}
    assert not (finished.cache / "scores").exists()


def test_another_champion_is_forwarded_once(finished: Finished, tiny_bert: Path, tmp_path: Path) -> None:
    """A head that reads 16 tokens has other features: its logits on the test split are kept for the next time."""
    run(finished.data, tmp_path / "short", settings(tiny_bert, max_length=16))
    against = ["--cache", str(tmp_path / "cache"), "--champion", str(tmp_path / "short/model")]
    one = run(finished.data, tmp_path / "one", settings(tiny_bert), *against)
    (kept,) = (tmp_path / "cache/scores").glob("*/features.bin")
    before = kept.read_bytes()
    other = run(finished.data, tmp_path / "other", settings(tiny_bert), *against)
    assert kept.read_bytes() == before
    assert one["champion"] == other["champion"]


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_a_binary_head_learns_flags_and_pairs(
    kind: str, request: pytest.FixtureRequest, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    rows = make_rows(150)
    for row in rows:
        rude = [completion["text"] in ("never", "go away stupid question") for completion in row["completions"]]
        row["rankings"][0]["flags"] = [{"rude": flag} for flag in rude]
    backbone = request.getfixturevalue(kind)
    report = run(write_rows(rows), tmp_path / "out", settings(backbone, head="binary", flag_positive="false"))
    assert report["accuracy"]["value"] > 0.8
    model = load_model(tmp_path / "out/model", choose_device(1))
    with torch.no_grad():
        logits = model.logits(model.encoder.encode([Message("user", PROMPT)], [*TEXTS[:2], "go away stupid question"]))
    assert logits.shape == (3, 2)
    assert logits[:, 1].argmax() == 0
    assert logits.softmax(dim=1)[:, 1].argsort(descending=True)[0] == 0
    assert model.network.config.id2label == {0: "rude", 1: "not_rude"}


def test_davidsons_ties_and_margins_train_a_head(finished: Finished, tiny_bert: Path, tmp_path: Path) -> None:
    for number, values in enumerate(({"ties": "davidson"}, {"margin": "gap", "label_smoothing": 0.1})):
        report = run(
            finished.data, tmp_path / str(number), settings(tiny_bert, **values), "--cache", str(finished.cache)
        )
        assert report["accuracy"]["low"] > 0.8


def test_a_stopped_run_has_kept_what_it_encoded(finished: Finished, tiny_bert: Path, tmp_path: Path) -> None:
    """Asked to stop at the 4th micro-batch after the first chunk of 256 completions."""
    config = TrainConfig.from_dict(settings(tiny_bert, token_budget=200))
    cache = tmp_path / "cache"

    def stored() -> int:
        return len(Frozen(config, cache).store)

    with pytest.raises(Stopped):
        train(finished.data, tmp_path / "out", config, cache=cache, should_stop=lambda: stored() > 0)
    assert 0 < stored() < 500
    train(finished.data, tmp_path / "out", config, cache=cache)
    assert (tmp_path / "out/report.json").exists()


def test_a_changed_backbone_has_features_of_its_own(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "bert")
    config = TrainConfig.from_dict(settings(tmp_path / "bert"))
    keys = {Frozen(config, tmp_path / "cache").key}
    weights = tmp_path / "bert/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    keys.add(Frozen(config, tmp_path / "cache").key)
    keys.add(Frozen(TrainConfig.from_dict(settings(tmp_path / "bert", max_length=16)), tmp_path / "cache").key)
    assert len(keys) == 3
    assert Frozen(TrainConfig.from_dict(settings(tmp_path / "bert", seed=9)), tmp_path / "cache").key in keys
