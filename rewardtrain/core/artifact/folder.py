"""The finished model: a plain Hugging Face folder, with a manifest written last."""

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from formats.evaluation_report.report import Report
from rewardtrain.core.artifact.attribute_heads import AttributeHeads, save_attributes
from rewardtrain.core.artifact.card import model_card
from rewardtrain.core.artifact.shards import BACKBONE, save_sharded
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.measures.calibrate import RAW, Array, Calibration
from rewardtrain.core.model.loading import load_finished
from rewardtrain.core.model.network import RewardModel

FORMAT = 3  # 1 had no calibration; 2 no reading, which was encoding.READING 1
SETTINGS, MANIFEST, CARD, HEADS = "podium.json", "manifest.json", "README.md", "heads.safetensors"
TRUNCATION = "prompt from the left, completion from the right only where it is over the length alone"


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
    model: RewardModel,
    folder: Path,
    *,
    config: TrainConfig,
    data: dict[str, Any],
    report: Report,
    backbone: Path | None = None,
    heads: Array | None = None,
    attributes: AttributeHeads | None = None,
) -> None:
    """Write config.json, the weights, the tokenizer, podium.json, README.md, and manifest.json at the end.

    data: fingerprint and counts of what it was trained on. backbone: a file of shards.share_backbone, which the folder
    then holds by a link instead of the same weights once more. heads: see read_heads. attributes: see read_attributes.
    A folder left half written is replaced.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    save_network(model, folder, backbone)
    if heads is not None:
        save_file({"heads": np.ascontiguousarray(heads, dtype=np.float32)}, folder / HEADS)
    if attributes is not None:
        save_attributes(attributes, folder)
    settings = _settings(model, config)
    write_json(folder / SETTINGS, settings)
    (folder / CARD).write_text(model_card(config, settings, data, report), encoding="utf-8")
    for path in folder.iterdir():
        _flush(path)  # else a power cut could leave the manifest and lose what it is about
    files = {path.name: _describe(path) for path in sorted(folder.iterdir())}
    place = config.identity(data["fingerprint"])["backbone_path_sha256"]
    about = {"format": FORMAT, "data": data, "config": config.written(), "backbone_path_sha256": place}
    write_json(folder / MANIFEST, {**about, "files": files})


def save_network(model: RewardModel, folder: Path, backbone: Path | None) -> None:
    """Does the part of save_model that is transformers'."""
    if backbone:
        save_sharded(model.network, folder, backbone)
    else:
        model.network.save_pretrained(folder)
    model.encoder.tokenizer.save_pretrained(folder)


def _settings(model: RewardModel, config: TrainConfig) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "head": config.head,
        "labels": list(model.labels),
        "depth": config.depth,
        "style": model.encoder.style,
        "max_length": model.encoder.max_length,
        "reading": model.encoder.reading,
        "truncation": TRUNCATION,
        "ties": config.ties,
        "backbone": config.written()["backbone"],
        **model.calibration.to_dict(),
    }


def describe_again(folder: Path, report: Report) -> None:
    """Write a finished model's card anew, with the figures of another report."""
    manifest = read_json(folder / MANIFEST)
    config = TrainConfig.from_dict(manifest["config"])
    card = model_card(config, read_settings(folder), manifest["data"], report)
    (folder / CARD).write_text(card, encoding="utf-8")
    manifest["files"][CARD] = _describe(folder / CARD)
    write_json(folder / MANIFEST, manifest)


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


def require_same(folder: Path, config: TrainConfig, data: str, formerly: Collection[str] = ()) -> None:
    """Raise ConfigError where a finished model was made of other settings, or of data of another fingerprint.

    formerly: see TrainConfig.differences.
    """
    manifest = _read(folder, MANIFEST)
    made = {"data": manifest["data"]["fingerprint"], **TrainConfig.from_dict(manifest["config"]).to_dict()}
    if "backbone_path_sha256" in manifest:
        made["backbone_path_sha256"] = manifest["backbone_path_sha256"]
    if differing := config.differences(made, data, formerly):
        seen = f"{str(folder.parent)!r} holds a finished run of others ({differing})"
        raise ConfigError(f"{seen}: nothing was done; give an empty output folder")


def load_model(folder: Path, device: Device) -> RewardModel:
    """Load a finished model. Raises ConfigError or BackboneError."""
    settings = read_settings(folder)
    return load_finished(
        folder,
        style=settings["style"],
        max_length=settings["max_length"],
        reading=reading_of(settings),
        device=device,
        calibration=_calibration(settings),
    )


def reading_of(settings: dict[str, Any]) -> int:
    """Tells how the model reads a text: as it did when it was trained."""
    return int(settings.get("reading", 1))


def read_calibration(folder: Path) -> Calibration:
    """Raises ConfigError where the folder isn't a finished model."""
    return _calibration(read_settings(folder))


def _calibration(settings: dict[str, Any]) -> Calibration:
    return RAW if settings["format"] == 1 else Calibration.from_dict(settings)


def read_heads(folder: Path) -> Array | None:
    """Reads (M, D + 1) weights and bias of an ensemble of M heads, of which the rewards' spread is the uncertainty."""
    path = folder / HEADS
    if not path.is_file():
        return None
    try:
        heads: Array = load_file(path)["heads"]
    except (SafetensorError, KeyError) as error:
        raise ConfigError(f"{str(path)!r} can't be read: {error}; restore it or train again") from error
    if not np.isfinite(heads).all():
        raise ConfigError(f"{str(path)!r} holds numbers that are not finite; restore it or train again")
    return heads


def same_backbone(one: Path, other: Path) -> bool:
    """Tells whether two finished models differ in their head alone, so that who has one can read just the other's
    head."""
    require_model(other)
    files = [read_json(folder / MANIFEST)["files"] for folder in (one, other)]
    settings = [read_settings(folder) for folder in (one, other)]
    return all(files[0].get(name) == files[1].get(name) for name in (BACKBONE, "config.json", "tokenizer.json")) and (
        BACKBONE in files[0]
        and reading_of(settings[0]) == reading_of(settings[1])
        and all(settings[0][key] == settings[1][key] for key in ("style", "max_length"))
    )


def read_settings(folder: Path) -> dict[str, Any]:
    """Reads podium.json of a finished model. Raises ConfigError."""
    require_model(folder)
    settings = _read(folder, SETTINGS)
    if settings.get("format") not in range(1, FORMAT + 1):
        seen = f"model folder {str(folder)!r} has format {settings.get('format')!r}"
        raise ConfigError(f"{seen}; this version reads 1 to {FORMAT}, so update it")
    if missing := [key for key in ("style", "max_length") if key not in settings]:
        raise ConfigError(f"{SETTINGS} of model folder {str(folder)!r} has no {missing[0]}; restore it or train again")
    return settings


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        value = read_json(folder / name)
    except ValueError as error:
        reason = f"is not JSON in UTF-8 ({error})"
        raise ConfigError(f"{name} of model folder {str(folder)!r} {reason}; restore it or train again") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{name} of model folder {str(folder)!r} is {value!r}, no object; restore it or train again")
    return value


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
