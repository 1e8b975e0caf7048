"""Further heads of a model, one for each attribute that people rated: a file beside the weights."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from rewardtrain.core.errors import ConfigError
from rewardtrain.core.measures.calibrate import Array
from rewardtrain.core.measures.metrics import Floats

FILE = "attributes.safetensors"


@dataclass(frozen=True)
class AttributeHeads:
    """One linear function of the last hidden features for each attribute; more is better.

    weights: (A, D + 1), the bias last. Each has a mean of 0 and a deviation of 1 over the completions it was fitted to.
    """

    names: tuple[str, ...]
    weights: Array

    def values(self, features: Array) -> Floats:
        """Maps (N, D) features to (N, A) values."""
        return np.asarray(features @ self.weights[:, :-1].T + self.weights[:, -1], dtype=np.float64)


def save_attributes(heads: AttributeHeads, folder: Path) -> None:
    weights = np.ascontiguousarray(heads.weights, dtype=np.float32)
    save_file({"attributes": weights}, folder / FILE, metadata={"names": json.dumps(heads.names)})


def read_attributes(folder: Path) -> AttributeHeads | None:
    """Reads a model folder's further heads; None where it has none. Raises ConfigError."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            weights = file.get_tensor("attributes")
            names = tuple(json.loads((file.metadata() or {})["names"]))
    except (SafetensorError, KeyError, ValueError) as error:
        raise ConfigError(f"{str(path)!r} can't be read: {error}; restore it or train again") from error
    if len(names) != len(weights) or not np.isfinite(weights).all():
        raise ConfigError(f"{str(path)!r} has {len(weights)} heads of {len(names)} names, or numbers that are not"
                          " finite; restore it or train again")  # fmt: skip
    return AttributeHeads(names, weights)
