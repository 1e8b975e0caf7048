"""The finished model: a plain Hugging Face folder, with a manifest written last."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model import RewardModel, load_finished

FORMAT = 1
SETTINGS, MANIFEST = "podium.json", "manifest.json"


def write_json(path: Path, value: object) -> None:
    """Write a JSON file so that a reader sees the old one or the whole new one."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def save_model(
    model: RewardModel, folder: Path, *, config: TrainConfig, data: dict[str, Any], report: dict[str, Any]
) -> None:
    """Write config.json, model.safetensors, the tokenizer, podium.json, README.md, and manifest.json at the end.

    data: fingerprint and counts of what it was trained on. A folder left half written by a killed process is replaced.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.network.save_pretrained(folder)
    model.encoder.tokenizer.save_pretrained(folder)
    settings = {
        "format": FORMAT,
        "head": config.head,
        "style": model.encoder.style,
        "max_length": config.max_length,
        "truncation": "prompt from the left, completion from the right only where it is over the length alone",
        "ties": config.ties,
        "backbone": config.backbone,
    }
    write_json(folder / SETTINGS, settings)
    (folder / "README.md").write_text(_model_card(config, data, report), encoding="utf-8")
    files = {path.name: _describe(path) for path in sorted(folder.iterdir())}
    write_json(folder / MANIFEST, {"format": FORMAT, "data": data, "config": config.to_dict(), "files": files})


def is_finished(folder: Path) -> bool:
    """A model folder is finished when its manifest is there, for that is written last."""
    return (folder / MANIFEST).is_file()


def verify(folder: Path) -> None:
    """Compare every file with the manifest. Raises ConfigError naming the first that differs."""
    require_model(folder)
    for name, wanted in read_json(folder / MANIFEST)["files"].items():
        if not (folder / name).is_file():
            raise ConfigError(f"model folder {str(folder)!r} has lost {name}; restore it or train again")
        seen = _describe(folder / name)
        if seen != wanted:
            raise ConfigError(f"{name} in model folder {str(folder)!r} was changed: {seen}, the manifest has {wanted}")


def require_model(folder: Path) -> None:
    """Raise ConfigError where the folder isn't a finished model of ours."""
    if not folder.is_dir():
        raise ConfigError(f"model folder {str(folder)!r} doesn't exist; give the model folder of a training run")
    for name in (MANIFEST, SETTINGS):
        if not (folder / name).is_file():
            raise ConfigError(
                f"model folder {str(folder)!r} has no {name}: not finished, or not made here; train again"
            )


def load_model(folder: Path, device: Device) -> RewardModel:
    """Load a finished model. Raises ConfigError or BackboneError."""
    require_model(folder)
    settings = read_json(folder / SETTINGS)
    if settings.get("format") != FORMAT:
        raise ConfigError(
            f"model folder {str(folder)!r} has format {settings.get('format')!r}; this version reads {FORMAT}"
        )
    return load_finished(folder, style=settings["style"], max_length=settings["max_length"], device=device)


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _model_card(config: TrainConfig, data: dict[str, Any], report: dict[str, Any]) -> str:
    accuracy, loss, longer = report["accuracy"], report["log_loss"], report["baseline_longer"]
    return f"""---
library_name: transformers
pipeline_tag: text-classification
tags: [reward-model]
---

# Reward model

Fine-tuned from `{config.backbone}` on human rankings with the K-wise Bradley-Terry loss
(Ouyang et al. 2022, arXiv 2203.02155). Its one logit is the reward: comparable between completions of one prompt,
not between prompts.

    model = AutoModelForSequenceClassification.from_pretrained(folder)
    reward = model(**AutoTokenizer.from_pretrained(folder)(prompt, completion, return_tensors="pt")).logits[0, 0]

That call is for a prompt of one user turn on an encoder; `podium.json` says how the input is made (max_length
{config.max_length}; a prompt too long is cut from its left).

Data: sha256 `{data["fingerprint"]}`, {data["n_prompts"]} prompts by split, {data["n_comparisons"]} comparisons.

On {report["n_pairs"]} held-out pairs of {report["n_prompts"]} prompts, 95 % intervals from a bootstrap over prompts:

| | value | interval | to compare with |
|---|---|---|---|
| accuracy | {accuracy["value"]:.4f} | {_range(accuracy)} | longer wins {longer["accuracy"]:.4f} |
| log loss | {loss["value"]:.4f} | {_range(loss)} | ln 2 {report["ln2"]:.4f} |

It repeats the taste and the mistakes of the people who ranked, on prompts like theirs; elsewhere it is untested.
"""


def _range(estimate: dict[str, Any]) -> str:
    return f"{estimate['low']:.4f} to {estimate['high']:.4f}"
