"""What is reckoned of a fine-tuning's memory is what it holds; what can't fit is refused with what would."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.groups import Message
from rewardtrain.core.device import Device, choose_device, total_memory
from rewardtrain.core.errors import OutOfMemoryError
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import make_optimizer
from rewardtrain.core.model.adapters import freeze
from rewardtrain.core.model.gradients import accumulate_gradients
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.memory_plan import advice, require_memory, sizes_of
from rewardtrain.core.model.needed_memory import Sizes, needed
from rewardtrain.core.model.quantized import quantize
from tests.core.tiny.backbones import BACKBONES

# Llama 3's 8 B: 32 layers of 218 M, and 128,256 tokens of 4,096.
EIGHT_BILLION = Sizes(
    all=32 * 218_112_000 + 128_256 * 4096,
    layers=(218_112_000,) * 32,
    quantizable=32 * 218_103_808,
    linear_ends=32 * (2 * 8192 + 2 * 5120 + 3 * 18_432),
)
WAYS: list[dict[str, Any]] = [
    {},
    {"lora_rank": 4},
    {"train_layers": 1},
    {"lora_rank": 4, "quantize": "nf4"},
    {"optimizer": "adamw_8bit"},
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["bert", "qwen3"])
def test_what_is_reckoned_is_what_a_run_holds_after_its_first_step(
    kind: str, way: dict[str, Any], tmp_path: Path
) -> None:
    """But for the head, and pooler, which a head is trained with whatever the settings say."""
    numbers = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 4}
    numbers |= {"num_key_value_heads": 4, "head_dim": 32} if kind == "qwen3" else {}
    folder, config = BACKBONES[kind].save(tmp_path / kind, **numbers), TrainConfig(**way)
    model = load_backbone(str(folder), max_length=32, device=choose_device(1))
    freeze(model.network, config, new_parameters=model.new_parameters)
    quantize(model.network, config, model.device)
    sequences = model.encoder.encode((Message("user", "ba be"),), ["good", "bad"])
    batch = make_batch([sequences], [Comparisons({(0, 1): 1.0}, n_strict=1, n_ties=0)])
    optimizer = make_optimizer(model.network, Objective(config), config, head=model.new_parameters)
    accumulate_gradients(model, batch, Objective(config), token_budget=64, graph_budget=10**6)
    optimizer.step()
    outside = [one for name, one in model.network.named_parameters() if "pooler" in name or "score" in name]
    apart = sum(one.numel() for one in outside) * 16
    tensors: list[torch.Tensor] = []
    for parameter in model.network.parameters():
        state = [value for key, value in optimizer.state[parameter].items() if not str(key).startswith("qmap")]
        quantized = getattr(parameter, "quant_state", None)
        small = [quantized.absmax, quantized.state2.absmax, quantized.state2.code] if quantized else []
        tensors += [parameter, parameter.grad, *state, *small]  # type: ignore[list-item]
    seen = sum(one.numel() * one.element_size() for one in tensors if isinstance(one, torch.Tensor) and one.ndim)
    assert needed(sizes_of(str(folder)), config, 1) == pytest.approx(seen, rel=0.05, abs=apart)


def test_the_parts_of_several_processes_are_a_share_and_what_is_whole_for_a_moment() -> None:
    alone, eight = (needed(EIGHT_BILLION, TrainConfig(), count) for count in (1, 8))
    assert alone == 16 * EIGHT_BILLION.all
    assert eight == alone // 8 + 4 * (3 * 218_112_000 + 2 * EIGHT_BILLION.outside)


@pytest.mark.parametrize(
    ("settings", "processes", "has", "words"),
    [
        ({}, 1, 80e9, "set lora_rank=16, or train in 2 processes"),
        ({}, 1, 24e9, "set lora_rank=16 and quantize=nf4, or train in 8 processes"),
        ({"lora_rank": 16}, 1, 24e9, "set quantize=nf4, or train in 2 processes"),
        ({}, 8, 12e9, "set lora_rank=16, or train in 32 processes"),
        ({}, 1, 2e9, "take a smaller backbone"),
    ],
)
def test_what_would_fit_is_named(settings: dict[str, Any], processes: int, has: float, words: str) -> None:
    device = Device("cuda", "a GPU", torch.bfloat16)
    assert advice(EIGHT_BILLION, TrainConfig(**settings), device, processes, int(has)) == words


def test_what_can_not_fit_is_refused_before_it_is_loaded() -> None:
    device = choose_device(1)
    huge = Sizes(all=total_memory(device), layers=(), quantizable=0, linear_ends=0)
    wanted = rf"need {16 * huge.all / 1e9:.0f} GB beside activations; this machine has {huge.all / 1e9:.0f}: "
    with pytest.raises(OutOfMemoryError, match=re.escape(wanted)):
        require_memory(huge, TrainConfig(), device, 1)
    small = Sizes(all=1000, layers=(), quantizable=0, linear_ends=0)
    assert require_memory(small, TrainConfig(), device, 2)["needed_bytes"] == 2 * (8000 + 8000)
