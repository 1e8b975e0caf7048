"""What is found out about a network by trying it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.groups import Message
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import BackboneError, ConfigError
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.probes import probes, tried
from rewardtrain.core.model.speed import speed_up
from tests.core.tiny.backbones import BACKBONES, BERT, CHAT, RECURRENT, Backbone

Load = Callable[..., RewardModel]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """load(kind, ...): a backbone of tests/core/tiny/backbones.py with other numbers."""

    def make(kind: str, **numbers: Any) -> RewardModel:
        folder = tmp_path / kind
        if not folder.exists():
            BACKBONES[kind].save(folder, **numbers)
        torch.manual_seed(3)
        return load_backbone(str(folder), max_length=32, device=choose_device(1))

    return make


@pytest.mark.parametrize(
    ("kind", "numbers", "wanted"),
    [
        ("llama", {}, True),
        ("gpt2", {}, True),
        ("mixtral", {}, True),
        ("mistral", {"sliding_window": 64}, True),
        ("mistral", {"sliding_window": 8}, False),
        ("bloom", {}, False),  # a position is a distance in the row
        ("qwen3_5", {}, False),  # recurrent
        ("gemma3", {}, False),
        ("bert", {}, False),  # the prompt reads the completion too
        ("xlnet", {}, False),
    ],
)
def test_what_can_be_packed_is_found_out_by_trying(
    kind: str, numbers: dict[str, int], wanted: bool, load: Load
) -> None:
    assert load(kind, **numbers).packs is wanted


def test_eager_attention_which_adds_the_mask_is_given_numbers_and_is_packed(load: Load) -> None:
    model = load("llama")
    sequences = model.encoder.encode((Message("user", "ba be"),), ["good", "bad " * 9, "ka"])
    fused = model.row_logits([sequences])
    model.network.set_attn_implementation("eager")
    assert tried("it", model).packs
    torch.testing.assert_close(model.row_logits([sequences]), fused, atol=1e-5, rtol=1e-4)


def test_a_recurrence_that_forgets_is_not_packed(tmp_path: Path) -> None:
    """Sixteen tokens later nothing is left of the completion before; one token later there is."""
    numbers = {**RECURRENT, "layer_types": ["linear_attention", "linear_attention"]}
    folder = Backbone("qwen3_5_text", CHAT, numbers).save(tmp_path / "recurrent")
    assert not load_backbone(str(folder), max_length=32, device=choose_device(1)).packs


@pytest.mark.parametrize("kind", ["bert", "deberta-v2", "llama", "gemma3", "mixtral", "bart", "xlnet"])
def test_either_kind_of_attention_reads_a_text_alike_beside_a_longer_one(kind: str, load: Load) -> None:
    model = load(kind)
    fused = model.features(probes(model))
    model.network.set_attn_implementation("eager")
    eager = tried("it", model)
    assert eager.side == model.side
    torch.testing.assert_close(eager.features(probes(model)), fused, atol=1e-4, rtol=1e-4)


def test_a_network_that_reads_its_last_position_is_padded_on_the_left(load: Load, tmp_path: Path) -> None:
    """As its saved tokenizer then does too, whatever it was found with."""
    tokenizer_of = BACKBONES["xlnet"].save(tmp_path / "xlnet")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_of)
    tokenizer.padding_side = "right"
    tokenizer.save_pretrained(tokenizer_of)
    model = load("xlnet")
    assert (model.side, model.encoder.tokenizer.padding_side) == ("left", "left")
    sequences = model.encoder.encode((Message("user", "ba be"),), ["good", "bad " * 20])
    with torch.no_grad():
        alone = torch.cat([model.logits([sequence]) for sequence in sequences])
        torch.testing.assert_close(model.logits(sequences), alone, atol=1e-6, rtol=1e-4)


def test_a_network_that_reads_its_padding_on_either_side_is_refused(tmp_path: Path) -> None:
    """FNet mixes all positions by a Fourier transform and knows no mask."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "intermediate_size": 32, "max_position_embeddings": 64}
    folder = Backbone("fnet", BERT, sizes).save(tmp_path / "fnet")
    with pytest.raises(BackboneError, match=r"fnet' is a FNetFor.* another reward beside a longer one.*choose another"):
        load_backbone(str(folder), max_length=32, device=choose_device(1))


def test_a_layer_whose_outputs_are_not_the_logits_is_refused(load: Load) -> None:
    model = load("bert")

    def add_one(module: Any, args: Any, output: Any) -> Any:
        output.logits = output.logits + 1
        return output

    model.network.register_forward_hook(add_one)
    with pytest.raises(BackboneError, match="whose logits are not what its layer classifier gives"):
        tried("it", model)


@pytest.mark.parametrize("kind", BACKBONES)
def test_gradient_checkpointing_changes_neither_a_logit_nor_a_gradient(kind: str, load: Load) -> None:
    """With dropout, layer drop or a jittering router in some configs; torch's random state says none was drawn."""
    plain, checkpointed, config = load(kind), load(kind), TrainConfig(gradient_checkpointing=True)
    if kind in ("mpnet", "albert", "xlnet"):
        with pytest.raises(ConfigError, match="can't do it; set it to false"):
            speed_up(checkpointed, config)
        return
    speed_up(checkpointed, config)
    state = torch.get_rng_state()
    for model in (plain, checkpointed):
        model.logits(probes(model)).sum().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(torch.get_rng_state(), state)
    for (name, one), (_, other) in zip(
        plain.network.named_parameters(), checkpointed.network.named_parameters(), strict=True
    ):
        if one.grad is not None:
            assert other.grad is not None, name
            torch.testing.assert_close(other.grad, one.grad, atol=1e-5, rtol=1e-3)


def test_noise_that_training_mode_turns_on_is_refused(load: Load) -> None:
    model = load("llama")
    layer = model.network.model.layers[1]

    def jitter(module: Any, args: Any, output: torch.Tensor) -> torch.Tensor:
        return output + torch.randn_like(output) if module.training else output

    layer.register_forward_hook(jitter)
    with pytest.raises(ConfigError, match="LlamaForSequenceClassification gives other logits in training mode; set it"):
        speed_up(model, TrainConfig(gradient_checkpointing=True))
