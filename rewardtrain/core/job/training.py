"""What `train` is called with in a job: what it reads, brought here, and settings."""

import json
from pathlib import Path

from rewardtrain.core.job.spec import Spec
from rewardtrain.core.job.storage import Storage, fetch_folder


def fetch_inputs(spec: Spec, storage: Storage, scratch: Path) -> tuple[Path, list[str | Path]]:
    """Brings data and backbone into scratch/inputs, and gives the data and the options. Raises a CoreError."""
    inputs = scratch / "inputs"
    inputs.mkdir(exist_ok=True)
    data = storage.fetch(spec.data, inputs / Path(spec.data.name).name)
    settings = dict(spec.settings)
    if spec.backbone:
        settings["backbone"] = str(fetch_folder(storage, spec.backbone, inputs / "backbone"))
    (inputs / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    options: list[str | Path] = ["--config", inputs / "settings.json", "--cache", scratch / "cache"]
    for sha256 in spec.formerly:
        options += ["--formerly", sha256]
    return data, options
