"""Rewards of given completions, without rankings."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from rewardtrain.core.data import Group, parse_row
from rewardtrain.core.errors import DataError
from rewardtrain.core.gradients import predict
from rewardtrain.core.model import RewardModel


def score(model: RewardModel, group: Group) -> dict[str, Any]:
    """Score the completions of one prompt.

    rewards: K floats, comparable within the prompt. logits: K lists, one value for a scalar head, which is the reward.
    probabilities: K floats, how likely each is to be the preferred one of these K: the softmax of the rewards, as
    Bradley-Terry has it for two and Plackett-Luce for more. best: index of the highest reward, the first of equals.
    truncated: K booleans, whether the input was cut to the model's length.
    """
    encoded = model.encoder.encode(group.prompt, group.completions)
    logits = predict(model, encoded, token_budget=None)  # (K, labels)
    rewards = logits[:, -1]
    return {
        "rewards": rewards.tolist(),
        "logits": logits.tolist(),
        "probabilities": rewards.softmax(dim=0).tolist(),
        "best": int(rewards.argmax()),
        "truncated": [sequence.prompt_cut or sequence.completion_cut for sequence in encoded],
    }


def score_lines(model: RewardModel, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Score each line {"prompt": text or messages, "completions": [text, ...]}. Raises DataError naming the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield score(model, parse_request(f"line {number}", line))


def parse_request(place: str, line: bytes) -> Group:
    """Read one line of what score_lines takes."""
    try:
        request = json.loads(line)
    except ValueError as error:
        raise DataError(f"{place}: not JSON in UTF-8 ({error}); write one object a line") from error
    if not isinstance(request, dict) or not isinstance(request.get("completions"), list) or not request["completions"]:
        raise DataError(f"{place}: needs an object with a prompt and a list of completions that isn't empty")
    completions = [{"text": text} for text in request["completions"]]
    return parse_row(place, {"id": place, "prompt": request.get("prompt"), "completions": completions})
