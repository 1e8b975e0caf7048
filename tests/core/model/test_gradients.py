"""Training within the memory, the time and the precision that there are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rewardtrain.core.config import TrainConfig
from rewardtrain.core.data.batching import Batch, make_batch, padding_share, plan
from rewardtrain.core.data.comparisons import merge
from rewardtrain.core.data.groups import Group, Message, Ranking
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.errors import ConfigError, OutOfMemoryError
from rewardtrain.core.full.loss import Objective
from rewardtrain.core.model.gradients import accumulate_gradients, gradients_in_memory, predict
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import RewardModel
from rewardtrain.core.model.speed import compile_network, speed_up

GROUPS = [
    Group("1", "train", (Message("user", "how do i bake bread"),), ("please help", "never", "go away you stupid"),
          (Ranking("ann", (1, 2, 3)),)),
    Group("2", "train", (Message("user", "learn chess"),), ("answer this question", "no"), (Ranking("ann", (2, 1)),)),
]  # fmt: skip
OBJECTIVE = Objective(TrainConfig())
MESSAGES = {
    torch.OutOfMemoryError: "CUDA out of memory. Tried to allocate 2.00 GiB.",
    RuntimeError: "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory",
    MemoryError: "",
}


def load(folder: Path, *, dtype: str = "float32", **settings: Any) -> tuple[RewardModel, Batch]:
    torch.manual_seed(3)
    model = load_backbone(str(folder), max_length=32, device=choose_device(1, dtype=dtype))
    speed_up(model, TrainConfig(**settings))
    encoded = [model.encoder.encode(group.prompt, group.completions) for group in GROUPS]
    return model, make_batch(encoded, [merge(group) for group in GROUPS])


def gradient(model: RewardModel, batch: Batch) -> torch.Tensor:
    """The gradient of the batch as one vector, all in one micro-batch."""
    accumulate_gradients(model, batch, OBJECTIVE, token_budget=10**6, graph_budget=10**6)
    return vector(model)


def vector(model: RewardModel) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.network.parameters() if p.grad is not None])


def fail_above(model: RewardModel, tokens: int, kind: type[Exception]) -> list[int]:
    """Let the network raise what torch raises when its input has more tokens; the list has all sizes that it saw."""
    seen: list[int] = []

    def hook(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(kwargs["input_ids"].numel())
        if seen[-1] > tokens:
            raise kind(MESSAGES[kind])

    model.network.register_forward_pre_hook(hook, with_kwargs=True)
    return seen


def test_a_second_batch_does_not_add_to_the_first(tiny_bert: Path) -> None:
    model, batch = load(tiny_bert)
    assert torch.equal(gradient(model, batch), gradient(model, batch))


@pytest.mark.parametrize("kind", MESSAGES)
def test_out_of_memory_is_answered_by_smaller_micro_batches(tiny_bert: Path, kind: type[Exception]) -> None:
    """Five sequences of at most 12 tokens: 60, then 30 (the longest two fit) are too many for 24, then 15 is not."""
    model, batch = load(tiny_bert)
    wanted = gradient(model, batch)
    seen = fail_above(model, 24, kind)
    budgets, told = Budgets(tokens=60, graph=60), list[tuple[int, int]]()
    gradients_in_memory(
        model, batch, OBJECTIVE, budgets, tell=lambda smaller, reason: told.append((smaller.tokens, smaller.graph))
    )
    torch.testing.assert_close(vector(model), wanted, atol=1e-6, rtol=0)
    assert told == [(30, 30), (15, 15)]

    seen.clear()
    gradients_in_memory(model, batch, OBJECTIVE, budgets, tell=lambda smaller, reason: told.append((0, 0)))
    assert max(seen) <= 24  # the next batch begins with what was found
    assert len(told) == 2


def test_scoring_out_of_memory_goes_on_too(tiny_bert: Path) -> None:
    model, batch = load(tiny_bert)
    wanted = predict(model, batch.sequences, token_budget=None)
    fail_above(model, 24, torch.OutOfMemoryError)
    torch.testing.assert_close(predict(model, batch.sequences, token_budget=None), wanted, atol=1e-6, rtol=0)


def test_a_sequence_that_does_not_fit_alone_ends_the_run(tiny_bert: Path) -> None:
    model, batch = load(tiny_bert)
    fail_above(model, 5, torch.OutOfMemoryError)
    longest = max(map(len, batch.sequences))
    with pytest.raises(OutOfMemoryError, match=rf"one sequence of {longest} tokens alone .*; lower max_length"):
        predict(model, batch.sequences, token_budget=64)


def test_another_error_is_not_taken_for_a_lack_of_memory(tiny_bert: Path) -> None:
    model, batch = load(tiny_bert)
    model.network.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        predict(model, batch.sequences, token_budget=64)


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_llama"])
def test_gradient_checkpointing_forwards_each_layer_again_to_the_same_gradient(
    kind: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    wanted = gradient(*load(folder))
    model, batch = load(folder, gradient_checkpointing=True)
    forwards: list[int] = []
    first = next(module for name, module in model.network.named_modules() if name.endswith(("value", "v_proj")))
    first.register_forward_hook(lambda *_: forwards.append(1))
    torch.testing.assert_close(gradient(model, batch), wanted, atol=1e-6, rtol=0)
    assert len(forwards) == 2


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same_gradient(tiny_bert: Path, dtype: torch.dtype) -> None:
    """float16's gradients are enlarged on the way and come out in their own size."""
    model, batch = load(tiny_bert)
    wanted = gradient(model, batch)
    got = gradient(replace(model, device=Device("cpu", "", dtype)), batch)
    assert torch.linalg.norm(got - wanted) < 0.05 * torch.linalg.norm(wanted)


