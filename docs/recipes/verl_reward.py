"""verl's custom reward function, that asks Podium. Put podium_client.py beside it. In the training's settings:

    reward.custom_reward_function.path=verl_reward.py reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.url=http://podium.example:8001
    +reward.custom_reward_function.reward_kwargs.project=helpful@3

The token comes from the environment: PODIUM_TOKEN. The prompt is read from the row's extra_info["prompt"], a text or
messages, so keep it there when you write the dataset.
"""

import os
from functools import cache
from typing import Any

from podium_client import Podium


@cache
def _podium(url: str) -> Podium:
    return Podium(url, token=os.environ.get("PODIUM_TOKEN"))


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: dict[str, Any],
    *,
    url: str,
    project: str,
    **ignored: Any,
) -> dict[str, float]:
    """The reward, and beside it in verl's log whether the text was cut."""
    answer = _podium(url).score(project, list_of(extra_info["prompt"]), [solution_str])
    return {"score": answer["rewards"][0], "podium_truncated": float(answer["truncated"][0])}


def list_of(prompt: Any) -> Any:
    """A text as it is; messages as a list, which verl keeps as an array."""
    return prompt if isinstance(prompt, str) else [dict(message) for message in prompt]
