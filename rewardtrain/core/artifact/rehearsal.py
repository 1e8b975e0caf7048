"""The end of a run, tried out before its first step: its folder is written, read by transformers, and compared."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from rewardtrain.core.artifact.folder import save_network
from rewardtrain.core.device import Device
from rewardtrain.core.errors import BackboneError, from_exception
from rewardtrain.core.model.loading import OURS_ALONE, load_tokenizer
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.probes import probes, same

REHEARSAL = "rehearsal-"  # what the name of its folder begins with


def rehearse(model: RewardModel, folder: Path, *, backbone: Path | None = None) -> None:
    """Raise BackboneError where the model could not be kept, or would score otherwise; a full disk shows too.

    It costs one writing and reading of the weights, which a checkpoint costs three times, and leaves nothing in
    `folder`. backbone: see artifact.save_model.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=REHEARSAL) as kept:
            save_network(model, Path(kept), backbone)
            again = _read(model, Path(kept))
    except BackboneError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise from_exception(error) or _unkept(model, f"can't be written and read again ({reason})") from error
    sequence = probes(model)[:1]
    with torch.no_grad():
        wanted = model.in_float32().features(sequence).cpu()
        features = again.features(sequence)
    if not same(features, wanted):
        raise _unkept(model, "is another one when it was written and read again")


def _read(model: RewardModel, folder: Path) -> RewardModel:
    """Reads it on the CPU, which held the weights when they were loaded, too: a GPU may be full."""
    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, **OURS_ALONE).eval()
    tokenizer = load_tokenizer(f"model folder {str(folder)!r}", str(folder))
    device = Device("cpu", "CPU", torch.float32)
    return replace(model, network=network, encoder=replace(model.encoder, tokenizer=tokenizer), device=device)


def _unkept(model: RewardModel, what: str) -> BackboneError:
    return BackboneError(f"a {type(model.network).__name__} {what} by transformers; choose another backbone")
