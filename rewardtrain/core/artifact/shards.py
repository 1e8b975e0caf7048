"""One file of a frozen backbone's weights, shared by the folders of all models that have it."""

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from rewardtrain.core.model.network import output_layer, sharing_weights

BACKBONE, HEAD = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
ONE_FILE = "1000TB"  # transformers would cut a large model into files of 50 GB


def share_backbone(network: Any, path: Path) -> None:
    """Write all weights but the output layer's into one safetensors file, unless it is there."""
    if path.is_file():
        return
    head = _head(network)
    rest = {name: tensor for name, tensor in network.state_dict().items() if name not in head}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="saving-") as folder:
        network.save_pretrained(folder, state_dict=rest, max_shard_size=ONE_FILE)
        (Path(folder) / "model.safetensors").replace(path)


def save_sharded(network: Any, folder: Path, backbone: Path) -> None:
    """Save a network as two shards: the file of share_backbone, hard-linked or copied, and the output layer's kB."""
    network.save_pretrained(folder, state_dict=_head(network))
    (folder / "model.safetensors").replace(folder / HEAD)
    try:
        os.link(backbone, folder / BACKBONE)
    except OSError:  # another file system, or one without links
        shutil.copyfile(backbone, folder / BACKBONE)
    places = {name: shard for shard in (BACKBONE, HEAD) for name in _names(folder / shard)}
    size = sum((folder / shard).stat().st_size for shard in (BACKBONE, HEAD))
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
    (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def with_head(network: Any, folder: Path) -> Any:
    """Makes a network that shares all weights with this one but the output layer's, read from a folder of
    save_sharded."""
    other = sharing_weights(network)
    name, layer = output_layer(other)
    other.set_submodule(name, copy.deepcopy(layer))
    with torch.no_grad():
        wanted = _head(other)
        for key, tensor in load_file(folder / HEAD).items():
            wanted[key].copy_(tensor)
    return other


def _head(network: Any) -> dict[str, Tensor]:
    """Gives the output layer's weights under the names that the network gives them."""
    name, layer = output_layer(network)
    return {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}


def _names(path: Path) -> Iterable[str]:
    with safe_open(path, framework="pt") as file:
        return list(file.keys())
