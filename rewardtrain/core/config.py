"""The settings of a training run. Plain Python: a web process may import it."""

import json
import math
import os
import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from heapq import nsmallest
from pathlib import Path
from typing import Any, get_args, get_type_hints

from rewardtrain.core.errors import ConfigError

DEPTHS = ("full", "head", "none")
HEADS = ("scalar", "binary")
TIES = ("drop", "half", "davidson")
MARGINS = ("none", "gap", "strength")
WEIGHTS = ("none", "strength")
OPTIMIZERS = ("adamw", "adamw_8bit")
QUANTIZED = ("none", "nf4")
ATTENTION = ("auto", "flash")
KERNELS = ("none", "liger")
DTYPES = ("auto", "float32", "bfloat16", "float16")
MOST_NAMED = 20  # unknown settings
# What may change when a run goes on: the model that comes out is the same but for rounding.
MAY_CHANGE = {"processes"}
# Settings that came later, with what runs did before: an older run that was stopped goes on by them.
CAME_LATER = {
    "weight": "none",
    "rewrites": True,
    "optimizer": "adamw",
    "quantize": "none",
    "attention": "auto",
    "kernels": "none",
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides which model comes out of given data; two equal configs give equal models on CPU.

    Raises ConfigError when made with a value that can't work.
    """

    backbone: str = "minilm"  # 'minilm' (comes with the package), a Hugging Face id or a folder
    backbone_name: str | None = None  # what files and messages call it; None is its own text, of a folder the last part
    depth: str = "full"  # or 'head': a linear head on what the backbone gives; or 'none': a reward model as it is
    head: str = "scalar"  # one logit, the reward; or 'binary': negative and positive class, the reward is the latter
    max_length: int = 256  # tokens of prompt and completion together
    epochs: int = 1  # more tends to over-fit: accuracy stays and log loss rises
    learning_rate: float = 5e-5  # of the backbone, at its highest
    head_learning_rate: float = 1e-3  # of the newly made head, which starts from noise
    weight_decay: float = 0.01
    warmup_ratio: float = 0.1  # part of all steps in which the learning rate rises; then it falls linearly to zero
    batch_prompts: int = 8  # prompts per optimizer step
    token_budget: int | None = None  # tokens (padding included) per micro-batch; None is what the device likes
    graph_budget: int = 16384  # tokens whose activations are held at once; a larger batch is forwarded twice
    flag: str | None = None  # what the binary head classifies; None is the data's only flag
    flag_positive: bool = True  # the flag's value that is the positive class, whose logit is the reward
    ties: str = "drop"  # or 'half': a tie counts half each way; or 'davidson': ties have a probability of their own
    margin: str = "none"  # or 'gap': by ranks apart; or 'strength': by how much better the labeler said it is
    margin_scale: float = 0.5  # reward by which chosen must be ahead per rank, or step of strength
    weight: str = "none"  # or 'strength': a comparison counts so many times as its strength says, 1 where none was said
    rewrites: bool = True  # what a labeler made of a completion is one more, which they prefer to all that they saw
    label_smoothing: float = 0.0  # part of the comparisons taken to be the wrong way round
    centering: float = 0.0  # weight of the squared mean reward of a prompt, which pulls rewards to mean zero
    flag_weight: float = 1.0  # of the cross-entropy on flags beside the pair loss; for the binary head
    eval_every: int = 50  # steps between validations; one more always follows the last step
    checkpoint_every: int = 50  # steps between checkpoints; one more always follows the last step
    patience: int = 3  # validations without a lower log loss that end the run; 0 goes to the last step
    dtype: str = "auto"  # of the matrix products; auto measures which is faster here
    gradient_checkpointing: bool = False  # activations are computed again instead of kept: a third slower, far smaller
    compile: bool = False  # torch.compile: minutes at the start, worth it in long runs on a GPU
    lora_rank: int = 0  # above 0: train adapters of this rank instead of the backbone's own weights
    quantize: str = "none"  # or 'nf4': what is below adapters is kept in 4 bits (QLoRA); needs bitsandbytes
    optimizer: str = "adamw"  # or 'adamw_8bit': its moments in 8 bits, a quarter of their memory; needs bitsandbytes
    attention: str = "auto"  # or 'flash': the kernels of flash-attn, on a GPU in half precision
    kernels: str = "none"  # or 'liger': fused norms and gates of liger-kernel, on a GPU
    train_layers: int | None = None  # train this many of the backbone's top layers; None is all
    processes: int = 1  # training processes, one per GPU; batches and weights are shared out among them
    ensemble: int = 8  # heads whose disagreement is a score's uncertainty; 0 has none
    l2: float | None = None  # of a head of depth 'head'; None chooses by the validation split
    seed: int = 0
    threads: int | None = None  # of the CPU; None is all of them
    bootstrap_samples: int = 1000
    min_pairs: int = 10  # fewer training comparisons are refused

    def __post_init__(self) -> None:
        for key, (holds, wanted) in _RULES.items():
            value = getattr(self, key)
            if not holds(value):
                raise ConfigError(f"{key} is {value!r:.80}; it must be {wanted}")
        for clash, reason in _CLASHES:
            if clash(self):
                raise ConfigError(reason.format(**asdict(self)))

    @property
    def least_pairs(self) -> int:
        """Gives the training comparisons that a run needs: one where nothing learns from them."""
        return 1 if self.depth == "none" else self.min_pairs

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "TrainConfig":
        """Make a config of JSON values; keys left out keep their default.

        Raises ConfigError naming unknown keys, or the first key whose value has the wrong type.
        """
        known = [field.name for field in fields(cls)]
        unknown = nsmallest(MOST_NAMED, set(values) - set(known))
        if unknown:
            named = ", ".join(f"{name!r:.80}" for name in unknown)
            raise ConfigError(f"unknown setting {named}; the settings are {', '.join(known)}")
        hints = get_type_hints(cls)
        return cls(**{key: _typed(key, value, hints[key]) for key, value in values.items()})

    @classmethod
    def read(cls, path: Path | None, overrides: list[str]) -> "TrainConfig":
        """Read a JSON file (or none) and apply KEY=VALUE strings over it. Raises ConfigError."""
        values = _read_json(path) if path else {}
        for override in overrides:
            key, equals, text = override.partition("=")
            if not equals:
                raise ConfigError(f"--set got {override!r}; write it as key=value")
            values[key.strip()] = parse_value(text)
        return cls.from_dict(values)

    def to_dict(self) -> dict[str, Any]:
        """Gives the settings as JSON values; from_dict gives the same config back."""
        values = asdict(self)
        if self.backbone_name is None:  # whoever gives none needn't know of it
            del values["backbone_name"]
        return values

    def written(self) -> dict[str, Any]:
        """Gives the settings as the files of a run and its model hold them, which name no folder of the machine."""
        values = asdict(self)
        last = os.path.basename(_path(self.backbone)) if _is_folder(self.backbone) else ""
        values["backbone"] = values.pop("backbone_name") or last or self.backbone
        return values

    def identity(self, data: str) -> dict[str, Any]:
        """Gives what a run must share with one that it goes on from: its settings and its data's fingerprint.

        Two folders may end in the same name, so where the backbone is known by that alone its path counts, hashed.
        """
        nameless = self.backbone_name is None and _is_folder(self.backbone)
        path = sha256(os.fsencode(_path(self.backbone))).hexdigest() if nameless else None
        return {"data": data, "backbone_path_sha256": path, **self.written()}

    def differences(self, made: Mapping[str, Any], data: str, formerly: Collection[str] = ()) -> str:
        """Says how the identity of an earlier run differs from that of this one on data of this fingerprint, in
        words. formerly: fingerprints that the same data had before names of labelers in it were replaced."""
        run = self.identity(data)
        if made.get("data") in formerly:
            made = {**made, "data": data}
        # What versions before it didn't write is as it was then.
        before = {"backbone_path_sha256": run["backbone_path_sha256"], **CAME_LATER, **made}
        if before.get("backbone") == self.backbone:  # they wrote the folder
            before["backbone"] = run["backbone"]
        keys = [key for key in run if key not in MAY_CHANGE and before.get(key) != run[key]]
        return ", ".join(f"{key} was {before.get(key)!r}, is {run[key]!r}" for key in keys)


def _is_folder(backbone: str) -> bool:
    looks = backbone.startswith(("/", ".", "~")) or backbone.count("/") > 1  # a Hugging Face id is owner/name
    return backbone != "minilm" and (looks or os.path.isdir(_path(backbone)))


def _path(backbone: str) -> str:
    return os.path.abspath(os.path.expanduser(backbone))


def _read_json(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"settings file {str(path)!r} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"settings file {str(path)!r} is not JSON in UTF-8: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"settings file {str(path)!r} holds a {type(values).__name__}; it must hold one JSON object")
    return values


def parse_value(text: str) -> object:
    """Reads a number, true, false or null where the text is one; else the text itself, so that names need no quotes."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _typed(key: str, value: object, hint: Any) -> Any:
    allowed = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if type(value) in allowed or (value is None and type(None) in allowed):
        return value
    if float in allowed and type(value) is int:  # JSON writes 1.0 as 1; a bool is not a number here
        return float(value)
    names = " or ".join("null" if kind is type(None) else kind.__name__ for kind in allowed)
    raise ConfigError(f"{key} is {value!r:.80}, a {type(value).__name__}; it must be {names}")


def _at_least(low: int) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value >= low), f"{low} or more"


