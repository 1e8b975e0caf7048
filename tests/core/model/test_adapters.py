"""Training a part of the backbone."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2ForSequenceClassification

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import make_batch
from rewardtrain.core.data.comparisons import Comparisons
from rewardtrain.core.data.groups import Message
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.full.optimizer import make_optimizer
from rewardtrain.core.model.adapters import freeze, merge_adapters
from rewardtrain.core.model.gradients import accumulate_gradients, predict
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.network import RewardModel
from tests.core.tiny.backbones import BACKBONES

TEXTS = ["please help", "never", "go away you"]


def load(folder: Path, **settings: object) -> RewardModel:
    torch.manual_seed(3)
    model = load_backbone(str(folder), max_length=32, device=choose_device(1))
    freeze(model.network, TrainConfig.from_dict(settings), new_parameters=model.new_parameters)
    return model


def gradient_names(model: RewardModel) -> set[str]:
    sequences = model.encoder.encode((Message("user", "how do i bake bread"),), TEXTS)
    batch = make_batch([sequences], [Comparisons({(0, 1): 1.0, (0, 2): 1.0}, n_strict=2, n_ties=0)])
    accumulate_gradients(model, batch, Objective(TrainConfig()), token_budget=64, graph_budget=10**6)
    return {name for name, parameter in model.network.named_parameters() if parameter.grad is not None}


def parts(names: Sequence[str] | set[str], depth: int) -> set[str]:
    return {".".join(name.split(".")[:depth]) for name in names}


def test_the_top_layers_alone_get_a_gradient(tiny_bert: Path) -> None:
    model = load(tiny_bert, train_layers=1)
    assert parts(gradient_names(model), 4) == {
        "bert.encoder.layer.1", "bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight",
        "classifier.bias",
    }  # fmt: skip


def test_a_layer_narrower_than_the_rank_is_left_as_it_is(tmp_path: Path) -> None:
    """The gate of shared experts is one wide: it is no reason to refuse adapters to all others."""
    model = load(BACKBONES["qwen2_moe"].save(tmp_path / "moe"), lora_rank=2)
    adapted = {name for name, parameter in model.network.named_parameters() if ".lora_" in name}
    assert any(".q_proj." in name for name in adapted)
    assert not any("shared_expert_gate" in name for name in adapted)


@pytest.mark.parametrize("kind", ["gemma3", "qwen3_5"])
@pytest.mark.parametrize("settings", [{"train_layers": 1}, {"lora_rank": 1}])
def test_of_a_network_that_reads_pictures_the_text_part_is_trained(
    kind: str, settings: dict[str, int], tmp_path: Path
) -> None:
    names = gradient_names(load(BACKBONES[kind].save(tmp_path / kind), **settings)) - {"score.weight"}
    assert names
    assert parts(names, 2) == {"model.language_model"}


@pytest.mark.parametrize(("train_layers", "with_graph"), [(None, [True, True]), (1, [False, True]), (0, [False] * 2)])
def test_no_graph_is_built_below_what_is_trained(
    train_layers: int | None, with_graph: list[bool], tiny_bert: Path
) -> None:
    """Which is where its speed and its small memory come from: no backward pass, no activations kept."""
    model = load(tiny_bert, train_layers=train_layers)
    seen: list[bool] = []

    def look(module: torch.nn.Module, args: object, output: Tensor | tuple[Tensor, ...]) -> None:
        hidden = output if isinstance(output, Tensor) else output[0]
        seen.append(hidden.requires_grad)

    for layer in model.network.bert.encoder.layer:
        layer.register_forward_hook(look)
    gradient_names(model)
    assert seen == with_graph


def test_adapters_are_trained_in_the_place_of_every_linear_layer(tiny_llama: Path) -> None:
    model = load(tiny_llama, lora_rank=4)
    names = gradient_names(model)
    assert len(names) == 2 * 2 * 7 + 1  # A and B, 2 layers of q, k, v, o, gate, up and down, and the head
    assert {name.partition(".lora_")[2][:1] for name in names} == {"A", "B", ""}
    optimizer = make_optimizer(model.network, Objective(TrainConfig()), TrainConfig(), head=model.new_parameters)
    trained = sum(parameter.numel() for group in optimizer.param_groups for parameter in group["params"])
    # rank * (in + out) each: q and o 32 + 32, k and v 32 + 16, gate, up and down 32 + 64; the head 32
    assert trained == 2 * 4 * (2 * 64 + 2 * 48 + 3 * 96) + 32


def test_new_adapters_change_nothing(tiny_bert: Path) -> None:
    plain, adapted = load(tiny_bert), load(tiny_bert, lora_rank=2)
    sequences = plain.encoder.encode((Message("user", "chess"),), TEXTS)
    one, other = (predict(model, sequences, token_budget=64) for model in (plain, adapted))
    assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_merged_adapters_give_a_plain_network_of_equal_logits(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    plain, model = load(folder), load(folder, lora_rank=2)
    with torch.no_grad():
        for name, parameter in model.network.named_parameters():
            if ".lora_" in name:
                parameter.normal_(std=0.1)
    sequences = model.encoder.encode((Message("user", "chess"),), TEXTS)
    before = predict(model, sequences, token_budget=64)
    merge_adapters(model.network)
    torch.testing.assert_close(predict(model, sequences, token_budget=64), before, atol=1e-5, rtol=0)
    assert not torch.allclose(predict(plain, sequences, token_budget=64), before, atol=1e-3)
    assert model.network.state_dict().keys() == plain.network.state_dict().keys()


def test_layers_that_store_their_weight_transposed_are_adapted_too() -> None:
    """GPT-2's."""
    torch.manual_seed(3)
    network = GPT2ForSequenceClassification(
        GPT2Config(vocab_size=20, n_embd=16, n_layer=2, n_head=2, n_positions=16, pad_token_id=0, num_labels=1)
    ).eval()
    ids = torch.tensor([[5, 6, 7]])
    freeze(network, TrainConfig(lora_rank=2, train_layers=1), new_parameters=frozenset({"score.weight"}))
    adapted = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert parts(adapted - {"score.weight"}, 3) == {"transformer.h.1"}
    assert len(adapted) == 2 * 4 + 1
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if ".lora_" in name:
                parameter.normal_(std=0.1)
        before = network(ids).logits
        merge_adapters(network)
        torch.testing.assert_close(network(ids).logits, before, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"train_layers": 3}, "train_layers is 3, but the backbone has 2 layers"),
        ({"lora_rank": 32}, "lora_rank is 32, but the backbone's layers are at most 32 wide"),
        ({"lora_rank": 2, "train_layers": 0}, "lora_rank is 2 and train_layers 0"),
        ({"depth": "head", "train_layers": 1}, "depth is 'head'"),
        ({"depth": "head", "lora_rank": 1}, "depth is 'head'"),
        ({"depth": "head", "processes": 2}, "depth is 'head'"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, object], words: str, tiny_bert: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tiny_bert, **settings)
