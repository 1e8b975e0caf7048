"""Rewards of given completions, without rankings."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rewardtrain.core.artifact import shards
from rewardtrain.core.artifact.attribute_heads import read_attributes
from rewardtrain.core.artifact.folder import load_model, read_calibration, read_heads, same_backbone
from rewardtrain.core.attribution import attribute
from rewardtrain.core.data.encoding import PAIR, Encoded
from rewardtrain.core.data.groups import Group, parse_texts
from rewardtrain.core.data.templates import render
from rewardtrain.core.data.whole_texts import WholeTexts, encode_whole
from rewardtrain.core.device import Device
from rewardtrain.core.errors import CoreError, DataError, NotFiniteError, from_exception
from rewardtrain.core.head.fit import uncertainty
from rewardtrain.core.measures.calibrate import Calibration
from rewardtrain.core.measures.metrics import Floats
from rewardtrain.core.model.gradients import predict, predict_features
from rewardtrain.core.model.network import RewardModel, output_layer


@dataclass(frozen=True)
class Outputs:
    """What a network says of N sequences."""

    logits: Tensor  # (N, labels) float32, on the CPU
    spread: Floats | None  # (N,) how far an ensemble's rewards are apart; None without an ensemble
    attributes: Floats | None = None  # (N, A) of further heads; None without any

    def __getitem__(self, part: slice | list[int]) -> "Outputs":
        spread, attributes = (None if each is None else each[part] for each in (self.spread, self.attributes))
        return Outputs(self.logits[part], spread, attributes)

    @staticmethod
    def joined(parts: "Sequence[Outputs]") -> "Outputs":
        """Joins one after the other; all are of one model."""
        spreads = [part.spread for part in parts if part.spread is not None]
        attributes = [part.attributes for part in parts if part.attributes is not None]
        logits = torch.cat([part.logits for part in parts])
        return Outputs(logits, *(np.concatenate(each) if each else None for each in (spreads, attributes)))


class Scorer:
    """A finished model kept in memory. Its methods may be called from several threads; they wait for each other."""

    def __init__(self, folder: Path, device: Device) -> None:
        """Load a model folder. Raises ConfigError or BackboneError."""
        self.folder = folder
        self._become(load_model(folder, device), folder)

    def _become(self, model: RewardModel, folder: Path) -> None:
        self._model, self._heads, self._attributes = model, read_heads(folder), read_attributes(folder)
        self._body = None if self._heads is None and self._attributes is None else model.body()
        self._reading, self._computing = threading.Lock(), threading.RLock()

    def following(self, folder: Path) -> "Scorer":
        """Gives the scorer of another folder, with this one's backbone in memory where the two differ in their heads
        alone.

        This one stays as it is, so that what was begun with it can be ended. Raises ConfigError or BackboneError.
        """
        if not self.same_backbone(folder):
            return Scorer(folder, self._model.device)
        network = shards.with_head(self._model.network, folder)
        other = object.__new__(Scorer)
        other.folder = folder
        other._become(replace(self._model, network=network, calibration=read_calibration(folder)), folder)
        return other

    def same_backbone(self, folder: Path) -> bool:
        """Tells whether the model of a folder differs from this one in its head alone. Raises ConfigError."""
        return same_backbone(self.folder, folder)

    def shares_backbone(self, other: "Scorer") -> bool:
        """Tells whether the two hold the same weights in memory, but for their heads."""
        return any(one is two for one, two in zip(self._parameters(), other._parameters(), strict=False))

    def _parameters(self) -> Iterator[Tensor]:
        return iter(self._model.network.parameters())

    @property
    def device(self) -> Device:
        return self._model.device

    @property
    def labels(self) -> tuple[str, ...]:
        """Gives the names of the logits."""
        return self._model.labels

    @property
    def max_length(self) -> int:
        """Gives how many tokens it reads."""
        return self._model.encoder.max_length

    @property
    def packs(self) -> bool:
        """Tells whether completions of one prompt are cheaper together, because they share its pass."""
        return self._model.packs

    def score(self, group: Group, *, raw: bool = False) -> dict[str, Any]:
        """Score the completions of one prompt; see score_many."""
        return self.score_many([group], raw=raw)[0]

    def score_many(self, groups: Sequence[Group], *, raw: bool = False) -> list[dict[str, Any]]:
        """Score the completions of several prompts, all in the same micro-batches: an answer of each."""
        encoded = [self.encode(group) for group in groups]
        outputs = self.forward([sequence for sequences in encoded for sequence in sequences])
        answers, start = [], 0
        for sequences in encoded:
            part = slice(start, start + len(sequences))
            start = part.stop
            answers.append(self.answer(sequences, outputs[part], raw=raw))
        return answers

    def encode(self, group: Group) -> list[Encoded]:
        """Encodes each completion of the prompt as the network reads it."""
        with self._reading:  # a tokenizer that is told to cut can't be told so by two at once
            return self._model.encoder.encode(group.prompt, group.completions)

    def encode_whole(self, texts: WholeTexts) -> list[Encoded]:
        """Encodes texts that already hold prompt and completion; see whole_texts. Raises DataError."""
        with self._reading:
            return encode_whole(self._model.encoder.tokenizer, texts, max_length=self.max_length)

    def pairs(self, group: Group) -> list[tuple[str, str]]:
        """Gives prompt and completion as the two texts of which an encoder reads a pair; none for a decoder."""
        head = render(group.prompt)
        return [(head, text) for text in group.completions] if self._model.encoder.style == PAIR else []

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
        """Gives the ids that the tokenizer alone reads of each pair, to be compared with encode's."""
        with self._reading:
            read = self._model.encoder.tokenizer(*map(list, zip(*pairs, strict=True)), verbose=False)
        ids: list[list[int]] = read["input_ids"]
        return ids

    def forward(self, sequences: Sequence[Encoded]) -> Outputs:
        """Gives what the network says of N sequences, in their order. Raises NotFiniteError, and what the network
        raises."""
        with self._computing:
            outputs = self._outputs(sequences)
        if not outputs.logits.isfinite().all():
            raise NotFiniteError("the network's reward is no number; see that it was trained to its end")
        return outputs

    def _outputs(self, sequences: Sequence[Encoded]) -> Outputs:
        if self._body is None:
            return Outputs(predict(self._model, sequences, token_budget=None), None)
        features = predict_features(self._body, sequences, token_budget=None)
        _, layer = output_layer(self._model.network)
        with torch.no_grad():
            logits = layer(features.to(layer.weight.device)).float().cpu()
        values = features.numpy()
        spread = None if self._heads is None else uncertainty(values, self._heads.astype(np.float64))
        return Outputs(logits, spread, None if self._attributes is None else self._attributes.values(values))

    def answer(
        self, sequences: Sequence[Encoded], outputs: Outputs, *, raw: bool = False, pairwise: bool = False
    ) -> dict[str, Any]:
        """Answers for the K completions of one prompt:

        rewards: K floats, comparable within the prompt. logits: K lists, the last of each is the reward.
        probabilities: K floats, how likely each is to be the preferred one of these K: the softmax of the rewards over
        the temperature, as Bradley-Terry has it for two and Plackett-Luce for more. class_probabilities, of a binary
        head: K floats, how likely each is of the positive class. best: index of the highest reward, the first of
        equals. truncated: K booleans, whether the input was cut to the model's length. uncertainty, of a model with an
        ensemble: K floats, the standard deviation of its rewards. attributes, of a model with further heads: K floats
        by name. pairwise, where asked for: K lists of K floats, how
        likely completion i is preferred to j. raw: probabilities are those before calibration.
        """
        answer = _answer(outputs.logits, self._model.calibration, raw=raw, pairwise=pairwise)
        answer["truncated"] = [sequence.prompt_cut or sequence.completion_cut for sequence in sequences]
        if outputs.spread is not None:
            answer["uncertainty"] = outputs.spread.tolist()
        if self._attributes is not None and outputs.attributes is not None:
            columns = outputs.attributes.T.tolist()
            answer["attributes"] = dict(zip(self._attributes.names, columns, strict=True))
        return answer

    def tokens(self, group: Group, *, tick: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Tells which tokens the reward of the prompt's only completion came from; see attribution.attribute.

        tokens: one {"text", "part", "value"} each; texts hold the white space before them, part is prompt, completion
        or special. reward, baseline, gap, and truncated as in answer. tick is called between passes, and may use this
        scorer. Raises DataError.
        """
        (sequence,) = self.encode(group)
        with self._reading:
            tokens = self._model.encoder.tokens(group.prompt, group.completions[0])
        with self._computing:
            attribution = attribute(self._model, sequence, tokens, tick=tick)
        tokens_told = [
            {"text": token.text, "part": token.part, "value": value}
            for token, value in zip(tokens, attribution.values, strict=True)
        ]
        answer = {
            "reward": attribution.reward,
            "baseline": attribution.baseline,
            "gap": attribution.gap,
            "tokens": tokens_told,
        }
        return answer | {"truncated": sequence.prompt_cut or sequence.completion_cut}


def _answer(logits: Tensor, calibration: Calibration, *, raw: bool, pairwise: bool) -> dict[str, Any]:
    rewards = logits[:, -1]
    hot = 1 / calibration.sd if raw else calibration.temperature
    answer: dict[str, Any] = {
        "rewards": rewards.tolist(),
        "logits": logits.tolist(),
        "probabilities": (rewards / hot).softmax(dim=0).tolist(),
        "best": int(rewards.argmax()),
    }
    if pairwise:
        answer["pairwise"] = ((rewards[:, None] - rewards) / hot).sigmoid().tolist()
    if logits.shape[1] == 2:
        scale = calibration.class_temperature if raw else 1.0
        answer["class_probabilities"] = (logits * scale).softmax(dim=1)[:, 1].tolist()
    return answer


def score_lines(scorer: Scorer, lines: Iterable[bytes], *, raw: bool = False) -> Iterator[dict[str, Any]]:
    """Score each line {"prompt": text or messages, "completions": [text, ...]}.

    Of a line that can't be scored {"error": why, with its number} comes in its place, and then the next ones.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _score_line(scorer, f"line {number}", line, raw=raw)


def _score_line(scorer: Scorer, place: str, line: bytes, *, raw: bool) -> dict[str, Any]:
    try:
        return scorer.score(parse_request(place, line), raw=raw)
    except DataError as error:
        return {"error": f"{error}" if f"{error}".startswith(place) else f"{place}: {error}"}
    except Exception as error:  # a network raises what it likes
        if from_exception(error):
            raise  # the machine's trouble, not the line's
        return {"error": f"{place}: {refusal(error)}"}


def refusal(error: Exception) -> str:
    """Says why a network gave no reward, in a sentence."""
    if isinstance(error, CoreError):
        return str(error)
    reason = (str(error).strip() or type(error).__name__).partition("\n")[0]
    return f"the network can't read this text ({reason[:200]}); shorten it, or leave it out"


def parse_request(place: str, line: bytes) -> Group:
    """Read one line of what score_lines takes."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: not JSON in UTF-8 ({error}); write one object a line") from error
    if not isinstance(request, dict):
        raise DataError(f"{place}: is a {type(request).__name__}; write an object with a prompt and completions")
    return parse_texts(place, request.get("prompt"), request.get("completions"))
