"""Where dataset versions, runs and models lie: plain folders, for training reads and writes them."""

from __future__ import annotations

from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages

from rewardtrain.models import RewardModel

MANIFEST = "manifest.json"  # of a model's folder; rewardtrain.core writes it last


def model_storage() -> FileSystemStorage:
    """Gives the storage "models"; it has to be a file system."""
    storage = storages["models"]
    assert isinstance(storage, FileSystemStorage)
    return storage


def model_folder(model: RewardModel) -> Path:
    """Gives the model's Hugging Face folder."""
    return Path(model_storage().path(model.folder))
