"""What bodies of several servers have in common: lists of texts, and scores that have been through a function."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from formats.messages import check_characters
from formats.refusals import Refused
from rewardtrain.core.data.groups import Group, parse_texts
from rewardtrain.core.data.whole_texts import WholeTexts
from rewardtrain.core.errors import DataError
from rewardtrain.core.serving.protocols import Asked, refuse_count, refuse_many


def text_of(place: str, value: object) -> str:
    """Reads a text, or {"content": [{"type": "text", "text": ...}, ...]}. Raises DataError."""
    if isinstance(value, dict) and isinstance(value.get("content"), str | list):
        value = content_of(place, value["content"])
    if not isinstance(value, str):
        raise DataError(f"{place} is {value!r:.80}; it must be a text")
    try:
        return check_characters(value, place)
    except Refused as error:
        raise DataError(str(error)) from error


def content_of(place: str, value: object) -> str:
    """Reads a message's content: a text, or parts, all of them texts. Raises DataError."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise DataError(f"{place}: content is {value!r:.80}; it must be a text")
    parts = []
    for part in value:
        text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
        if not isinstance(text, str):
            raise DataError(f"{place}: content has {part!r:.80}; only texts are read")
        parts.append(text)
    return "".join(parts)


def texts_of(fields: Mapping[str, Any], name: str) -> list[str]:
    """Reads a list of texts, or one alone. Raises DataError."""
    value = fields.get(name)
    if isinstance(value, list):
        if not value:
            raise DataError(f"{name} is an empty list; give at least one text")
        refuse_count(len(value))
        return [text_of(f"{name}[{index}]", each) for index, each in enumerate(value)]
    return [text_of(name, value)]


def choice_of(fields: Mapping[str, Any], name: str) -> bool | None:
    """Reads true, false, or null. Raises DataError."""
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise DataError(f"{name} is {value!r:.80}; it must be true or false")
    return value


def name_of(fields: Mapping[str, Any]) -> str | None:
    """Reads what the body calls the model. Raises DataError."""
    value = fields.get("model")
    if value is not None and not isinstance(value, str):
        raise DataError(f"model is {value!r:.80}; it must be a name such as helpful or helpful@3, or left out")
    return value


def group_of(place: str, prompt: object, completions: list[str]) -> Group:
    return parse_texts(place, prompt, completions)


def asked_of_groups(groups: list[Group], **options: Any) -> Asked:
    """Raises DataError for too many."""
    refuse_many(groups)
    return Asked(groups, None, **options)


def asked_of_whole(whole: WholeTexts, **options: Any) -> Asked:
    """Raises DataError for too many."""
    refuse_count(len(whole.texts))
    return Asked([], None, whole=whole, **options)


def activated(logits: Sequence[float]) -> list[float]:
    """Gives a probability of each label: the sigmoid of one alone, the softmax of several."""
    if len(logits) == 1:
        return [_sigmoid(logits[0])]
    highest = max(logits)
    powers = [math.exp(logit - highest) for logit in logits]
    return [power / sum(powers) for power in powers]


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
