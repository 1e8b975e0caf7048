"""vLLM's pooling addresses: /classify, /pooling, /score and /rerank, as its server of 2026 has them.

A field that is not read there is not refused; one that would change the reward, and that we can't follow, is.
"""

import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse, Response

from rewardtrain.core.data.groups import Group
from rewardtrain.core.data.whole_texts import WholeTexts
from rewardtrain.core.errors import DataError
from rewardtrain.core.serving.answers import Answered, Protocol, model_name
from rewardtrain.core.serving.problems import RETRY, Problem
from rewardtrain.core.serving.protocols import Asked, object_of
from rewardtrain.core.serving.shapes.fields import (
    activated,
    asked_of_groups,
    asked_of_whole,
    choice_of,
    content_of,
    group_of,
    name_of,
    text_of,
    texts_of,
)

# What would make the text, or the answer, another one; and the values that don't.
_CHANGING: Mapping[str, tuple[Any, ...]] = {
    "chat_template": (), "chat_template_kwargs": ({},), "add_generation_prompt": (False,), "dimensions": (),
    "continue_final_message": (False,), "mm_processor_kwargs": ({},), "encoding_format": ("float",),
    "task": ("classify", "score"),
}  # fmt: skip
_SIDES = (("text_1", "text_2"), ("queries", "documents"), ("queries", "items"), ("data_1", "data_2"))
_STATUS = {409: 404}  # a model that isn't there
_NAMES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


# --- What is read -----------------------------------------------------------------------------------------------------


def parse_classify(body: object) -> Asked:
    """Reads {"input": text or texts} or {"messages": [...]}, with "use_activation", "add_special_tokens",
    "truncate_prompt_tokens", "truncation_side". Raises DataError."""
    fields = _fields(body)
    if "messages" in fields:
        return asked_of_groups([_conversation(fields["messages"])], **_options(fields))
    special = choice_of(fields, "add_special_tokens")
    texts = tuple(texts_of(fields, "input"))
    side = fields.get("truncation_side")
    if side not in (None, "left", "right"):
        raise DataError(f"truncation_side is {side!r:.80}; it must be left or right")
    whole = WholeTexts(texts, special is not False, _cut_to(fields), side == "left")
    return asked_of_whole(whole, name=name_of(fields), wanted=_activation(fields))


def parse_score(body: object) -> Asked:
    """Reads two sides: one text and any number, or as many of both. Raises DataError."""
    fields = _fields(body)
    one, other = next((names for names in _SIDES if fields.keys() >= set(names)), _SIDES[0])
    first, second = texts_of(fields, one), texts_of(fields, other)
    if len(first) == 1:
        groups = [group_of(other, first[0], second)]
    elif len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        groups = [group_of(f"{other}[{at}]", prompt, [text]) for at, (prompt, text) in pairs]
    else:
        raise DataError(f"{one} has {len(first)} texts and {other} {len(second)}; give one, or as many of both")
    return asked_of_groups(groups, **_options(fields))


def parse_rerank(body: object) -> Asked:
    """Reads {"query": text, "documents": texts, "top_n"?: number}. Raises DataError."""
    fields = _fields(body)
    top = fields.get("top_n", 0)
    if type(top) is not int or top < 0:
        raise DataError(f"top_n is {top!r:.80}; it must be a number, or 0 for all")
    group = group_of("documents", text_of("query", fields.get("query")), texts_of(fields, "documents"))
    options = _options(fields)
    return asked_of_groups([group], **options | {"wanted": (options["wanted"], top)})


def _fields(body: object) -> dict[str, Any]:
    fields = object_of(body)
    for name, harmless in _CHANGING.items():
        value = fields.get(name)
        if value is not None and value not in harmless:
            raise DataError(f"{name} is {value!r:.80}, which this service can't follow; leave it out")
    return fields


