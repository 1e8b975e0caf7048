"""What follows training: the folder's logits in plain transformers, its calibration, its card and its checksums."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import ModelCard
from transformers import AutoModelForSequenceClassification

from rewardtrain.core.__main__ import main
from rewardtrain.core.artifact import shards
from rewardtrain.core.artifact.folder import MANIFEST, SETTINGS, load_model, read_json, verify, write_json
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.comparisons import Dataset, build_dataset
from rewardtrain.core.data.groups import Group, Message, read_groups
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import ConfigError, DiskFullError
from rewardtrain.core.evaluation.evaluate import encode_groups, score_groups
from rewardtrain.core.finish import MODEL, REFERENCE, REPORT, finish, reference
from rewardtrain.core.measures.calibrate import RAW, Calibration
from rewardtrain.core.measures.report import Scores
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.progress import MetricsLog
from tests.core.commands import phases, start

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]
PROMPT, TEXTS = "how do i bake bread", ("please gladly help you", "never", "go away stupid question")
KINDS = [(backbone, head) for backbone in ("tiny_bert", "tiny_llama", "chat") for head in ("scalar", "binary")]


def untrained(backbone: Path, head: str) -> RewardModel:
    """A model whose head is drawn wide, so that its rewards are far from mean 0 and sd 1."""
    torch.manual_seed(5)
    labels = ("not_rude", "rude") if head == "binary" else ()
    model = load_backbone(str(backbone), max_length=32, device=choose_device(1), labels=labels)
    with torch.no_grad():
        for parameter in list(model.network.children())[-1].parameters():
            parameter.normal_(0.7, 3.0)
    return model


def scores_of(model: RewardModel, groups: list[Group]) -> Scores:
    return score_groups(model, encode_groups(model.encoder, groups), token_budget=256)


def run_finish(model: RewardModel, dataset: Dataset, out: Path, *, head: str, backbone: Path | None = None) -> Path:
    """Finish a model without training; returns its folder."""
    out.mkdir(parents=True, exist_ok=True)
    config = TrainConfig(head=head, bootstrap_samples=100, max_length=32)
    counts = {
        "fingerprint": "f" * 64,
        "n_prompts": {split: len(groups) for split, groups in dataset.splits.items()},
        "n_completions": 9, "n_comparisons": 8, "n_ties": 7, "n_alike": 2, "truncated": 6,
        "truncated_completions": 5, "rewritten": 3,
        "dropped_by_reason": {"leak": 4, "no_ranking": 0},
    }  # fmt: skip
    raw = {split: scores_of(model, groups) for split, groups in dataset.splits.items()}
    with MetricsLog(out / "metrics.jsonl", keep_bytes=0, should_stop=lambda: False) as log:
        finish(model, dataset, raw.__getitem__, config, out, log=log, counts=counts, champion=None, backbone=backbone)
    return out / MODEL


@pytest.fixture
def dataset(make_rows: Rows, write_rows: Write) -> Dataset:
    return read(write_rows(make_rows(60)), "scalar")


def read(path: Path, head: str) -> Dataset:
    return build_dataset(read_groups(path), TrainConfig(head=head))


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(kind))
def finished(
    request: pytest.FixtureRequest, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> tuple[Path, RewardModel, str]:
    """(folder, the model with raw logits, head) of each kind of backbone and head."""
    name, head = request.param
    backbone = request.getfixturevalue(name)
    rows = make_rows(60)
    for row in rows:
        row["rankings"][0]["flags"] = [{"rude": "go away" in text["text"]} for text in row["completions"]]
    folder = run_finish(untrained(backbone, head), read(write_rows(rows), head), tmp_path / "out", head=head)
    return folder, untrained(backbone, head), head


def run_card(folder: Path, prompt: str, completion: str) -> dict[str, Any]:
    """What the card's own Python code comes to."""
    code = (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]
    code = code.replace('"how do i bake bread", "please gladly help you"', repr((prompt, completion))[1:-1])
    code = code.replace('folder = "."', f"folder = {str(folder)!r}")
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def test_the_class_temperature_is_fitted_on_the_validation_splits_votes(
    finished: tuple[Path, RewardModel, str], dataset: Dataset
) -> None:
    folder, _, head = finished
    settings = read_json(folder / SETTINGS)
    wanted = sum(len(group.completions) for group in dataset.splits["validation"]) if head == "binary" else 0
    assert settings["class_temperature_votes"] == wanted
    assert (settings["class_temperature"] == 1.0) == (head == "scalar")


