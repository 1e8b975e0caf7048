"""Where models lie: plain folders on this machine, whatever keeps them, for training and scoring read files."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from artifacts import store
from rewardtrain.models import RewardModel

MANIFEST = "manifest.json"  # of a model's folder; rewardtrain.core writes it last


def model_folder(model: RewardModel) -> Path:
    """Gives the model's Hugging Face folder on this machine. Raises StorageAway, Lost, Changed."""
    return store.local_folder(model.folder, model.manifest_sha256)


def place_of(model: RewardModel) -> Path:
    """Gives the path that model_folder gives, and fetches nothing."""
    return store.place(model.folder)


def is_there(model: RewardModel) -> bool:
    """Tells whether its files are kept. Raises StorageAway."""
    return store.exists(f"{model.folder}/{MANIFEST}")


def is_backbone(model: RewardModel) -> bool:
    """Tells whether a training can begin with it. Raises StorageAway."""
    return store.exists(f"{model.folder}/config.json") if store.bucket() is None else is_there(model)


@dataclass(frozen=True)
class Published:
    """The name that a row has of a model, and the checksum of its manifest."""

    folder: str
    manifest_sha256: str


def publish(made: str) -> Published:
    """Publishes the model that was made below this name. Raises StorageAway, OSError."""
    manifest = store.work_path(made) / MANIFEST
    return Published(store.publish_folder(made), hashlib.sha256(manifest.read_bytes()).hexdigest())


def drop_draft(made: str) -> None:
    """Takes away what was made here and is published elsewhere."""
    if store.bucket() is not None:
        shutil.rmtree(store.work_path(made), ignore_errors=True)
