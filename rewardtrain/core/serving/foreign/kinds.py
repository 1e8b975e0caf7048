"""How each kind of server is asked for logits: what is sent of a sequence, and what is read of the answer.

vLLM gets token ids, so that nothing is tokenized or cut twice. TEI takes texts alone: it gets those that its tokenizer
reads into the ids that ours has, and the others are computed here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from rewardtrain.core.data.encoding import Encoded
from rewardtrain.core.data.groups import Group
from rewardtrain.core.score import Scorer
from rewardtrain.core.serving.foreign.server import ForeignError, shown


class Kind(Protocol):
    path: str
    most: int  # items of one request

    def items(self, scorer: Scorer, groups: Sequence[Group], sequences: Sequence[Encoded]) -> list[Any]:
        """Gives what is sent of each sequence, None of one that can't be. groups: empty for whole texts."""

    def body(self, items: list[Any]) -> dict[str, Any]: ...

    def rows(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        """Gives the logits of each item. Raises ForeignError."""


class Vllm:
    path, most = "/classify", 256

    def items(self, scorer: Scorer, groups: Sequence[Group], sequences: Sequence[Encoded]) -> list[Any]:
        return [sequence.ids.tolist() for sequence in sequences]

    def body(self, items: list[Any]) -> dict[str, Any]:
        """Former releases call it activation, and read over what they don't know."""
        return {"input": items, "use_activation": False, "activation": False, "add_special_tokens": False}

    def rows(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ForeignError(f"the answer has no list of data: {shown(answer)}")
        return [
            _numbers(row.get("probs"), len(labels)) for row in sorted(rows, key=lambda row: _whole(row.get("index")))
        ]


class Tei:
    path, most = "/predict", 32  # its max_client_batch_size, unless told otherwise

    def items(self, scorer: Scorer, groups: Sequence[Group], sequences: Sequence[Encoded]) -> list[Any]:
        pairs = [pair for group in groups for pair in scorer.pairs(group)]
        if len(pairs) != len(sequences):
            return [None] * len(sequences)
        read = scorer.read_pairs(pairs)
        return [
            list(pair) if ids == sequence.ids.tolist() else None
            for pair, ids, sequence in zip(pairs, read, sequences, strict=True)
        ]

    def body(self, items: list[Any]) -> dict[str, Any]:
        return {"inputs": items, "raw_scores": True, "truncate": False}

    def rows(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        if not isinstance(answer, list):
            raise ForeignError(f"the answer is no list of predictions: {shown(answer)}")
        return [self._row(row, labels) for row in answer]

    def _row(self, row: Any, labels: Sequence[str]) -> list[float]:
        if not isinstance(row, list) or not all(isinstance(each, dict) for each in row):
            raise ForeignError(f"the answer is no list of predictions: {shown(row)}")
        found = {str(each.get("label")): each.get("score") for each in row}
        if found.keys() != set(labels):
            raise ForeignError(f"its labels are {', '.join(sorted(found))[:80]}, the model's {', '.join(labels)[:80]}")
        return _numbers([found[label] for label in labels], len(labels))


KINDS: dict[str, Kind] = {"vllm": Vllm(), "tei": Tei()}


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ForeignError(f"an index of the answer is {shown(value)}")
    return value


def _numbers(value: object, count: int) -> list[float]:
    if not isinstance(value, list) or len(value) != count:
        raise ForeignError(f"a row of the answer is {shown(value)}, it must be {count} numbers")
    if not all(isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each) for each in value):
        raise ForeignError(f"a row of the answer is {shown(value)}, it must be finite numbers")
    return [float(each) for each in value]
