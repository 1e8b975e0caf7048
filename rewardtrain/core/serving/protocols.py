"""The bodies that are understood. Those of OpenRLHF are texts as the policy's tokenizer decoded them.

No torch: the web process refuses by the same limits.
"""

import re
from dataclasses import dataclass
from typing import Any

from rewardtrain.core.data.groups import Group, parse_texts
from rewardtrain.core.errors import DataError

MOST_COMPLETIONS = 1024  # of one request, all its prompts together
MOST_PAIRWISE = 64  # of one prompt: K x K numbers are written


@dataclass(frozen=True)
class Asked:
    """What a body asks for."""

    groups: list[Group]
    version: int | None  # None: the champion
    raw: bool
    pairwise: bool


def parse_score(body: object) -> Asked:
    """{"prompt": text or messages, "completions": [text, ...], "model"?: version, "raw"?: bool, "pairwise"?: bool}.

    Raises DataError.
    """
    fields = _object(body)
    return _asked(fields, [parse_texts("request", fields.get("prompt"), fields.get("completions"))])


def parse_rows(body: object) -> Asked:
    """{"rows": [{"prompt", "completions"}, ...], ...}: several prompts in one request. Raises DataError."""
    fields = _object(body)
    rows = _list(fields, "rows")
    groups = []
    for index, row in enumerate(rows):
        place = f"rows[{index}]"
        if not isinstance(row, dict):
            raise DataError(f"{place} is {row!r:.80}; it must be an object with prompt and completions")
        groups.append(parse_texts(place, row.get("prompt"), row.get("completions")))
    return _asked(fields, groups)


def parse_tokens(body: object) -> Asked:
    """{"prompt": text or messages, "completion": text, "model"?: version}. Raises DataError."""
    fields = _object(body)
    completion = fields.get("completion")
    if not isinstance(completion, str):
        raise DataError(f"completion is {completion!r:.80}; it must be one text")
    return _asked(fields, [parse_texts("request", fields.get("prompt"), [completion])])


def parse_queries(body: object) -> Asked:
    """OpenRLHF's {"query": [text, ...], "prompts"?: [text, ...], "labels"?: ignored}. Raises DataError.

    A query is the prompt with its completion, with the special tokens of the policy. What follows the prompt is the
    completion; without prompts, or where the query doesn't hold its own, all of it is.
    """
    fields = _object(body)
    queries = _list(fields, "query")
    prompts = fields.get("prompts")
    if prompts is None:
        prompts = [""] * len(queries)
    if not isinstance(prompts, list) or len(prompts) != len(queries):
        found = f"{len(prompts)}" if isinstance(prompts, list) else f"{prompts!r:.80}"
        raise DataError(f"prompts is {found}; give one to each of the {len(queries)} of query")
    return _asked(fields, [_group(index, *pair) for index, pair in enumerate(zip(queries, prompts, strict=True))])


def _group(index: int, query: object, prompt: object) -> Group:
    for name, text in (("query", query), ("prompts", prompt)):
        if not isinstance(text, str):
            raise DataError(f"{name}[{index}] is {text!r:.80}; it must be text")
    assert isinstance(query, str)
    assert isinstance(prompt, str)
    before, found, completion = query.partition(prompt) if prompt else ("", "", query)
    if not found or not _ONLY_SPECIAL.fullmatch(before):
        prompt, completion = "", query
    return parse_texts(f"query[{index}]", messages_of(prompt), [plain(completion)])


# What the tokenizers of today's chat models write around a text.
_SPECIAL = r"(?:<\|[a-z0-9_]+\|>|</?s>|<(?:bos|eos|pad|unk|end_of_turn)>|\[(?:CLS|SEP|PAD)\])"
_ONLY_SPECIAL = re.compile(rf"(?:\s*{_SPECIAL})*\s*")
_AT_START, _AT_END = re.compile(rf"\A(?:\s*{_SPECIAL})+\s*"), re.compile(rf"(?:\s*{_SPECIAL})+\s*\Z")
_TURNS = (
    re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL),  # ChatML: Qwen and others
    re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL),  # Llama 3
)
_ROLES = ("system", "user", "assistant")


def plain(text: str) -> str:
    """A decoded text without the special tokens at its ends."""
    return _AT_END.sub("", _AT_START.sub("", text))


def messages_of(prompt: str) -> str | list[dict[str, str]]:
    """The messages of a prompt that was written by a chat template we know, else its text.

    The reward model learnt from messages, each written by its own template.
    """
    for turn in _TURNS:
        found = turn.findall(prompt)
        messages = [{"role": role, "content": text} for role, text in found]
        if found and found[-1] == ("assistant", ""):  # where the policy was to go on
            messages.pop()
        if messages and all(message["role"] in _ROLES for message in messages):
            return messages
    return plain(prompt)


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise DataError(f"the body is a {type(body).__name__}; send an object")
    return body


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list) or not value:
        raise DataError(f"{name} is {value!r:.80}; it must be a list that isn't empty")
    return value


def _asked(fields: dict[str, Any], groups: list[Group]) -> Asked:
    count = sum(len(group.completions) for group in groups)
    if count > MOST_COMPLETIONS:
        raise DataError(f"{count:,} completions at once; send at most {MOST_COMPLETIONS:,} a request")
    version = fields.get("model")
    if version is not None and (type(version) is not int or version < 1):
        raise DataError(f"model is {version!r:.80}; it must be a version such as 3, or left out for the champion")
    flags = {}
    for name in ("raw", "pairwise"):
        flags[name] = fields.get(name, False)
        if not isinstance(flags[name], bool):
            raise DataError(f"{name} is {flags[name]!r:.80}; it must be true or false")
    if flags["pairwise"] and max(len(group.completions) for group in groups) > MOST_PAIRWISE:
        raise DataError(f"pairwise is for at most {MOST_PAIRWISE} completions of a prompt; leave it out")
    return Asked(groups, version, flags["raw"], flags["pairwise"])
