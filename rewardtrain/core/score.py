"""Rewards of given completions, without rankings."""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rewardtrain.core.artifact import shards
from rewardtrain.core.artifact.folder import load_model, read_calibration, read_heads, same_backbone
from rewardtrain.core.data.batching import micro_batches
from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group, parse_row
from rewardtrain.core.device import Device
from rewardtrain.core.errors import DataError
from rewardtrain.core.head.fit import uncertainty
from rewardtrain.core.measures.calibrate import Calibration
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.core.model.gradients import predict
from rewardtrain.core.model.memory import Budgets
from rewardtrain.core.model.network import output_layer


class Scorer:
    """A finished model kept in memory. Its methods may be called from several threads; they wait for each other."""

    def __init__(self, folder: Path, device: Device) -> None:
        """Load a model folder. Raises ConfigError or BackboneError."""
        self._lock = threading.Lock()
        self._device = device
        self._folder, self._model, self._heads = folder, load_model(folder, device), read_heads(folder)

    def swap(self, folder: Path) -> bool:
        """Become another model; where only its head differs only that is read. Returns whether that was so."""
        with self._lock:
            only_head = same_backbone(self._folder, folder)
            if only_head:
                shards.load_head(self._model.network, folder)
                self._model = replace(self._model, calibration=read_calibration(folder))
            else:
                self._model = load_model(folder, self._device)
            self._folder, self._heads = folder, read_heads(folder)
            return only_head

    def score(self, group: Group, *, raw: bool = False) -> dict[str, Any]:
        """Score the completions of one prompt; see score_many."""
        return self.score_many([group], raw=raw)[0]

    def score_many(self, groups: Sequence[Group], *, raw: bool = False) -> list[dict[str, Any]]:
        """Score the completions of several prompts, all in the same micro-batches. Of each prompt:

        rewards: K floats, comparable within the prompt. logits: K lists, the last of each is the reward.
        probabilities: K floats, how likely each is to be the preferred one of these K: the softmax of the rewards over
        the temperature, as Bradley-Terry has it for two and Plackett-Luce for more. class_probabilities, of a binary
        head: K floats, how likely each is of the positive class. best: index of the highest reward, the first of
        equals. truncated: K booleans, whether the input was cut to the model's length. uncertainty, of a model with an
        ensemble: K floats, the standard deviation of its rewards. raw: probabilities are those before calibration.
        """
        with self._lock:
            encoded = [self._model.encoder.encode(group.prompt, group.completions) for group in groups]
            logits, spread = self._forward([sequence for sequences in encoded for sequence in sequences])
            calibration = self._model.calibration
        answers, start = [], 0
        for sequences in encoded:
            part = slice(start, start + len(sequences))
            start = part.stop
            answer = _answer(logits[part], calibration, raw=raw)
            answer["truncated"] = [sequence.prompt_cut or sequence.completion_cut for sequence in sequences]
            answers.append(answer if spread is None else answer | {"uncertainty": spread[part].tolist()})
        return answers

    def _forward(self, sequences: list[Encoded]) -> tuple[Tensor, Floats | None]:
        """(N, labels) logits, and with an ensemble (N,) how far its heads are apart."""
        if self._heads is None:
            return predict(self._model, sequences, token_budget=None), None
        _, layer = output_layer(self._model.network)
        features = torch.zeros(len(sequences), layer.in_features)
        with torch.no_grad():
            budget = Budgets.on(self._device, None).tokens
            for indices in micro_batches([len(sequence) for sequence in sequences], budget):
                features[indices] = self._model.features([sequences[index] for index in indices]).cpu()
            logits = layer(features.to(layer.weight.device)).float().cpu()
        return logits, uncertainty(features.numpy(), self._heads.astype(np.float64))


def _answer(logits: Tensor, calibration: Calibration, *, raw: bool) -> dict[str, Any]:
    rewards = logits[:, -1]
    hot = 1 / calibration.sd if raw else calibration.temperature
    answer = {
        "rewards": rewards.tolist(),
        "logits": logits.tolist(),
        "probabilities": (rewards / hot).softmax(dim=0).tolist(),
        "best": int(rewards.argmax()),
    }
    if logits.shape[1] == 2:
        scale = calibration.class_temperature if raw else 1.0
        answer["class_probabilities"] = (logits * scale).softmax(dim=1)[:, 1].tolist()
    return answer


def score_lines(scorer: Scorer, lines: Iterable[bytes], *, raw: bool = False) -> Iterator[dict[str, Any]]:
    """Score each line {"prompt": text or messages, "completions": [text, ...]}. Raises DataError naming the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield scorer.score(parse_request(f"line {number}", line), raw=raw)


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
