"""The recipe for NeMo-RL, called as its documentation says; it is on no package registry, so its own code isn't run.

What stands in for it here is its interface alone: a base class, a named tuple, and Ray's decorator.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest

from rewardtrain.core.serving.model_cache import Ref
from tests.core.serving.conftest import Serve
from tests.core.tiny.finished import Save

RECIPE = Path(__file__).resolve().parents[4] / "docs" / "recipes" / "nemo_rl_environment.py"
TEXTS = ["please help you", "never", "go away stupid question"]
CHATML = "<|im_start|>user\nhow do i bake bread<|im_end|>\n<|im_start|>assistant\n"


class EnvironmentReturn(NamedTuple):
    """nemo_rl.environments.interfaces has it so."""

    observations: list[dict[str, str]]
    metadata: list[Any]
    next_stop_strings: list[Any]
    rewards: Any
    terminateds: Any
    answers: list[str | None] | None


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    values: dict[str, dict[str, Any]] = {
        "ray": {"remote": lambda kind: kind},
        "nemo_rl": {},
        "nemo_rl.environments": {},
        "nemo_rl.environments.interfaces": {"EnvironmentInterface": object, "EnvironmentReturn": EnvironmentReturn},
    }
    for name, contents in values.items():
        module = ModuleType(name)
        vars(module).update(contents)
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("nemo_rl_environment", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_batch_of_dialogues_gets_its_rewards(
    save: Save, serve: Serve, recipe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(Ref("tiny", 3, save("model", 1)[0]), token="secret")
    monkeypatch.setenv("PODIUM_TOKEN", "secret")
    environment = recipe.PodiumEnvironment({"url": service.url, "project": "tiny@3"})
    logs = [
        [
            {"role": "system", "content": "answer", "token_ids": [1]},
            {"role": "user", "content": CHATML, "token_ids": [1, 2]},
            {"role": "assistant", "content": text, "token_ids": [3]},
        ]
        for text in TEXTS
    ]
    done = environment.step(logs, [{}] * len(logs))
    body = {"prompt": "how do i bake bread", "completions": TEXTS}
    wanted = service.post("tiny/score", body, headers={"Authorization": "Bearer secret"}).json()["rewards"]
    np.testing.assert_allclose(done.rewards.numpy(), wanted, atol=1e-5)
    assert done.terminateds.all()
    assert done.answers == TEXTS
    assert [len(each) for each in (done.observations, done.metadata, done.next_stop_strings)] == [3, 3, 3]
    assert environment.global_post_process_and_metrics({"rewards": done.rewards})[1] == {}
