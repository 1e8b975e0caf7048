"""Finished models of a tiny backbone, made without a training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rewardtrain.core.artifact import shards
from rewardtrain.core.artifact.folder import save_model
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import choose_device
from rewardtrain.core.finish import fold
from rewardtrain.core.measures.calibrate import Array, Calibration
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel, output_layer

CALIBRATION = Calibration(temperature=0.5, n_pairs=9, class_temperature=2.0, n_votes=9, mean=1.0, sd=4.0, n_reference=9)
DATA: dict[str, Any] = {
    "fingerprint": "f" * 64,
    "n_prompts": {"test": 1},
    "n_completions": 1,
    "n_comparisons": 1,
    "n_ties": 0,
    "truncated": 0,
    "truncated_completions": 0,
    "n_alike": 0,
    "rewritten": 0,
    "dropped_by_reason": {},
}
_FIGURE = {"value": 0.5, "low": 0.4, "high": 0.6, "accuracy": 0.5, "n": 1, "n_prompts": 1}
_NAMES = ("accuracy", "log_loss", "log_loss_raw", "ece", "ece_raw", "baseline_longer", "kendall_tau_b")
REPORT: Any = {
    **dict.fromkeys(_NAMES, _FIGURE),
    "human_ceiling": None,
    "flags": None,
    "split": "test",
    "n_pairs": 1,
    "n_pair_prompts": 1,
    "n_ties": 0,
    "ln2": 0.6931,
}
Save = Callable[..., tuple[Path, RewardModel]]


def finish(
    folder: Path,
    *,
    base: Path,
    seed: int,
    head: str = "scalar",
    heads: Array | None = None,
    backbone: Path | None = None,
    max_length: int = 32,
) -> RewardModel:
    """Write the folder of a finished model whose head is drawn by the seed. Gives the model with raw logits."""
    models = []
    for _ in range(2):
        torch.manual_seed(seed)
        labels = ("no", "yes") if head == "binary" else ()
        model = load_backbone(str(base), max_length=max_length, device=choose_device(1), labels=labels)
        with torch.no_grad():
            output_layer(model.network)[1].weight.normal_(0, 3)
        models.append(model)
    raw, model = models
    model = RewardModel(model.network, model.encoder, model.device, model.new_parameters, CALIBRATION)
    fold(model)
    if backbone:
        shards.share_backbone(model.network, backbone)
    save_model(model, folder, config=TrainConfig(head=head), data=DATA, report=REPORT, backbone=backbone, heads=heads)
    return raw
