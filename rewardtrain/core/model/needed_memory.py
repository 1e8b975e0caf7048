"""What a fine-tuning holds whatever its batches are, by the numbers of its backbone's weights: arithmetic alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from rewardtrain.core.config import TrainConfig

NUMBER = 4  # bytes of a weight, of its gradient and of each of AdamW's two moments
QUANTIZED = 0.516  # bytes of a weight in 4 bits, with a scale in 8 bits for each 64 and one in 32 for each 256 of those
MOMENT_8_BIT = 1 + NUMBER / 256
# Tokens per micro-batch. A CPU is fastest where a layer's activations stay in its cache and padding is small; a GPU
# wants to be filled. (MiniLM, one core, bfloat16, HH at 256 tokens: 1,629 tokens/s at 1,024, 1,286 at 4,096.)
LIKED_TOKENS = {"cpu": 1024, "cuda": 16384, "mps": 4096}


@dataclass(frozen=True)
class Sizes:
    """Numbers of a backbone's weights."""

    all: int
    layers: tuple[int, ...]  # of each
    quantizable: int  # in linear layers of these that can be kept in 4 bits
    linear_ends: int  # inputs and outputs of all linear layers of these together

    @property
    def outside(self) -> int:
        """Counts what is in none of the layers: embeddings, above all."""
        return self.all - sum(self.layers)


@dataclass(frozen=True)
class Way:
    """What a person can set so that it fits."""

    changes: Mapping[str, object]  # settings
    processes: int


def needed(sizes: Sizes, config: TrainConfig, processes: int) -> int:
    """Reckons the bytes that each process holds beside activations.

    Weights, and of those that are trained gradients and moments, each a part of them; and where there are several
    processes what is whole for a moment: a layer with its gradient and the next one, and what stands outside with its.
    """
    trained, kept = sizes.all, NUMBER * sizes.all
    if config.train_layers is not None:
        trained = sum(sizes.layers[len(sizes.layers) - config.train_layers :])
    if config.lora_rank:
        part = 1.0 if config.train_layers is None else config.train_layers / max(1, len(sizes.layers))
        trained = round(part * config.lora_rank * sizes.linear_ends)
        kept += NUMBER * trained
    if config.quantize != "none":
        kept -= round((NUMBER - QUANTIZED) * sizes.quantizable)
    moment = MOMENT_8_BIT if config.optimizer == "adamw_8bit" else NUMBER
    held = kept + trained * (NUMBER + 2 * moment)
    whole = NUMBER * (3 * max(sizes.layers, default=0) + 2 * sizes.outside) if processes > 1 else 0
    return round(held / processes) + whole


def held_tokens(config: TrainConfig, k: int, kind: str) -> int:
    """Counts the tokens whose activations a process holds at once, at most, where prompts have k completions.

    kind: the device's. A micro-batch that is over the graph budget is forwarded again with a graph of its own.
    """
    batch = -(-config.batch_prompts // config.processes) * k * config.max_length
    return min(batch, max(config.graph_budget, config.token_budget or LIKED_TOKENS[kind]))


def ways(sizes: Sizes, config: TrainConfig, processes: int, has: float, *, more: bool) -> list[Way]:
    """Lists what would fit into a device of so many bytes, at most two: of fewer weights that are trained, then of more
    processes. more: whether another process has a device of its own."""
    lora: dict[str, object] = {"lora_rank": 16, "train_layers": None}
    smaller: list[Way] = []
    if not config.lora_rank:
        smaller.append(Way(lora, processes))
        if processes == 1:
            smaller.append(Way(lora | {"quantize": "nf4"}, 1))
    elif processes == 1 and config.quantize == "none":
        smaller.append(Way({"quantize": "nf4"}, 1))
    several: list[Way] = []
    if more and config.quantize == "none" and config.optimizer == "adamw":
        several = [Way({}, count) for count in (2, 4, 8, 16, 32, 64) if count > processes]

    def fits(way: Way) -> bool:
        changed = TrainConfig.from_dict({**config.to_dict(), **way.changes, "processes": 1})
        return needed(sizes, changed, way.processes) <= has

    return [way for each in (smaller, several) for way in [*filter(fits, each)][:1]]
