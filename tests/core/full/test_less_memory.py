"""Weights in 4 bits, moments in 8, and kernels of other packages: what they change, and where they are refused."""

import importlib.util
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from rewardtrain.core.__main__ import main
from rewardtrain.core.config import TrainConfig
from rewardtrain.core.device import Device, choose_device
from rewardtrain.core.errors import ConfigError
from rewardtrain.core.model.adapters import freeze
from rewardtrain.core.model.loading import load_backbone
from rewardtrain.core.model.quantized import in_full, is_in_4_bits, quantize
from rewardtrain.core.model.speed import require_asked_for
from tests.core.commands import events, losses, start_loaded, wait_for_step
from tests.core.tiny.backbones import BACKBONES

Rows = Callable[..., list[dict[str, Any]]]
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder whose weights have 4,096 numbers and more: below that moments stay in 32 bits."""
    numbers = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 4}
    return BACKBONES["qwen3"].save(tmp_path_factory.mktemp("wide") / "model", **numbers)


def settings_of(backbone: Path, **changes: object) -> list[str]:
    values = {
        "backbone": backbone, "max_length": 32, "batch_prompts": 4, "token_budget": 128, "learning_rate": 0.003,
        "eval_every": 4, "checkpoint_every": 2, "threads": 1, "dtype": "float32", "bootstrap_samples": 100, **changes,
    }  # fmt: skip
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


SMALLER = [{"quantize": "nf4", "lora_rank": 4}, {"optimizer": "adamw_8bit"}]


@pytest.mark.parametrize("smaller", SMALLER)
def test_the_model_that_comes_out_is_a_plain_one_with_the_rewards_that_were_measured(
    smaller: dict[str, Any], wide: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data, out = write_rows(make_rows(40)), tmp_path / "out"
    assert main(["train", str(data), str(out), *settings_of(wide, **smaller)]) == 0
    measured = tmp_path / "measured.json"
    assert main(["evaluate", str(out / "model"), str(data), "--out", str(measured)]) == 0
    report, again = (json.loads(path.read_text()) for path in (out / "report.json", measured))
    assert again["n_pairs"] == report["n_pairs"]
    assert again["log_loss"]["value"] == pytest.approx(report["log_loss"]["value"], abs=1e-5)
    tensors = load_file(out / "model/model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert not any("lora" in name or "quant" in name for name in tensors)


@pytest.mark.parametrize("smaller", SMALLER)
def test_a_run_with_less_memory_goes_on_to_the_same_bits(
    smaller: dict[str, Any], wide: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data, whole, stopped = write_rows(make_rows(40)), tmp_path / "whole", tmp_path / "stopped"
    settings = settings_of(wide, epochs=3, patience=0, **smaller)
    assert main(["train", str(data), str(whole), *settings]) == 0
    process = start_loaded("train", data, stopped, *settings)
    wait_for_step(process, stopped, 3)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 75
    assert main(["train", str(data), str(stopped), *settings]) == 0
    assert losses(stopped) == losses(whole)
    ours, theirs = (load_file(out / "model/model.safetensors") for out in (stopped, whole))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_moments_in_8_bits_learn_nearly_what_those_in_32_learn(
    wide: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data = write_rows(make_rows(60))
    for name in ("adamw", "adamw_8bit"):
        settings = settings_of(wide, optimizer=name, epochs=3, patience=0)
        assert main(["train", str(data), str(tmp_path / name), *settings]) == 0
    found, wanted = ([loss for _, loss in losses(tmp_path / name)] for name in ("adamw_8bit", "adamw"))
    assert found != wanted
    assert found == pytest.approx(wanted, abs=0.05)
    (saved,) = (event for event in events(tmp_path / "adamw_8bit") if event["event"] == "start")
    assert saved["config"]["optimizer"] == "adamw_8bit"


def test_what_is_below_adapters_takes_an_eighth_and_has_sixteen_values_a_block(wide: Path) -> None:
    torch.manual_seed(0)
    model = load_backbone(str(wide), max_length=32, device=choose_device(1))
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    config = TrainConfig(lora_rank=4, quantize="nf4")
    freeze(model.network, config, new_parameters=model.new_parameters)
    quantize(model.network, config, model.device)
    small = {name: module for name, module in model.network.named_modules() if is_in_4_bits(module)}
    assert len(small) == 2 * 6  # of each layer: queries, keys, values, gate, up and down; 32 inputs are no whole block
    for name, module in small.items():
        wanted = before[f"{name.removesuffix('.base_layer')}.weight"]
        assert module.weight.element_size() * module.weight.numel() == wanted.numel() // 2  # type: ignore[operator]
        full = in_full(module).weight.detach()
        assert max(len(block.unique()) for block in full.flatten().split(64)) <= 16
        assert float((full - wanted).norm() / wanted.norm()) < 0.1
    trained = {name for name, parameter in model.network.named_parameters() if parameter.requires_grad}
    assert trained == {name for name in trained if ".lora_" in name or name.startswith("score.")}


@pytest.mark.parametrize("kind", ["gpt2", "qwen3"])
def test_a_backbone_none_of_whose_layers_can_be_in_4_bits_is_refused(kind: str, tmp_path: Path) -> None:
    """GPT-2's products are no linear layers, and those of the other, 8 and 16 wide, no whole blocks."""
    model = load_backbone(str(BACKBONES[kind].save(tmp_path / kind)), max_length=32, device=choose_device(1))
    config = TrainConfig(lora_rank=4, quantize="nf4")
    freeze(model.network, config, new_parameters=model.new_parameters)
    with pytest.raises(ConfigError, match=rf"no adapted layer of this {kind} is .* 64 inputs; set quantize=none"):
        quantize(model.network, config, model.device)