def _options(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Reads what stands beside prompts and completions: those are cut as we cut, or not at all."""
    most = _cut_to(fields)
    limits = {"may_cut": most is not None, "most": None if most is None or most < 0 else most}
    return {"name": name_of(fields), "wanted": _activation(fields), **limits}


def _activation(fields: Mapping[str, Any]) -> bool | None:
    """Tells whether scores go through a sigmoid or softmax; None is as the server thinks best. Former releases called
    it `activation`, and before that `softmax`."""
    return next(
        (use for name in ("use_activation", "activation", "softmax") if (use := choice_of(fields, name)) is not None),
        None,
    )


def _cut_to(fields: Mapping[str, Any]) -> int | None:
    value = fields.get("truncate_prompt_tokens")
    if value is None:
        return None
    if type(value) is not int or value < -1 or value == 0:
        raise DataError(
            f"truncate_prompt_tokens is {value!r:.80}; it must be a number of tokens, or -1 for the model's"
        )
    return value


def _conversation(value: object) -> Group:
    """Reads one dialogue, whose last turn is what is scored."""
    if not isinstance(value, list) or not value:
        raise DataError(f"messages is {value!r:.80}; it must be a list that isn't empty")
    turns = []
    for index, turn in enumerate(value):
        if not isinstance(turn, dict):
            raise DataError(f"messages[{index}] is {turn!r:.80}; it must be an object with role and content")
        turns.append({"role": turn.get("role"), "content": content_of(f"messages[{index}]", turn.get("content"))})
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise DataError("messages must end with the assistant's, which is what is scored, after at least one other")
    return group_of("messages", turns[:-1], [str(turns[-1]["content"])])


# --- What is written --------------------------------------------------------------------------------------------------


def write_classify(answered: Answered) -> dict[str, Any]:
    data = []
    for index, probs in enumerate(_probs(answered, answered.asked.wanted)):
        label = answered.labels[max(range(len(probs)), key=probs.__getitem__)]
        data.append({"index": index, "label": label, "probs": probs, "num_classes": len(probs)})
    return _listed("classify", answered, data)


def write_pooling(answered: Answered) -> dict[str, Any]:
    probs = _probs(answered, answered.asked.wanted)
    return _listed(
        "pool", answered, [{"index": at, "object": "pooling", "data": each} for at, each in enumerate(probs)]
    )


def write_score(answered: Answered) -> dict[str, Any]:
    scores = [probs[-1] for probs in _probs(answered, answered.asked.wanted)]
    return _listed(
        "score", answered, [{"index": at, "object": "score", "score": each} for at, each in enumerate(scores)]
    )


def write_rerank(answered: Answered) -> dict[str, Any]:
    """Gives the documents by their scores, the highest first; equal ones in their order."""
    use, top = answered.asked.wanted
    scores = [probs[-1] for probs in _probs(answered, use)]
    texts = answered.asked.groups[0].completions
    order = sorted(range(len(scores)), key=lambda index: -scores[index])[: top or None]
    results = [
        {"index": at, "document": {"text": texts[at], "multi_modal": None}, "relevance_score": scores[at]}
        for at in order
    ]
    return {**_head("rerank", answered), "results": results}


def _probs(answered: Answered, use: bool | None) -> list[list[float]]:
    """Gives what vLLM calls so. By itself it leaves one logit as it is, for config.json calls that a regression."""
    use = len(answered.labels) > 1 if use is None else use
    return [activated(logits) if use else logits for logits in answered.logits]


def _listed(kind: str, answered: Answered, data: list[dict[str, Any]]) -> dict[str, Any]:
    return {**_head(kind, answered), "object": "list", "created": int(time.time()), "data": data}


def _head(kind: str, answered: Answered) -> dict[str, Any]:
    usage = {"prompt_tokens": answered.tokens, "total_tokens": answered.tokens}
    name = model_name(answered.project, answered.version)
    return {"id": f"{kind}-{uuid.uuid4().hex}", "model": name, "usage": usage}


def listed_models(project: str, version: int, max_length: int) -> dict[str, Any]:
    """Tells what a body may call the model: the project for its champion, and the version that is champion now."""
    shared = {"object": "model", "created": int(time.time()), "owned_by": "podium", "parent": None}
    version_name = model_name(project, version)
    names = ((project, version_name), (version_name, version_name))
    rows = [{"id": name, "root": root, "max_model_len": max_length, **shared} for name, root in names]
    return {"object": "list", "data": rows}


def refuse(problem: Problem) -> Response:
    """Writes {"error": {"message", "type", "param", "code"}}."""
    status = _STATUS.get(problem.status, problem.status)
    kind = _NAMES.get(status) or (HTTPStatus(status).phrase if status != 499 else "Client Closed Request")
    error = {"message": problem.detail, "type": kind, "param": None, "code": status}
    return JSONResponse({"error": error}, status_code=status, headers=RETRY if status == 503 else None)


CLASSIFY = Protocol(parse_classify, write_classify, refuse)
POOLING = Protocol(parse_classify, write_pooling, refuse)
SCORE = Protocol(parse_score, write_score, refuse)
RERANK = Protocol(parse_rerank, write_rerank, refuse)


def is_score(body: object) -> bool:
    """Tells whether a body of /score is one of vLLM's."""
    return isinstance(body, dict) and any(one in body for one, _ in _SIDES)
