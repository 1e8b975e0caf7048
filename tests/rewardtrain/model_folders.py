"""Models' folders as core leaves them, of small files that nobody loads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rewardtrain.models import RewardModel
from rewardtrain.registry.model_files import model_folder

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 9, "README.md": "---\n{}\n---\n# Ä\n".encode()}


def write_folder(model: RewardModel) -> Path:
    folder = model_folder(model)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    files = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in FILES.items()}
    manifest = json.dumps({"format": 3, "files": files}).encode()
    (folder / "manifest.json").write_bytes(manifest)
    model.manifest_sha256 = hashlib.sha256(manifest).hexdigest()
    model.save()
    return folder