PACKAGES = {
    "bitsandbytes": {"quantize": "nf4", "lora_rank": 2},
    "bitsandbytes ": {"optimizer": "adamw_8bit"},
    "flash-attn": {"attention": "flash"},
    "liger-kernel": {"kernels": "liger"},
}


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_not_installed_is_named_with_what_to_do(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = TrainConfig(**PACKAGES[package])
    wanted = rf" isn't installed here; pip install {package.strip()}, or set \w+=(none|auto|adamw)$"
    with pytest.raises(ConfigError, match=wanted):
        require_asked_for(config, Device("cuda", "a GPU", torch.bfloat16))


@pytest.mark.parametrize(
    ("settings", "device", "words"),
    [
        (
            {"kernels": "liger"},
            Device("cpu", "CPU", torch.bfloat16),
            "kernels is 'liger', which needs a GPU, but this is",
        ),
        ({"attention": "flash"}, Device("cpu", "CPU", torch.bfloat16), r"but this is cpu \(CPU\) in bfloat16"),
        ({"attention": "flash"}, Device("cuda", "a GPU", torch.float32), r"but this is cuda \(a GPU\) in float32"),
    ],
)
def test_kernels_of_a_gpu_are_refused_elsewhere(
    settings: dict[str, Any], device: Device, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(ConfigError, match=words):
        require_asked_for(TrainConfig(**settings), device)


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [{"attention": "flash"}, {"kernels": "liger"}])
def test_kernels_of_a_gpu_learn_nearly_what_torch_learns(
    settings: dict[str, Any], wide: Path, make_rows: Rows, write_rows: Write, tmp_path: Path
) -> None:
    data = write_rows(make_rows(60))
    for name, changes in {"plain": {}, "other": settings}.items():
        chosen = settings_of(wide, dtype="bfloat16", **changes)
        assert main(["train", str(data), str(tmp_path / name), *chosen]) == 0
    found, wanted = ([loss for _, loss in losses(tmp_path / name)] for name in ("other", "plain"))
    assert found == pytest.approx(wanted, abs=0.02)
