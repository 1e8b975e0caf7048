"""NeMo-RL's environment, that asks Podium for rewards. Put podium_client.py beside it. Before the training starts:

    from nemo_rl.distributed.ray_actor_environment_registry import ACTOR_ENVIRONMENT_REGISTRY
    from nemo_rl.distributed.virtual_cluster import PY_EXECUTABLES
    from nemo_rl.environments.utils import register_env

    ACTOR_ENVIRONMENT_REGISTRY["nemo_rl_environment.PodiumEnvironment"] = PY_EXECUTABLES.SYSTEM
    register_env("podium", "nemo_rl_environment.PodiumEnvironment")

and in its settings, with the token in the environment as PODIUM_TOKEN:

    env: {podium: {url: "http://podium.example:8001", project: "helpful@3"}}
    data: {default: {env_name: podium}}
"""

import os
from typing import Any

import ray
import torch
from nemo_rl.environments.interfaces import EnvironmentInterface, EnvironmentReturn
from podium_client import Podium


@ray.remote
class PodiumEnvironment(EnvironmentInterface):
    """One turn, rewarded by a model of Podium's."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._podium = Podium(config["url"], token=os.environ.get("PODIUM_TOKEN"))
        self._project = config["project"]

    def step(self, message_log_batch: list[list[dict[str, Any]]], metadata: list[Any]) -> Any:
        """What NeMo-RL keeps as a prompt's content has been through the policy's chat template, which the service
        knows again; the text of a task's system prompt has not, and is left out."""
        said = [[turn["content"] for turn in log if turn["role"] != "system"] for log in message_log_batch]
        prompts = ["".join(texts[:-1]) for texts in said]
        queries = ["".join(texts) for texts in said]
        rewards = self._podium.query_rewards(self._project, queries, prompts)
        count = len(rewards)
        return EnvironmentReturn(
            observations=[{"role": "environment", "content": ""}] * count,
            metadata=[None] * count,
            next_stop_strings=[None] * count,
            rewards=torch.tensor(rewards, dtype=torch.float32),
            terminateds=torch.ones(count, dtype=torch.bool),
            answers=[texts[-1] for texts in said],
        )

    def global_post_process_and_metrics(self, batch: Any) -> tuple[Any, dict[str, float]]:
        return batch, {}
