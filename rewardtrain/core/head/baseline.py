"""What a champion says of the test split, without forwarding again what was forwarded before."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from rewardtrain.core.artifact.folder import (
    MANIFEST,
    load_model,
    read_calibration,
    read_json,
    read_settings,
    reading_of,
)
from rewardtrain.core.artifact.shards import BACKBONE, HEAD
from rewardtrain.core.data.encoding import READING
from rewardtrain.core.data.groups import Group
from rewardtrain.core.data.templates import DAY
from rewardtrain.core.evaluation.evaluate import score_groups
from rewardtrain.core.head.features import Features, FeatureStore, Floats32, Made, Missing
from rewardtrain.core.head.frozen import CHUNK, Frozen, Progress, digest
from rewardtrain.core.measures.report import Scores


def rival_scores(folder: Path, groups: Sequence[Group], frozen: Frozen, progress: Progress) -> Scores:
    """Gives a champion's scores: from the features of `frozen` where it is a head on these, else from kept logits.

    Those that were not kept are made by its own network and kept, by the sha256 of its manifest.
    """
    started, settings = time.monotonic(), read_settings(folder)
    if _shares(folder, settings, frozen):
        kept = frozen.features(groups, progress)
        logits = _head_logits(folder, kept.values)
    else:
        kept = _kept_logits(folder, groups, frozen, progress)
        logits = kept.values
    calibration = read_calibration(folder)
    return Scores(
        logits=logits,
        sizes=[len(group.completions) for group in groups],
        **kept.counts(),
        seconds=time.monotonic() - started,
        temperature=calibration.temperature,
        labels=tuple(settings["labels"]),
        class_temperature=calibration.class_temperature,
        raw_scale=calibration.sd,
    )


def _shares(folder: Path, settings: dict[str, Any], frozen: Frozen) -> bool:
    """Tells whether the model's weights below its output layer are those that made the features, and it reads texts
    alike."""
    encoder = frozen.model.encoder
    shard = read_json(folder / MANIFEST)["files"].get(BACKBONE)
    if shard is None or (settings["max_length"], reading_of(settings)) != (encoder.max_length, encoder.reading):
        return False
    return bool(shard["sha256"] == digest(frozen.shard, frozen.cache))


def _head_logits(folder: Path, features: Floats32) -> Floats32:
    weights = load_file(folder / HEAD)
    weight = next(value for name, value in weights.items() if name.endswith(".weight"))
    bias = next((value for name, value in weights.items() if name.endswith(".bias")), 0.0)
    return np.asarray(features @ weight.T + bias, dtype=np.float32)


def _kept_logits(folder: Path, groups: Sequence[Group], frozen: Frozen, progress: Progress) -> Features:
    key = hashlib.sha256((folder / MANIFEST).read_bytes() + f"{READING} {DAY}".encode()).hexdigest()[:32]
    n_labels = 2 if read_settings(folder)["head"] == "binary" else 1

    def make(missing: list[Missing]) -> Iterator[Made]:
        model = load_model(folder, frozen.device)
        for start in range(0, len(missing), CHUNK):
            progress(start, len(missing))
            part = missing[start : start + CHUNK]
            encoded = [[each.encoded(model.encoder)] for each in part]
            scores = score_groups(model, encoded, token_budget=frozen.token_budget, progress=progress)
            sequences = [one for (one,) in encoded]
            yield Made(list(range(start, start + len(part))), Features.of(scores.logits, sequences))

    return FeatureStore(frozen.cache / "scores" / key, size=n_labels).get(groups, make)
