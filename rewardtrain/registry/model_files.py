"""Where models lie: plain folders, for training reads and writes them."""

from __future__ import annotations

from pathlib import Path

from artifacts import store
from rewardtrain.models import RewardModel

MANIFEST = "manifest.json"  # of a model's folder; rewardtrain.core writes it last


def model_folder(model: RewardModel) -> Path:
    """Gives the model's Hugging Face folder on this machine."""
    return store.local_folder(model.folder, model.manifest_sha256)
