"""What a network does with its input, found out by trying: names and lists of classes don't tell."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rewardtrain.core.data.encoding import PAIR, Encoded
from rewardtrain.core.data.groups import Message
from rewardtrain.core.data.packing import packed_states
from rewardtrain.core.errors import BackboneError, from_exception
from rewardtrain.core.model.checks import embedded_words
from rewardtrain.core.model.network import Body, RewardModel, output_layer

LONGEST = 2048  # tokens, of a model made elsewhere that reads more; of ours as many as it was trained on
# Of the features' norm. float32 alone gives 1e-6; another reading of the padding, or of the mask, 1e-1.
TOLERANCE = 1e-4
_HALF_STEPS = 8  # roundings, of weights in half precision


@torch.no_grad()
def tried(what: str, model: RewardModel) -> RewardModel:
    """Tries the model and gives it, with the side on which it is padded and whether it packs.

    A text goes through alone, beside a longer one, and in one row with another completion of its prompt: the features
    have to be the same, for a reward is of its text and not of what shares the batch. Raises BackboneError.
    """
    exact = model.in_float32()
    try:
        short, *row = probes(model)
        brief = _brief(model)
        body = exact.body()
        alone = torch.cat([body.features([sequence]) for sequence in (short, *row)])
        _require_output_layer(what, exact, short, alone[:1])
        _require_reading(what, exact, alone)
        side = _padding_side(body, [short, row[0]], alone[:2])
        packs = side == "right" and model.encoder.style != PAIR and _packs(exact, row, alone[1:])
        if packs:  # a recurrence may have forgotten what stands far before
            packs = _packs(exact, brief, torch.cat([body.features([sequence]) for sequence in brief]))
    except BackboneError:
        raise
    except Exception as error:
        raise from_exception(error) or _unreadable(what, error) from error
    if side is None:
        kind = type(model.network).__name__
        seen = f"{what} is a {kind}, which gives a text another reward beside a longer one"
        raise BackboneError(f"{seen}, whichever side is padded; choose another backbone")
    model.encoder.tokenizer.padding_side = side  # for who pads with it in plain transformers
    return replace(model, side=side, packs=packs)


def trains_as_it_scores(model: RewardModel) -> bool:
    """Tells whether the network gives the same features twice as it is now, in training mode, and those of its other
    mode."""
    sequences = probes(model)[:1]
    network = model.network
    modes = {module: module.training for module in network.modules()}
    with torch.no_grad():
        twice = [model.features(sequences) for _ in range(2)]
        network.eval()
        wanted = model.features(sequences)
    for module, mode in modes.items():
        module.training = mode
    return all(same(found, wanted) for found in twice)


def same(found: Tensor, wanted: Tensor, *, weights: torch.dtype = torch.float32) -> bool:
    """Tells whether two readings of the same texts, (N, D) each, differ by rounding alone, in every text."""
    tolerance = max(TOLERANCE, _HALF_STEPS * torch.finfo(weights).eps) if weights.itemsize < 4 else TOLERANCE
    apart = torch.linalg.norm((found - wanted).double(), dim=1)
    return bool((apart <= tolerance * torch.linalg.norm(wanted.double(), dim=1)).all())


def probes(model: RewardModel) -> list[Encoded]:
    """Makes a short sequence and two of the greatest length that share half of it, of arbitrary tokens in the usual
    frame."""
    length = min(model.encoder.max_length, LONGEST)
    half = length // 2
    long = model.encoder.encode((Message("user", "a " * half),), ["b " * half, "c " * half])
    short = model.encoder.encode((Message("user", "a a"),), ["b b"])
    return [_scrambled(model, sequence, seed) for seed, sequence in enumerate([*short, *long])]


def _brief(model: RewardModel) -> list[Encoded]:
    """Makes two completions of a word each, after one prompt."""
    sequences = model.encoder.encode((Message("user", "a a"),), ["b", "c"])
    return [_scrambled(model, sequence, seed) for seed, sequence in enumerate(sequences)]


def _scrambled(model: RewardModel, sequence: Encoded, seed: int) -> Encoded:
    """Puts other words in the place of all that aren't special; up to the completion they depend on the place alone."""
    tokenizer = model.encoder.tokenizer
    marks = [number for number in tokenizer.all_special_ids if number != tokenizer.unk_token_id]
    rows = embedded_words("the network", model.network)
    token_ids = np.setdiff1d(np.arange(min(rows, len(tokenizer))), tokenizer.all_special_ids)
    places = np.arange(len(sequence)) + np.where(np.arange(len(sequence)) < sequence.start, 0, seed * len(sequence))
    ids = np.where(np.isin(sequence.ids, marks), sequence.ids, token_ids[7919 * (places + 1) % len(token_ids)])
    return replace(sequence, ids=ids.astype(np.int32))


def _require_output_layer(what: str, model: RewardModel, sequence: Encoded, features: Tensor) -> None:
    """The layer that output_layer found is what makes the logits of the features."""
    logits, (name, layer) = model.logits([sequence]), output_layer(model.network)
    if not bool(torch.isfinite(logits).all()):
        raise BackboneError(f"{what} gives {logits[0].tolist()} for a text; get its files again, or train it again")
    made = layer(features.to(layer.weight.dtype)).float()
    scale = float(torch.linalg.norm(layer.weight.float()) * torch.linalg.norm(features)) + 1e-6
    if not float((made - logits).abs().max()) <= TOLERANCE * scale:
        kind = type(model.network).__name__
        raise BackboneError(f"{what} is a {kind}, whose logits are not what its layer {name} gives; choose another")


def _require_reading(what: str, model: RewardModel, features: Tensor) -> None:
    """Different texts have different features: MRA's attention, whose kernels need a GPU, is zero without one."""
    if bool((features == features[0]).all()):
        kind = type(model.network).__name__
        raise BackboneError(f"{what} is a {kind}, which gives every text the same reward here; choose another backbone")


def _padding_side(body: Body, sequences: Sequence[Encoded], alone: Tensor) -> str | None:
    """Finds the side on which short sequences can be padded without changing what is read of them; None for neither."""
    for side in ("right", "left"):
        together = replace(body.model, side=side).logits(sequences)
        if same(together, alone, weights=_dtype(body.model.network)):
            return side
    return None


def _packs(model: RewardModel, row: Sequence[Encoded], alone: Tensor) -> bool:
    """Tells whether completions that share a row are read as they are alone. Of an encoder they never are: see PAIR."""
    pad_id = model.encoder.tokenizer.pad_token_id
    try:
        states = packed_states(model.network.base_model, [row, row[:1]], pad_id=pad_id, device=model.device.kind)
    except Exception:  # an architecture that knows no such mask or position raises what it likes
        return False
    return same(states[:2].float(), alone, weights=_dtype(model.network))


def _dtype(network: Any) -> torch.dtype:
    return next(parameter.dtype for parameter in network.parameters())  # type: ignore[no-any-return]


def _unreadable(what: str, error: Exception) -> BackboneError:
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    return BackboneError(f"{what} can't read a text ({type(error).__name__}: {reason}); choose another")