def _one_of(choices: tuple[str, ...]) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in choices), "one of " + ", ".join(choices)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "backbone": (lambda value: bool(value.strip()), "'minilm', a Hugging Face id or a folder"),
    "backbone_name": (lambda value: value is None or bool(value.strip()), "a name, or null"),
    "depth": _one_of(DEPTHS),
    "head": _one_of(HEADS),
    "ties": _one_of(TIES),
    "margin": _one_of(MARGINS),
    "weight": _one_of(WEIGHTS),
    "margin_scale": (lambda value: math.isfinite(value) and value >= 0, "0 or more"),
    "label_smoothing": (lambda value: 0 <= value < 0.5, "at least 0 and below 0.5"),
    "centering": (lambda value: math.isfinite(value) and value >= 0, "0 or more"),
    "flag_weight": (lambda value: math.isfinite(value) and value >= 0, "0 or more"),
    "patience": _at_least(0),
    "dtype": _one_of(DTYPES),
    "optimizer": _one_of(OPTIMIZERS),
    "quantize": _one_of(QUANTIZED),
    "attention": _one_of(ATTENTION),
    "kernels": _one_of(KERNELS),
    "lora_rank": _at_least(0),
    "train_layers": (lambda value: value is None or value >= 0, "0 or more, or null"),
    "processes": _at_least(1),
    "ensemble": (lambda value: value == 0 or value >= 2, "0, or 2 or more"),
    "l2": (lambda value: value is None or (math.isfinite(value) and value > 0), "a number above 0, or null"),
    "max_length": _at_least(8),
    "epochs": _at_least(1),
    "learning_rate": (lambda value: math.isfinite(value) and value > 0, "a number above 0"),
    "head_learning_rate": (lambda value: math.isfinite(value) and value > 0, "a number above 0"),
    "weight_decay": (lambda value: math.isfinite(value) and value >= 0, "0 or more"),
    "warmup_ratio": (lambda value: 0 <= value < 1, "at least 0 and below 1"),
    "batch_prompts": _at_least(1),
    "token_budget": (lambda value: value is None or value >= 1, "1 or more, or null"),
    "graph_budget": _at_least(0),
    "eval_every": _at_least(1),
    "checkpoint_every": _at_least(1),
    "seed": (lambda value: 0 <= value < 2**32, "at least 0 and below 2**32"),
    "threads": (lambda value: value is None or value >= 1, "1 or more, or null"),
    "bootstrap_samples": _at_least(100),
    "min_pairs": _at_least(1),
}

