"""OpenRLHF's own client, as its rollouts use it, against the running service."""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.serving.loops import run
from tests.core.tiny.finished import Save

FOLDER = Path(sys.prefix) / "openrlhf" / "openrlhf"
PROMPT, TEXTS = "how do i bake bread", ["please help you", "never", "go away stupid question"]


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Any:
    """openrlhf.utils.agent. The packages around it import deepspeed and vllm, so here they are empty."""
    if not FOLDER.is_dir() and not os.environ.get("CI"):
        pytest.skip(f"OpenRLHF is not in {FOLDER}; `make test` puts it there on Linux with Python 3.11")
    for name, folder in (("openrlhf", FOLDER), ("openrlhf.utils", FOLDER / "utils")):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        monkeypatch.setitem(sys.modules, name, package)
    for name in ("openrlhf.utils.logging_utils", "openrlhf.utils.agent"):
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    return sys.modules["openrlhf.utils.agent"]


class Engine:
    """In place of vLLM: goes on with given token ids."""

    def __init__(self, token_ids: list[int]) -> None:
        self._output = SimpleNamespace(token_ids=token_ids, finish_reason="stop", logprobs=None)

    async def generate(self, prompt: list[int], params: object, multi_modal_data: object) -> SimpleNamespace:
        return SimpleNamespace(outputs=[self._output])


def test_a_rollout_gets_the_reward_of_its_completion(save: Save, serve: Serve, agent: Any, tiny_llama: Path) -> None:
    service = serve(Ref("tiny", 1, save("model", 1)[0]), token="secret")
    executor = agent.SingleTurnAgentExecutor(service.url.replace("://", "://x:secret@") + "/tiny/rewards")
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    params = SimpleNamespace(max_tokens=8, logprobs=None)
    rewards = []
    for text in TEXTS:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        done = run(executor.execute(PROMPT, "", params, 64, tokenizer, Engine(ids)))
        assert done["scores"] == done["reward"]
        rewards += done["reward"]
    wanted = service.post(
        "tiny/score", {"prompt": PROMPT, "completions": TEXTS}, headers={"Authorization": "Bearer secret"}
    )
    np.testing.assert_allclose(rewards, wanted.json()["rewards"], atol=1e-5)


def test_a_batch_is_shared_out_among_several_services(save: Save, serve: Serve, agent: Any) -> None:
    folder, _ = save("model", 1)
    services = [serve(Ref("tiny", 1, folder)) for _ in range(2)]
    executor = agent.SingleTurnAgentExecutor([f"{service.url}/tiny/rewards" for service in services])
    queries = [f"<s>{PROMPT}{text}</s>" for text in TEXTS]
    parts = run(executor._fetch_rewards_via_http(queries, [PROMPT] * 3, [""] * 3))
    wanted = services[0].post("tiny/score", {"prompt": PROMPT, "completions": TEXTS}).json()["rewards"]
    np.testing.assert_allclose([reward for part in parts for reward in part["rewards"]], wanted, atol=1e-5)
