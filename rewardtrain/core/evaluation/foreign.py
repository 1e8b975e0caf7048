"""Models that were not made here: any sequence classifier of Hugging Face transformers, for comparison."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from rewardtrain.core.artifact.folder import MANIFEST, SETTINGS, load_model
from rewardtrain.core.data.encoding import CHAT, JOINED, PAIR, Encoder
from rewardtrain.core.device import Device
from rewardtrain.core.errors import BackboneError, ConfigError
from rewardtrain.core.model.checks import longest_input, require_fit, require_numbers
from rewardtrain.core.model.loading import (
    OURS_ALONE,
    backbone_folder,
    is_encoder,
    load_tokenizer,
    require_length,
    set_labels,
    set_padding,
    unloadable,
)
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.probes import tried

LONGEST = 2048  # tokens, where neither model nor tokenizer says how many it reads
# Ways of loading, until one leaves no weight out: as the config says; with one label, which OpenRLHF's config doesn't
# say; and with its other name for the layer.
_WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"num_labels": 1},
    {"num_labels": 1, "key_mapping": {r"^value_head\.": "score."}},
)


def load_any(name: str, device: Device) -> RewardModel:
    """Loads a model folder of ours, or a sequence classifier by its folder or Hugging Face id.

    The classifier has one label, the reward, or two of which the second is the positive class, whose logit is it.
    Raises ConfigError or BackboneError.
    """
    folder = Path(name)
    if (folder / SETTINGS).is_file() or (folder / MANIFEST).is_file():
        return load_model(folder, device)
    if name.startswith(("/", ".", "~")) and not folder.expanduser().is_dir():
        raise ConfigError(f"model folder {name!r} doesn't exist; give a model folder or a Hugging Face id")
    what = f"model {name!r}"
    network, tokenizer = _load(name, backbone_folder(name), what, device, in_full=device.kind != "cuda")
    length = longest_input(network, tokenizer) or LONGEST
    return _reading(what, network, tokenizer, device, max_length=length)


def load_unchanged(name: str, device: Device, *, max_length: int, labels: tuple[str, ...]) -> RewardModel:
    """Loads a sequence classifier as load_any does, in float32, to be kept as a model of ours.

    labels: what its two logits are called from now on; none for one logit. Raises BackboneError, for a model of ours
    and for another number of logits too.
    """
    source, what = backbone_folder(name), f"backbone {name!r}"
    if (Path(source) / MANIFEST).is_file():
        raise BackboneError(f"{what} is a model of ours, which has its report; 'evaluate' measures it on other data")
    network, tokenizer = _load(name, source, what, device, in_full=True)
    wanted = len(labels) or 1
    if network.config.num_labels != wanted:
        heads = {1: "head is 'scalar', which has one logit", 2: "head is 'binary', which has two logits"}
        advice = "set head=binary" if wanted == 1 else "set head=scalar"
        raise BackboneError(f"{heads[wanted]}, but {what} has {network.config.num_labels}; {advice}")
    require_length(what, network, tokenizer, max_length)
    set_labels(network.config, labels)
    return _reading(what, network, tokenizer, device, max_length=max_length)


def _reading(what: str, network: Any, tokenizer: Any, device: Device, *, max_length: int) -> RewardModel:
    require_fit(what, network, tokenizer, pad_id=network.config.get_text_config().pad_token_id)
    require_numbers(what, network)
    set_padding(network.config, tokenizer)
    style = PAIR if is_encoder(network.config) else CHAT if tokenizer.chat_template else JOINED
    encoder = Encoder(tokenizer=tokenizer, style=style, max_length=max_length)
    return tried(what, RewardModel(network.to(device.kind).eval(), encoder, device, frozenset()))


def _load(name: str, source: str, what: str, device: Device, *, in_full: bool) -> tuple[Any, Any]:
    """Gives network and tokenizer. in_full: large models come in half precision, and may need to stay so."""
    tokenizer = load_tokenizer(what, source)
    try:
        network = _classifier(what, source, torch.float32 if in_full else "auto")
    except Exception as error:
        raise unloadable(what, error, source=source, advice="give a sequence classifier") from error
    if network.config.num_labels > 2:
        raise BackboneError(f"{what} has {network.config.num_labels} labels; a reward model has 1, or 2")
    return network, tokenizer


def _classifier(what: str, source: str, dtype: Any) -> Any:
    for way in _WAYS:
        own = {key: way[key] for key in way if key == "num_labels"}
        config = AutoConfig.from_pretrained(source, **own, **OURS_ALONE)
        network, info = AutoModelForSequenceClassification.from_pretrained(
            source,
            config=config,
            dtype=dtype,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            key_mapping=way.get("key_mapping"),
            **OURS_ALONE,
        )
        if not info["missing_keys"] and not info["mismatched_keys"]:
            return network
    missing = ", ".join(sorted(info["missing_keys"])[:3])
    raise BackboneError(f"{what} has no weights for {missing}; it is not a trained sequence classifier")
