"""The backbone, its head and its tokenizer."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from rewardtrain.core.data.batching import MicroBatch, collate, plan
from rewardtrain.core.data.encoding import PAIR, Encoded, Encoder
from rewardtrain.core.data.packing import packed_states, row_length, shared_rows
from rewardtrain.core.device import Device
from rewardtrain.core.errors import BackboneError, DataError
from rewardtrain.core.measures.calibrate import RAW, Calibration
from rewardtrain.core.model.team import ALONE, Team


@dataclass(frozen=True)
class RewardModel:
    """A sequence classifier whose last logit is the reward, with the way its input is made."""

    network: Any
    encoder: Encoder
    device: Device
    new_parameters: frozenset[str]  # names of those the backbone didn't have: the head's
    calibration: Calibration = RAW  # of the finished model; while it is in training the logits are raw
    side: str = "right"  # on which a short sequence is padded beside a longer one
    packs: bool = False  # whether completions of one prompt may share a row
    team: Team = ALONE  # of several processes each holds a part of every weight: see full.sharding

    @property
    def n_labels(self) -> int:
        """Gives 1 for a scalar head, 2 for a binary one."""
        return int(self.network.config.num_labels)

    def in_float32(self) -> "RewardModel":
        """Multiplies the same weights in full precision."""
        return replace(self, device=replace(self.device, dtype=torch.float32))

    @property
    def labels(self) -> tuple[str, ...]:
        """Gives the names of the logits; flags.flag_of says which flag they are of."""
        return tuple(self.network.config.id2label[index] for index in range(self.n_labels))

    def rewards(self, sequences: Sequence[Encoded]) -> Tensor:
        """Gives (N,) float32 rewards of one micro-batch."""
        return self.logits(sequences)[:, -1]

    def logits(self, sequences: Sequence[Encoded]) -> Tensor:
        """Gives the (N, labels) float32 logits of one micro-batch."""
        if not all(map(len, sequences)):
            raise DataError("a text has no tokens at all, so there is nothing to read; leave it out")
        tokenizer = self.encoder.tokenizer
        with_types = self.encoder.style == PAIR and "token_type_ids" in tokenizer.model_input_names
        pad_id, device = tokenizer.pad_token_id, self.device.kind
        inputs = collate(sequences, pad_id=pad_id, side=self.side, with_types=with_types, device=device)
        with self.device.autocast():
            logits: Tensor = self.network(**inputs).logits
        return logits.float()

    def plan(self, sequences: Sequence[Encoded], token_budget: int) -> list[MicroBatch]:
        """Plans what goes through the network together, for row_logits."""
        rows = [[index] for index in range(len(sequences))]
        if self.packs:
            hidden = output_layer(self.network)[1].in_features
            rows = shared_rows(sequences, token_budget=token_budget, hidden=hidden)
        lengths = [row_length([sequences[index] for index in row]) for row in rows]
        return plan(rows, lengths, token_budget)

    def row_logits(self, rows: Sequence[Sequence[Encoded]]) -> Tensor:
        """Gives the (N, labels) float32 logits of one micro-batch, in the order of its rows."""
        if all(len(row) == 1 for row in rows):
            return self.logits([row[0] for row in rows])
        read = self.network.packed_logits if self.team.size > 1 else partial(packed_logits, self.network)
        with self.device.autocast():
            logits: Tensor = read(rows, pad_id=self.encoder.tokenizer.pad_token_id, device=self.device.kind)
        return logits.float()

    def features(self, sequences: Sequence[Encoded]) -> Tensor:
        """Gives the (N, D) float32 of one micro-batch: what enters the output layer; logits are
        output_layer(features)."""
        return self.body().features(sequences)

    def body(self) -> "Body":
        """Gives all but the head, over the same weights. Some ms: make it once for many micro-batches."""
        name, layer = output_layer(self.network)
        if self.team.size > 1:
            return Body(replace(self, network=_Headless(self.network, name)), layer.in_features)
        network = sharing_weights(self.network)
        network.set_submodule(name, torch.nn.Identity())  # the class itself picks the token it reads
        return Body(replace(self, network=network), layer.in_features)

    def head(self) -> torch.nn.Linear:
        """Gives the layer that makes logits of features; of several processes each gets the whole of it, together."""
        layer = output_layer(self.network)[1]
        if self.team.size == 1:
            return layer
        whole = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, device="meta")
        for name, parameter in layer.named_parameters():
            assert isinstance(parameter, DTensor)
            setattr(whole, name, torch.nn.Parameter(parameter.full_tensor().detach(), requires_grad=False))
        return whole


@dataclass(frozen=True)
class Body:
    """A reward model without its output layer."""

    model: RewardModel  # its logits are features
    width: int  # D, features of a sequence

    def features(self, sequences: Sequence[Encoded]) -> Tensor:
        """Gives the (N, D) float32 of one micro-batch."""
        return self.model.logits(sequences)


class _Headless:
    """A network without its output layer while it is called: no tree of its own can be made of one that is sharded."""

    def __init__(self, network: Any, name: str) -> None:
        self._network, self._name = network, name

    def __call__(self, **inputs: Tensor) -> Any:
        layer = self._network.get_submodule(self._name)
        self._network.set_submodule(self._name, torch.nn.Identity())
        try:
            return self._network(**inputs)
        finally:
            self._network.set_submodule(self._name, layer)

    def reshard(self) -> None:
        self._network.reshard()


def packed_logits(network: Any, rows: Sequence[Sequence[Encoded]], *, pad_id: int, device: str) -> Tensor:
    """Gives the (N, labels) logits of completions that share rows, in the order of the rows, by a decoder."""
    states = packed_states(network.base_model, rows, pad_id=pad_id, device=device)
    logits: Tensor = output_layer(network)[1](states)
    return logits


def sharing_weights(network: Any) -> Any:
    """Makes another tree of modules over the same tensors, to change in its modules and hooks.

    The network itself never is changed so: another thread may be copying it, or running it, at that moment.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)  # its memo: what is in it is not copied


def output_layer(network: Any) -> tuple[str, torch.nn.Linear]:
    """Finds the name and the module of what makes the logits: outside the backbone, the linear layer with one output
    each.

    Its place says nothing, for some classes register their classifier before their backbone. That the logits are its
    outputs is tried when a model is loaded. Raises BackboneError.
    """
    trunk = set(network.base_model.modules()) if network.base_model is not network else set()
    count = network.config.num_labels
    linears = [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and module not in trunk and module.out_features == count
    ]
    if not linears:
        kind = type(network).__name__
        raise BackboneError(f"{kind} has no linear layer of {count} outputs on its backbone; use another")
    return linears[-1]