_CLASHES: list[tuple[Callable[[TrainConfig], bool], str]] = [
    (
        lambda config: config.depth == "head" and config.centering > 0,
        "centering is {centering} but depth is 'head', whose rewards have mean 0 on the training split as they are;"
        " set centering=0",
    ),
    (
        lambda config: config.ties == "davidson" and config.margin != "none",
        "ties is 'davidson' and margin is {margin!r}; with a margin the chances of win, loss and tie don't add up to 1,"
        " so set margin=none or another ties",
    ),
    (
        lambda config: config.ties == "davidson" and config.weight != "none",
        "ties is 'davidson' and weight is {weight!r}; ties have no strength, so their share would be learnt wrongly;"
        " set weight=none or another ties",
    ),
    (
        lambda config: config.head == "scalar" and (config.flag is not None or not config.flag_positive),
        "flag is {flag!r} and flag_positive {flag_positive} but head is 'scalar', which reads no flags;"
        " set head=binary",
    ),
    (
        lambda config: config.head == "binary" and config.flag_weight == 0,
        "head is 'binary' and flag_weight is {flag_weight}, so nothing would train its classes; set head=scalar",
    ),
    (
        lambda config: config.depth != "full" and bool(config.lora_rank or config.train_layers is not None),
        "depth is {depth!r}, which leaves the backbone as it is, but lora_rank is {lora_rank} and train_layers"
        " {train_layers}; set depth=full",
    ),
    (
        lambda config: config.depth != "full" and config.processes > 1,
        "depth is {depth!r}, which one process does, but processes is {processes}; set processes=1",
    ),
    (
        lambda config: config.depth != "full" and (config.quantize, config.optimizer) != ("none", "adamw"),
        "depth is {depth!r}, which trains no weight of the backbone, but quantize is {quantize!r} and optimizer"
        " {optimizer!r}; set depth=full",
    ),
    (
        lambda config: config.depth != "full" and (config.attention, config.kernels) != ("auto", "none"),
        "depth is {depth!r}, which only reads the backbone, but attention is {attention!r} and kernels {kernels!r};"
        " set depth=full",
    ),
    (
        lambda config: config.quantize != "none" and not config.lora_rank,
        "quantize is {quantize!r}, which is for weights below adapters, but lora_rank is {lora_rank}; set lora_rank=16,"
        " say, or quantize=none",
    ),
    (
        lambda config: config.processes > 1 and (config.quantize, config.optimizer) != ("none", "adamw"),
        "processes is {processes}, but quantize is {quantize!r} and optimizer {optimizer!r}: what bitsandbytes keeps"
        " can't be shared out; set processes=1, or quantize=none and optimizer=adamw",
    ),
    (
        lambda config: config.attention == "flash" and config.dtype == "float32",
        "attention is 'flash', which computes in half precision, but dtype is 'float32'; set dtype=bfloat16",
    ),
    (
        lambda config: config.lora_rank > 0 and config.train_layers == 0,
        "lora_rank is {lora_rank} and train_layers 0, which leaves no layer to adapt; set train_layers=null",
    ),
]
