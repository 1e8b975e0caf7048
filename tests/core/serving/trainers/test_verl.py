"""verl's own reward loop, as its rollouts use it, against the running service."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.serving.loops import run
from tests.core.tiny.finished import Save

FOLDER = Path(sys.prefix) / "verl" / "verl"
RECIPES = Path(__file__).resolve().parents[4] / "docs" / "recipes"
PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]
LOOP = "verl.experimental.reward_loop"
# What verl runs on, a cluster of Ray's, stands empty here: its code that asks for a reward needs no more of it.
EMPTY: dict[str, dict[str, Any]] = {
    "ray": {"remote": lambda kind: kind},
    "ray.actor": {"ActorHandle": object},
    "omegaconf": {"DictConfig": dict, "open_dict": None},
    "tensordict": {"TensorDict": dict},
    "verl.protocol": {"DataProto": object, "pad_dataproto_to_divisor": None},
    "verl.single_controller.ray.base": {"RayResourcePool": object},
    "verl.utils.fs": {"copy_to_local": lambda path: path},
    "verl.utils.ray_utils": {"get_event_loop": asyncio.get_event_loop},
    f"{LOOP}.reward_model": {"RewardModelManager": object},
}
PACKAGES = (
    "verl",
    "verl.utils",
    "verl.trainer",
    "verl.trainer.ppo",
    "verl.experimental",
    LOOP,
    f"{LOOP}.reward_manager",
)
Load = Callable[[str], Any]


@pytest.fixture
def verl(monkeypatch: pytest.MonkeyPatch) -> Load:
    """verl(name): one of its modules. The packages around them import all of Ray and more, so here they are empty."""
    if not FOLDER.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"verl is not in {FOLDER}; `make test` puts it there")
    before = set(sys.modules)
    for name in PACKAGES:
        package = ModuleType(name)
        package.__path__ = [str(FOLDER.joinpath(*name.split(".")[1:]))]
        monkeypatch.setitem(sys.modules, name, package)
    for name, values in EMPTY.items():
        module = ModuleType(name)
        vars(module).update(values)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["verl"].DataProto = object  # type: ignore[attr-defined]
    sys.modules["verl.utils"].hf_tokenizer = lambda path, **options: AutoTokenizer.from_pretrained(path)  # type: ignore[attr-defined]

    def load(name: str) -> Any:
        module = importlib.import_module(f"verl.{name}")
        for each in set(sys.modules) - before:
            if each.startswith("verl"):
                monkeypatch.setitem(sys.modules, each, sys.modules[each])
        return module

    return load


class Rollout:
    """One answer of a policy, as verl's DataProto holds it."""

    def __init__(self, tokenizer: Any, text: str, **extra: Any) -> None:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        mask = [1] * (3 + len(ids))  # of a prompt of three tokens, and the answer
        self.batch = {"responses": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
        prompt = np.array([{"role": "user", "content": PROMPT}], dtype=object)
        self.non_tensor_batch = {"raw_prompt": prompt, **extra}

    def __len__(self) -> int:
        return 1

    def __getitem__(self, part: object) -> Rollout:
        return self


@pytest.fixture
def llama(chat: Path, tmp_path: Path) -> Path:
    """A tokenizer whose chat template writes the token that the tokenizer puts before a text, as Llama 3's does."""
    tokenizer = AutoTokenizer.from_pretrained(chat)
    tokenizer.chat_template = f"<s>{tokenizer.chat_template}"
    shutil.copytree(chat, tmp_path / "llama")
    tokenizer.save_pretrained(tmp_path / "llama")
    return tmp_path / "llama"


def test_its_reward_loop_asks_as_it_asks_its_own_vllm(save: Save, serve: Serve, verl: Load, llama: Path) -> None:
    folder, _ = save("model", 1, share=False, base=llama)
    service = serve(Ref("tiny", 3, folder), token="secret")
    reward = {
        "reward_model": SimpleNamespace(enable=True, model_path=str(folder), rollout=SimpleNamespace(name="vllm")),
        "custom_reward_function": SimpleNamespace(path=None),
    }
    model = SimpleNamespace(tokenizer_path=str(llama), path=str(llama))
    config = SimpleNamespace(actor_rollout_ref=SimpleNamespace(model=model), reward=SimpleNamespace(**reward))
    verl("trainer.ppo.reward").load_reward_manager = lambda *args, **options: None
    verl("trainer.ppo.reward").resolve_reward_manager_cls = None
    loop = verl("experimental.reward_loop.reward_loop")
    address = service.url.removeprefix("http://")

    async def work() -> list[float]:
        worker = loop.RewardLoopWorker(config, f"x:secret@{address}/tiny@3")
        tokenizer = worker.input_tokenizer
        return [(await worker.compute_score(Rollout(tokenizer, text)))["reward_score"] for text in TEXTS]

    body = {"prompt": PROMPT, "completions": TEXTS}
    wanted = service.post("tiny/score", body, headers={"Authorization": "Bearer secret"}).json()["rewards"]
    np.testing.assert_allclose(run(work()), wanted, atol=1e-5)


@pytest.mark.parametrize("conversational", [False, True])
def test_its_custom_reward_function_is_the_recipe(
    save: Save, serve: Serve, verl: Load, tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, conversational: bool
) -> None:
    service = serve(Ref("tiny", 3, save("model", 1)[0]), token="secret")
    monkeypatch.setenv("PODIUM_TOKEN", "secret")
    settings = {
        "path": str(RECIPES / "verl_reward.py"),
        "name": "compute_score",
        "reward_kwargs": {"url": service.url, "project": "tiny@3"},
    }
    config = SimpleNamespace(reward={"custom_reward_function": settings})
    asked = verl("trainer.ppo.reward").get_custom_reward_fn(config)
    prompt = np.array([{"role": "user", "content": PROMPT}], dtype=object) if conversational else PROMPT
    row = {"data_source": "podium", "reward_model": {"ground_truth": ""}, "extra_info": {"prompt": prompt}}
    sys.modules[f"{LOOP}.reward_manager"].register = verl("experimental.reward_loop.reward_manager.registry").register  # type: ignore[attr-defined]
    naive = verl("experimental.reward_loop.reward_manager.naive").NaiveRewardManager
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)

    async def work() -> list[Any]:
        manager = naive(config, tokenizer, asked)
        manager.loop = asyncio.get_running_loop()
        return [await manager.run_single(Rollout(tokenizer, text, **row)) for text in TEXTS]

    found = run(work())
    body = {"prompt": PROMPT, "completions": TEXTS}
    wanted = service.post("tiny/score", body, headers={"Authorization": "Bearer secret"}).json()["rewards"]
    np.testing.assert_allclose([each["reward_score"] for each in found], wanted, atol=1e-5)
    assert {each["reward_extra_info"]["podium_truncated"] for each in found} == {0.0}
