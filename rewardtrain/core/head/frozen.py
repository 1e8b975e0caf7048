"""A pretrained backbone that is never trained: its identity, and what it makes of completions, kept in the cache."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from transformers.utils.hub import cached_file

from rewardtrain.core.artifact.folder import write_json
from rewardtrain.core.artifact.rehearsal import rehearse
from rewardtrain.core.artifact.shards import BACKBONE, share_backbone
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.encoding import READING
from rewardtrain.core.data.groups import Group
from rewardtrain.core.data.templates import DAY
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.head.features import Features, FeatureStore, Made, Missing
from rewardtrain.core.head.fit import Linear
from rewardtrain.core.head.pooling import pool
from rewardtrain.core.model.gradients import predict_features
from rewardtrain.core.model.loading import backbone_folder, called_by_name, load_backbone, set_labels
from rewardtrain.core.model.network import RewardModel, output_layer

POOLING = 1  # counted up when pooling changes, for features are then others
CHUNK = 256  # completions sorted by length together; what is kept when a run is stopped is in whole chunks
_READ = (".json", ".safetensors", ".bin", ".txt", ".model", ".jinja")  # files that decide what a backbone makes

Progress = Callable[[int, int], None]  # done, total; may raise to stop


class Frozen:
    """The backbone of a run's settings as depth 'head' uses it, with a folder of its own in the cache."""

    def __init__(self, config: TrainConfig, cache: Path) -> None:
        """Load it, unless this process has it from before. Raises BackboneError."""
        cache.mkdir(parents=True, exist_ok=True)
        # In float32 unless the settings name another, so that plain transformers gives our rewards to 1e-5.
        self.device = choose_device(config.threads, dtype="float32" if config.dtype == "auto" else config.dtype)
        with called_by_name(config):
            parts = [POOLING, READING, DAY, identity(config.backbone, cache), config.max_length, self.device.dtype_name]
            self.key = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
            self.model = _load(config.backbone, config.max_length, self.device, self.key)
        self.token_budget = config.token_budget
        self.folder, self.cache = cache / self.key, cache
        self.shard = self.folder / BACKBONE
        if not self.shard.is_file():
            share_backbone(self.model.network, self.shard)
            rehearse(self.model, self.folder, backbone=self.shard)
        self.store = FeatureStore(self.folder, size=output_layer(self.model.network)[1].in_features)

    def features(self, groups: Sequence[Group], progress: Progress) -> Features:
        """Gives those of every completion of the groups; those that the cache lacks are encoded now."""
        return self.store.get(groups, lambda missing: self._make(missing, progress))

    @property
    def has_bias(self) -> bool:
        return output_layer(self.model.network)[1].bias is not None

    def with_head(self, rows: Sequence[Linear], labels: tuple[str, ...]) -> RewardModel:
        """Gives the network, shared by all runs of this process, with an output layer of these logits instead of its
        last."""
        network = self.model.network
        name, old = output_layer(network)
        layer = torch.nn.Linear(old.in_features, len(rows), bias=old.bias is not None, device=old.weight.device)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.stack([row.weight for row in rows])))
            if old.bias is not None:
                layer.bias.copy_(torch.tensor([row.bias for row in rows]))
        network.set_submodule(name, layer)
        set_labels(network.config, labels)
        network.num_labels = network.config.num_labels
        return self.model

    def _make(self, missing: list[Missing], progress: Progress) -> Iterator[Made]:
        encoder, body = self.model.encoder, self.model.body()
        order = sorted(range(len(missing)), key=lambda place: _characters(missing[place]), reverse=True)
        for start in range(0, len(order), CHUNK):
            places = order[start : start + CHUNK]
            sequences = [missing[place].encoded(encoder) for place in places]
            tick = partial(progress, start, len(missing))
            values = predict_features(body, sequences, token_budget=self.token_budget, tick=tick)
            yield Made(places, Features.of(values.numpy(), sequences))


def _characters(missing: Missing) -> int:
    """Estimates how long a sequence is, before it is tokenised."""
    return len(missing.completion) + sum(len(message.content) for message in missing.prompt)


def identity(backbone: str, cache: Path) -> str:
    """Gives a text that is equal for backbones that make the same of a text: the commit on the hub, or the sha256 of a
    folder's files."""
    source = backbone_folder(backbone)
    folder = Path(source)
    if not folder.is_dir():
        return f"{source}@{Path(str(cached_file(source, 'config.json'))).parent.name}"
    digests = [(path.name, digest(path, cache)) for path in sorted(folder.iterdir()) if path.suffix in _READ]
    return hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def digest(path: Path, cache: Path) -> str:
    """Gives the sha256 of a file, remembered in the cache by its size and time of change: a large model takes seconds
    to read."""
    notes = cache / "digests" / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]}.json"
    stamp = [path.stat().st_size, path.stat().st_mtime_ns]
    if notes.is_file():
        known = json.loads(notes.read_text(encoding="utf-8"))
        if known["stamp"] == stamp:
            return str(known["sha256"])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    notes.parent.mkdir(exist_ok=True)
    with suppress(FileNotFoundError):  # another process writes the same note this moment
        write_json(notes, {"path": str(path), "stamp": stamp, "sha256": digest})
    return digest


@lru_cache(maxsize=1)
def _load(backbone: str, max_length: int, device: Device, key: str) -> RewardModel:
    """Loads the pooled backbone, kept for the next run of this process; `key` changes with its files."""
    model = load_backbone(backbone, max_length=max_length, device=device)
    pool(model.network)
    return model