def test_attention_is_torchs_fused_one_but_for_an_encoder_in_bfloat16(tiny_bert: Path, tiny_llama: Path) -> None:
    kinds = [
        load(folder, dtype=dtype)[0].network.config._attn_implementation
        for folder in (tiny_bert, tiny_llama)
        for dtype in ("float32", "bfloat16")
    ]
    assert kinds == ["sdpa", "eager", "sdpa", "sdpa"]


def test_both_kinds_of_attention_give_the_same_rewards(tiny_bert: Path) -> None:
    """A run in bfloat16 scores with the plain one in float32, and its saved folder with the fused one."""
    fused, batch = load(tiny_bert)
    plain, _ = load(tiny_bert, dtype="bfloat16")
    one, other = (predict(each, batch.sequences, token_budget=None) for each in (fused, plain.in_float32()))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=0)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # torch's own
def test_compile_without_a_compiler_is_refused(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))  # nothing that was compiled before
    missing = torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)})
    with (
        missing,
        pytest.raises(ConfigError, match=r"compile is true, but torch can't compile here: .*; set it to false"),
    ):
        compile_network(load(tiny_bert)[0], TrainConfig(compile=True))


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # torch's own
@pytest.mark.gpu  # works on a CPU too, where compiling takes two minutes
def test_a_compiled_network_gives_the_same_gradient_and_keeps_its_names(tiny_bert: Path) -> None:
    plain, batch = load(tiny_bert)
    wanted = gradient(plain, batch)
    model, _ = load(tiny_bert, compile=True)
    torch.testing.assert_close(gradient(model, batch), wanted, atol=1e-5, rtol=0)
    assert list(model.network.state_dict()) == list(plain.network.state_dict())


def test_the_padding_share_counts_what_is_no_token() -> None:
    """Micro-batches of 10 tokens: 5 and 4 side by side (10 slots, 9 tokens), 2 and 1 (4 slots, 3 tokens)."""
    assert padding_share(plan([[0], [1], [2], [3]], [5, 1, 4, 2], 10)) == pytest.approx(2 / 14)