def test_the_cards_code_gives_our_rewards_in_plain_transformers(finished: tuple[Path, RewardModel, str]) -> None:
    folder, raw, head = finished
    settings = read_json(folder / SETTINGS)
    group = Group("p", "test", (Message("user", PROMPT),), TEXTS, ())
    calibration = Calibration.from_dict(settings)
    wanted = calibration.logits(scores_of(raw, [group]).logits)
    ours = scores_of(load_model(folder, choose_device(1)), [group])
    np.testing.assert_allclose(ours.logits, wanted, atol=1e-5)
    assert ours.temperature == settings["temperature"]
    for completion, logits in zip(TEXTS, wanted, strict=True):
        names = run_card(folder, PROMPT, completion)
        np.testing.assert_allclose(names["logits"][0], logits, atol=1e-5)
        assert names["reward"] == pytest.approx(logits[-1], abs=1e-5)
        if head == "binary":
            assert names["probability"] == pytest.approx(1 / (1 + np.exp(logits[0] - logits[1])), abs=1e-5)


def test_rewards_of_the_training_split_have_mean_0_and_sd_1(
    finished: tuple[Path, RewardModel, str], dataset: Dataset
) -> None:
    folder, raw, _ = finished
    model = load_model(folder, choose_device(1))
    before = scores_of(raw, dataset.splits["train"]).logits[:, -1]
    rewards = scores_of(model, dataset.splits["train"]).logits[:, -1]
    assert before.std() > 1.5
    assert rewards.std() == pytest.approx(1.0, abs=1e-4)
    assert rewards.mean() == pytest.approx(model.calibration.mean_left, abs=1e-4)
    normalisation = read_json(folder / SETTINGS)["normalisation"]
    assert normalisation["completions"] == len(rewards)
    assert normalisation["mean_folded"] == (list(model.network.children())[-1].bias is not None)


def test_calibration_lowers_the_log_loss_of_an_overconfident_model(
    finished: tuple[Path, RewardModel, str],
) -> None:
    folder, _, _ = finished
    report = read_json(folder.parent / REPORT)
    assert report["log_loss"]["value"] < report["log_loss_raw"]["value"]
    assert report["temperature"] == read_json(folder / SETTINGS)["temperature"]


def test_the_card_loads_as_the_hubs_own(finished: tuple[Path, RewardModel, str]) -> None:
    folder, _, head = finished
    card = ModelCard.load(folder / "README.md")
    report = read_json(folder.parent / REPORT)
    assert card.data.library_name == "transformers"
    assert head in card.data.tags
    assert {result.metric_type: result.metric_value for result in card.data.eval_results} == {
        "accuracy": report["accuracy"]["value"],
        "log_loss": report["log_loss"]["value"],
        "ece": report["ece"]["value"],
    } | ({"roc_auc": report["flags"]["roc_auc"]["value"]} if head == "binary" else {})
    for words in (
        "f" * 64,
        "36 train, 12 validation, 12 test",
        "4 leak",
        "longer wins",
        "ln 2 = 0.6931",
        "| seed | 0 |",
    ):
        assert words in card.text


def test_without_validation_pairs_probabilities_stay_as_training_left_them(
    dataset: Dataset, tiny_bert: Path, tmp_path: Path
) -> None:
    bare = replace(
        dataset,
        splits={**dataset.splits, "validation": []},
        comparisons={**dataset.comparisons, "validation": []},
    )
    folder = run_finish(untrained(tiny_bert, "scalar"), bare, tmp_path, head="scalar")
    report, settings = read_json(tmp_path / REPORT), read_json(folder / SETTINGS)
    assert settings["temperature_pairs"] == 0
    assert settings["temperature"] * settings["normalisation"]["sd"] == pytest.approx(1.0)
    assert report["log_loss"]["value"] == pytest.approx(report["log_loss_raw"]["value"])
    assert "The temperature was not fitted" in (folder / "README.md").read_text()


