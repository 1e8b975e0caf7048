import json
import shutil
from pathlib import Path

import pytest
import torch
from torch.nn.functional import logsigmoid

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch
from rewardtrain.core.data.comparisons import Comparisons, merge
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.device import choose_device
from rewardtrain.core.errors import BackboneError, NotFiniteError
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.model.gradients import accumulate_gradients, predict
from rewardtrain.core.model.loading import backbone_folder, load_backbone
from rewardtrain.core.model.network import RewardModel

GROUPS = [
    Group("1", "train", (Message("user", "how do i bake bread"),), ("please help", "never", "go away you stupid"),
          (Ranking("ann", (1, 2, 3)), Ranking("ben", (2, 1, 2)))),
    Group("2", "train", (Message("user", "chess"),), ("answer this", "no"), (Ranking("ann", (2, 1)),)),
    Group("3", "train", (Message("user", "learn " * 20),), ("a", "b b", "c c c", "d"), (Ranking("ann", (4, 3, 2, 1)),)),
]  # fmt: skip


def load(folder: Path) -> RewardModel:
    torch.manual_seed(3)
    return load_backbone(str(folder), max_length=32, device=choose_device(1))


def batch_of(model: RewardModel) -> tuple[Batch, list[Comparisons]]:
    merged = [merge(group, ties="drop") for group in GROUPS]
    return make_batch([model.encoder.encode(group.prompt, group.completions) for group in GROUPS], merged), merged


def gradients(model: RewardModel) -> dict[str, torch.Tensor]:
    found = {name: p.grad.clone() for name, p in model.network.named_parameters() if p.grad is not None}
    model.network.zero_grad()
    return found


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
@pytest.mark.parametrize("budgets", [(1, 0), (40, 0), (64, 100), (10**6, 10**6)])
def test_gradients_equal_those_of_one_pair_at_a_time(
    kind: str, budgets: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    """The naive way: every comparison forwards its two sequences alone, weighted by 1 / (B * weights of its prompt)."""
    model = load(request.getfixturevalue(kind))
    batch, merged = batch_of(model)
    loss = accumulate_gradients(
        model, batch, Objective(TrainConfig()), token_budget=budgets[0], graph_budget=budgets[1]
    )
    ours = gradients(model)

    naive = 0.0
    for group, comparisons in zip(GROUPS, merged, strict=True):
        encoded = model.encoder.encode(group.prompt, group.completions)
        for (i, j), weight in comparisons.weights.items():
            margin = model.rewards([encoded[i]]) - model.rewards([encoded[j]])
            term = -logsigmoid(margin).sum() * weight / sum(comparisons.weights.values()) / len(GROUPS)
            term.backward()  # type: ignore[no-untyped-call]
            naive += term.item()
    assert loss == pytest.approx(naive, abs=1e-6)
    wanted = gradients(model)
    assert ours.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(ours[name], gradient, atol=1e-6, rtol=0)


def test_each_completion_goes_through_the_model_once_whatever_the_number_of_pairs(tiny_bert: Path) -> None:
    model = load(tiny_bert)
    batch, _ = batch_of(model)
    seen: list[int] = []
    model.network.register_forward_hook(
        lambda module, args, kwargs, output: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    accumulate_gradients(model, batch, Objective(TrainConfig()), token_budget=64, graph_budget=10**6)
    assert sum(seen) == sum(len(group.completions) for group in GROUPS)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_padding_does_not_change_a_reward(kind: str, request: pytest.FixtureRequest) -> None:
    model = load(request.getfixturevalue(kind))
    batch, _ = batch_of(model)
    together = predict(model, batch.sequences, token_budget=10**6)
    alone = predict(model, batch.sequences, token_budget=1)
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=0)


def test_a_score_that_is_no_number_is_never_given(tiny_bert: Path) -> None:
    model = load(tiny_bert)
    batch, _ = batch_of(model)

    def overflow(module: torch.nn.Module, args: object, output: torch.Tensor) -> torch.Tensor:
        return output.where(output > output.min(), torch.nan)

    model.network.classifier.register_forward_hook(overflow)
    with pytest.raises(NotFiniteError, match=r"1 of 9 texts get a score that is no number, the first of \d+ tok"):
        predict(model, batch.sequences, token_budget=10**6)


def test_dropout_is_off_even_in_training_mode(tiny_bert: Path) -> None:
    model = load(tiny_bert)
    batch, _ = batch_of(model)
    model.network.train()
    once, again = (predict(model, batch.sequences, token_budget=64) for _ in range(2))
    assert torch.equal(once, again)


def test_the_head_is_drawn_from_the_seed(tiny_bert: Path) -> None:
    one, other = load(tiny_bert), load(tiny_bert)
    assert "classifier.weight" in one.new_parameters
    assert torch.equal(one.network.classifier.weight, other.network.classifier.weight)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_a_binary_head_has_two_classes_and_the_last_is_the_reward(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = str(request.getfixturevalue(kind))
    model = load_backbone(folder, max_length=32, device=choose_device(1), labels=("hateful", "not_hateful"))
    sequences = batch_of(model)[0].sequences
    logits = predict(model, sequences, token_budget=10**6)
    assert logits.shape == (9, 2)
    torch.testing.assert_close(model.rewards(sequences), logits[:, 1])
    model.network.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["id2label"] == {"0": "hateful", "1": "not_hateful"}


def test_a_missing_folder_is_named_without_asking_the_network() -> None:
    with pytest.raises(BackboneError, match=r"backbone folder '\./nowhere' doesn't exist"):
        backbone_folder("./nowhere")


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"has no config\.json"):
        backbone_folder(str(tmp_path))


def test_a_damaged_model_file_is_named(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").write_bytes(b"cut short")
    with pytest.raises(BackboneError, match=r"can't be loaded: "):
        load_backbone(str(tmp_path), max_length=8, device=choose_device(1))


def test_an_unreachable_hub_is_an_ordinary_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BackboneError, match="backbone 'nobody/nothing' can't be loaded"):
        load_backbone("nobody/nothing", max_length=8, device=choose_device(1))


def test_more_tokens_than_the_backbone_reads_are_refused(tiny_bert: Path) -> None:
    with pytest.raises(BackboneError, match=r"max_length is 65, but backbone .* reads 64 tokens"):
        load_backbone(str(tiny_bert), max_length=65, device=choose_device(1))


def test_the_default_backbone_comes_with_the_package() -> None:
    assert (Path(backbone_folder("minilm")) / "model.safetensors").is_file()
