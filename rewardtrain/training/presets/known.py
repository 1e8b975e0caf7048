"""Backbones that a project may start from, with what their makers say of them. Sources: docs/backbones.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.model.needed_memory import Sizes
from rewardtrain.training.backbones import MINILM


@dataclass(frozen=True)
class Preset:
    key: str  # in addresses
    name: str  # in settings: 'minilm' or a Hugging Face id
    title: str
    licence: str
    parameters: int
    embedded: int  # of these the table of tokens, through which nothing is multiplied
    layers: int
    hidden: int
    per_rank: int  # parameters of LoRA adapters of rank 1: inputs and outputs of every linear layer
    disk: int  # bytes of its weights
    longest: int  # tokens that it reads
    good_for: str | Promise
    settings: Mapping[str, object]  # that differ from the defaults, the backbone apart
    is_reward_model: bool = False  # with a head of its own, to be measured as it is

    @cached_property
    def config(self) -> TrainConfig:
        return TrainConfig.from_dict({"backbone": self.name, **self.settings})

    @cached_property
    def sizes(self) -> Sizes:
        """Gives its weights as a run counts them; norms and biases, a thousandth of a layer, pass for weights here."""
        body = self.parameters - self.embedded
        layers = (body // self.layers,) * self.layers
        return Sizes(all=self.parameters, layers=layers, quantizable=body, linear_ends=self.per_rank)


_QWEN3: dict[str, Any] = {
    "parameters": 596_050_944,
    "embedded": 155_582_464,
    "layers": 28,
    "hidden": 1024,
    "per_rank": 630_784,
}
_LORA = {"max_length": 512, "lora_rank": 16, "graph_budget": 4096}

PRESETS = (
    Preset(
        key="minilm",
        name=MINILM,
        title="MiniLM",
        licence="Apache-2.0",
        parameters=22_713_601,
        embedded=11_720_448,
        layers=6,
        hidden=384,
        per_rank=41_472,
        disk=90_868_376,
        longest=512,
        good_for=_("English on a machine without a GPU: it comes with Podium and trains in minutes."),
        settings=MappingProxyType({}),
    ),
    Preset(
        key="modernbert",
        name="answerdotai/ModernBERT-base",
        title="ModernBERT-base",
        licence="Apache-2.0",
        parameters=149_605_633,
        embedded=38_682_624,
        layers=22,
        hidden=768,
        per_rank=211_200,
        disk=599_000_000,
        longest=8192,
        good_for=_("English and code in long dialogues, on one GPU or patiently on a CPU."),
        settings=MappingProxyType({"max_length": 512, "graph_budget": 4096}),
    ),
    Preset(
        key="deberta",
        name="microsoft/deberta-v3-base",
        title="DeBERTa-v3-base",
        licence="MIT",
        parameters=184_422_913,
        embedded=98_380_800,
        layers=12,
        hidden=768,
        per_rank=165_888,
        disk=371_000_000,
        longest=512,
        good_for=_("Short English texts where the last percent of accuracy counts; slower than others of its size."),
        settings=MappingProxyType({"max_length": 384, "learning_rate": 2e-5, "graph_budget": 4096}),
    ),
    Preset(
        key="qwen3",
        name="Qwen/Qwen3-0.6B",
        title="Qwen3-0.6B",
        licence="Apache-2.0",
        disk=1_500_000_000,
        longest=32_768,
        good_for=_("Many languages and chats, with a GPU: a decoder reads a prompt once for all its completions."),
        settings=MappingProxyType({**_LORA, "learning_rate": 2e-4}),
        **_QWEN3,
    ),
    Preset(
        key="skywork",
        name="Skywork/Skywork-Reward-V2-Qwen3-0.6B",
        title="Skywork-Reward-V2-Qwen3-0.6B",
        licence="Apache-2.0",
        disk=1_192_000_000,
        longest=32_768,
        good_for=_("Few labels: it is a reward model already, trained on 26 million public pairs."),
        settings=MappingProxyType({**_LORA, "learning_rate": 1e-4}),
        is_reward_model=True,
        **_QWEN3,
    ),
)
BY_KEY = MappingProxyType({preset.key: preset for preset in PRESETS})
