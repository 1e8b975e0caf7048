"""What is found out of a kind of network by trying it, as docs/backbones.md states it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from tests.core.tiny.architectures import tiny

PAGE = Path(__file__).parents[3] / "docs" / "backbones.md"
BEGIN, END = "<!-- the table: python -m benchmarks.training.backbones -->", "<!-- its end -->"
LENGTH = 32  # tokens
_HEADS = (
    "model_type", "family", "reads", "names of its own", "head reads", "padded on", "shared prompt", "checkpointing",
    "LoRA", "refused, because",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """A row of the table; its fields are the columns."""

    kind: str  # transformers' model_type
    family: str = ""  # encoder, decoder or both
    reads: str = ""  # how prompt and completion are one text
    names: str = ""  # which of the padding token and those of beginning and end its config names
    pooled: str = ""  # the token whose state the head reads
    padded: str = ""  # the side that leaves a reward what it is alone
    shared: str = ""  # whether completions of a prompt may share a row
    checkpointing: str = ""
    lora: str = ""
    refused: str = ""  # why it can't be used, or what of it

    def row(self) -> str:
        return "| " + " | ".join(value.replace("|", "\\|") for value in astuple(self)) + " |"


def written() -> dict[str, str]:
    """Reads the rows of the page's table, by kind."""
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return {row.split(" | ")[0].removeprefix("| "): row for row in rows[1:]}


def usable() -> list[str]:
    """Lists the kinds that the page doesn't say are refused."""
    refused = len(fields(Facts)) - 1
    return [kind for kind, row in written().items() if row.split(" | ")[2].strip() or not row.split(" | ")[refused]]


def table(rows: list[Facts]) -> str:
    lines = [f"| {' | '.join(_HEADS)} |", "|" + "---|" * len(_HEADS), *(one.row() for one in rows)]
    return "\n".join([BEGIN, *lines, END])


def measure(kind: str, folder: Path) -> Facts:
    """Tries a tiny network of the kind, made in the folder."""
    from rewardtrain.core.errors import BackboneError

    names = _names(kind)
    try:
        model = _load(kind, folder)
    except BackboneError as error:
        return Facts(kind, names=names, refused=_sentence(error, folder))
    style = model.encoder.style
    return Facts(
        kind,
        family=_family(model.network.config, style),
        reads="pair" if style == "pair" else "text" if model.network.config.is_encoder_decoder else "chat or text",
        names=names,
        pooled=_pooled(model),
        padded=model.side,
        shared="yes" if model.packs else "no",
        checkpointing=_tried(_checkpointed, _load(kind, folder)),
        lora=_tried(_adapted, _load(kind, folder)),
    )


def _load(kind: str, folder: Path) -> Any:
    from rewardtrain.core.device import choose_device
    from rewardtrain.core.model.loading import load_backbone

    backbone = folder / kind
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not backbone.exists():
            try:
                tiny(kind).save(backbone)
            except ImportError:
                tiny(kind).save_without_weights(backbone)
        return load_backbone(str(backbone), max_length=LENGTH, device=choose_device(1))


def _names(kind: str) -> str:
    from transformers import AutoConfig

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = AutoConfig.for_model(kind).get_text_config()
    known = {name: getattr(config, f"{name}_token_id", None) for name in ("pad", "bos", "eos")}
    return ", ".join(name for name, value in known.items() if value is not None)


def _family(config: Any, style: str) -> str:
    if config.is_encoder_decoder:
        return "encoder-decoder"
    return "encoder" if style == "pair" else "decoder"


def _pooled(model: Any) -> str:
    """Tells by the gradient of a short text's logits, beside a longer one, which states its head reads."""
    from rewardtrain.core.model.probes import probes

    short, long = probes(model)[:2]
    states: list[Any] = []

    def keep(module: Any, given: Any, output: Any) -> None:
        states.append(output[0])
        output[0].retain_grad()

    handle = model.network.base_model.register_forward_hook(keep)
    model.logits([short, long])[0].sum().backward()
    handle.remove()
    read = states[0].grad[0].abs().sum(-1).nonzero().flatten().tolist()
    own = range(len(short)) if model.side == "right" else range(len(long) - len(short), len(long))
    if read == [own[0]]:
        return "first token"
    if len(read) == 1 and read[0] in own[-2:]:  # the last may be an end token that pads, too
        return "last token"
    return "mean of its tokens" if set(read) >= set(own[1:-1]) else f"tokens {read} of {len(own)}"


def _tried(act: Callable[[Any], None], model: Any) -> str:
    from rewardtrain.core.errors import ConfigError

    try:
        act(model)
    except ConfigError as error:
        return "no" if "can't do it" in str(error) else f"no: {error}"
    return "yes"


def _checkpointed(model: Any) -> None:
    from rewardtrain.core.config import TrainConfig
    from rewardtrain.core.model.probes import probes
    from rewardtrain.core.model.speed import speed_up

    speed_up(model, TrainConfig(gradient_checkpointing=True))
    model.logits(probes(model)[:1]).sum().backward()


def _adapted(model: Any) -> None:
    """Gives it adapters, trains them for a step, and merges them."""
    import torch

    from rewardtrain.core.config import TrainConfig
    from rewardtrain.core.model.adapters import freeze, merge_adapters
    from rewardtrain.core.model.probes import probes, same

    freeze(model.network, TrainConfig(lora_rank=2), new_parameters=model.new_parameters)
    model.network.eval()
    model.logits(probes(model)).sum().backward()
    grown = {name: each for name, each in model.network.named_parameters() if ".lora_B" in name}
    gradients = [(each, each.grad) for each in grown.values() if each.grad is not None]
    assert any(gradient.abs().max() > 0 for _, gradient in gradients)
    with torch.no_grad():
        for parameter, gradient in gradients:
            parameter += 0.1 * gradient.sign()
        with_adapters = model.logits(probes(model))
    merge_adapters(model.network)
    with torch.no_grad():
        assert same(model.logits(probes(model)), with_adapters), "merged adapters give another reward"


def _sentence(error: Exception, folder: Path) -> str:
    """Gives the reason without the backbone's name."""
    said = str(error).replace(str(folder), "")
    return said.partition("' ")[2] if said.startswith("backbone '") else said