def test_a_model_folder_of_format_1_loads_and_scores_as_before(
    dataset: Dataset, tiny_bert: Path, tmp_path: Path
) -> None:
    folder = run_finish(untrained(tiny_bert, "scalar"), dataset, tmp_path, head="scalar")
    settings = {
        "format": 1, "head": "scalar", "style": "pair", "max_length": 32, "truncation": "", "ties": "drop",
        "backbone": "minilm",
    }  # fmt: skip
    now = load_model(folder, choose_device(1))
    write_json(folder / SETTINGS, settings)
    old = load_model(folder, choose_device(1))
    assert old.calibration == RAW
    groups = dataset.splits["test"]
    assert np.array_equal(scores_of(old, groups).logits, scores_of(now, groups).logits)


def test_a_format_of_the_future_is_refused(dataset: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    folder = run_finish(untrained(tiny_bert, "scalar"), dataset, tmp_path, head="scalar")
    write_json(folder / SETTINGS, {"format": 4})
    with pytest.raises(ConfigError, match="has format 4; this version reads 1 to 3"):
        load_model(folder, choose_device(1))


@pytest.mark.parametrize("name", ["tiny_bert", "tiny_llama"])
def test_models_with_one_frozen_backbone_share_its_file(
    name: str, request: pytest.FixtureRequest, dataset: Dataset, tmp_path: Path
) -> None:
    backbone = tmp_path / "cache" / "backbone.safetensors"
    model = untrained(request.getfixturevalue(name), "scalar")
    shards.share_backbone(model.network, backbone)
    folder = run_finish(model, dataset, tmp_path / "one", head="scalar", backbone=backbone)
    assert (folder / shards.BACKBONE).samefile(backbone)
    assert sum(path.stat().st_size for path in folder.glob("*.safetensors") if path.name != shards.BACKBONE) < 2000
    verify(folder)
    whole = run_finish(untrained(request.getfixturevalue(name), "scalar"), dataset, tmp_path / "two", head="scalar")
    groups = dataset.splits["test"]
    both = [scores_of(load_model(each, choose_device(1)), groups).logits for each in (folder, whole)]
    assert np.array_equal(*both)
    _, info = AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))


def test_a_half_written_folder_is_replaced(dataset: Dataset, tiny_bert: Path, tmp_path: Path) -> None:
    (tmp_path / MODEL).mkdir()
    (tmp_path / MODEL / "left-over.bin").write_bytes(b"half")
    folder = run_finish(untrained(tiny_bert, "scalar"), dataset, tmp_path, head="scalar")
    assert not (folder / "left-over.bin").exists()
    verify(folder)
    assert set(read_json(folder / MANIFEST)["files"]) == {path.name for path in folder.iterdir()} - {MANIFEST}


def test_a_full_disk_is_named_and_leaves_no_finished_folder(
    make_rows: Rows, write_rows: Write, tiny_bert: Path, tmp_path: Path
) -> None:
    """A file size limit of 3 KiB: the metrics fit, not all of the model. In a child, for it ends any output."""
    data, cache, out = write_rows(make_rows(60)), tmp_path / "cache", tmp_path / "out"
    settings = f"backbone={tiny_bert} depth=head max_length=32 threads=1 bootstrap_samples=100".split()
    options = ["--cache", str(cache), *(part for setting in settings for part in ("--set", setting))]
    assert main(["train", str(data), str(tmp_path / "fills the cache"), *options]) == 0
    process = start("train", data, out, *options, limit="ulimit -f 3")
    _, stderr = process.communicate()
    assert process.returncode == DiskFullError.exit_code, stderr
    assert "free some space" in stderr.splitlines()[-1]
    assert not (out / MODEL / MANIFEST).exists()
    assert phases(out)[-1] == "saving"


def test_the_reference_is_spread_over_the_split_and_bounded() -> None:
    groups = [Group(str(index), "train", (Message("user", "?"),), ("a", "b"), ()) for index in range(2500)]
    assert reference(groups) == list(range(0, 2500, 5))
    assert 2 * len(reference(groups)) <= REFERENCE
    assert reference(groups[:4]) == [0, 1, 2, 3]
