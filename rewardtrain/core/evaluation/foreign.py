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
    source, what = backbone_folder(name), f"model {name!r}"
    tokenizer = load_tokenizer(what, source)
    try:
        network = _load(name, source, device)
    except Exception as error:
        raise unloadable(what, error, source=source, advice="give a sequence classifier") from error
    if network.config.num_labels > 2:
        raise BackboneError(f"model {name!r} has {network.config.num_labels} labels; a reward model has 1, or 2")
    require_fit(what, network, tokenizer, pad_id=network.config.get_text_config().pad_token_id)
    require_numbers(what, network)
    set_padding(network.config, tokenizer)
    style = PAIR if is_encoder(network.config) else CHAT if tokenizer.chat_template else JOINED
    length = longest_input(network, tokenizer) or LONGEST
    encoder = Encoder(tokenizer=tokenizer, style=style, max_length=length)
    return tried(what, RewardModel(network.to(device.kind).eval(), encoder, device, frozenset()))


def _load(name: str, source: str, device: Device) -> Any:
    dtype = "auto" if device.kind == "cuda" else torch.float32  # large models come in half precision and need to stay
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
    raise BackboneError(f"model {name!r} has no weights for {missing}; it is not a trained sequence classifier")
