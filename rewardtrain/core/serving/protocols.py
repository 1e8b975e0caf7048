"""The bodies that are understood. Those of OpenRLHF are texts as the policy's tokenizer decoded them.

No torch: the web process refuses by the same limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rewardtrain.core.data.groups import Group, parse_texts
from rewardtrain.core.errors import DataError

if TYPE_CHECKING:
    from rewardtrain.core.data.whole_texts import WholeTexts

MOST_COMPLETIONS = 1024  # of one request, all its prompts together
MOST_PAIRWISE = 64  # of one prompt: K x K numbers are written
MOST_CHARACTERS = 32_768  # of a prompt and its completion that are to be taken apart, token by token
MOST_READ = 2**26  # characters: each completion is read after its whole prompt
MOST_TURNS = 2**18  # likewise
_OPTIONS = {"model", "raw", "pairwise"}


@dataclass(frozen=True)
class Asked:
    """What a body asks for."""

    groups: list[Group]
    version: int | None  # None: the champion
    raw: bool = False
    pairwise: bool = False
    whole: WholeTexts | None = None  # in place of groups
    name: str | None = None  # what the body calls the model, where a version is a part of its name
    may_cut: bool = True  # else a text that is too long is refused
    most: int | None = None  # tokens, over which a text is refused
    wanted: Any = None  # of the answer's form: for what writes it alone


def parse_score(body: object) -> Asked:
    """Reads {"prompt": text or messages, "completions": [text, ...], "model"?: version, "raw"?: bool, "pairwise"?:
    bool}.

    Raises DataError.
    """
    fields = object_of(body, known={"prompt", "completions", *_OPTIONS})
    return _asked(fields, [parse_texts("request", fields.get("prompt"), fields.get("completions"))])


def parse_rows(body: object) -> Asked:
    """Reads {"rows": [{"prompt", "completions"}, ...], ...}: several prompts in one request. Raises DataError."""
    fields = object_of(body, known={"rows", *_OPTIONS})
    rows = _list(fields, "rows")
    groups = []
    for index, row in enumerate(rows):
        place = f"rows[{index}]"
        if not isinstance(row, dict):
            raise DataError(f"{place} is {row!r:.80}; it must be an object with prompt and completions")
        _refuse_others(place, row, {"prompt", "completions"})
        groups.append(parse_texts(place, row.get("prompt"), row.get("completions")))
    return _asked(fields, groups)


def parse_tokens(body: object) -> Asked:
    """Reads {"prompt": text or messages, "completion": text, "model"?: version}. Raises DataError."""
    fields = object_of(body, known={"prompt", "completion", "model"})
    completion = fields.get("completion")
    if not isinstance(completion, str):
        raise DataError(f"completion is {completion!r:.80}; it must be one text")
    group = parse_texts("request", fields.get("prompt"), [completion])
    characters = len(completion) + sum(len(message.content) for message in group.prompt)
    if characters > MOST_CHARACTERS:
        words = (
            f"prompt and completion are {characters:,} characters; give at most {MOST_CHARACTERS:,} to be taken apart"
        )
        raise DataError(words)
    return _asked(fields, [group])


def parse_queries(body: object) -> Asked:
    """Reads OpenRLHF's {"query": [text, ...], "prompts"?: [text, ...], "labels"?: ignored}. Raises DataError.

    A query is the prompt with its completion, with the special tokens of the policy. What follows the prompt is the
    completion; without prompts, or where the query doesn't hold its own, all of it is.
    """
    fields = object_of(body)
    queries = _list(fields, "query")
    prompts = fields.get("prompts")
    if prompts is None:
        prompts = [""] * len(queries)
    if not isinstance(prompts, list) or len(prompts) != len(queries):
        shown = f"{len(prompts)}" if isinstance(prompts, list) else f"{prompts!r:.80}"
        raise DataError(f"prompts is {shown}; give one to each of the {len(queries)} of query")
    return _asked(fields, [_group(index, *pair) for index, pair in enumerate(zip(queries, prompts, strict=True))])


def _group(index: int, query: object, prompt: object) -> Group:
    for name, text in (("query", query), ("prompts", prompt)):
        if not isinstance(text, str):
            raise DataError(f"{name}[{index}] is {text!r:.80}; it must be text")
    assert isinstance(query, str)
    assert isinstance(prompt, str)
    before, separator, completion = query.partition(prompt) if prompt else ("", "", query)
    if not separator or not _ONLY_SPECIAL.fullmatch(before):
        prompt, completion = "", query
    messages, begun = dialogue_of(prompt)
    return parse_texts(f"query[{index}]", messages, [begun + plain(completion)])


# What the tokenizers of today's chat models write around a text.
_SPECIAL = re.compile(r"<\|[a-z0-9_]+\|>|</?s>|<(?:bos|eos|pad|unk|end_of_turn)>|\[(?:CLS|SEP|PAD)\]")
_ONLY_SPECIAL = re.compile(rf"(?:\s*(?:{_SPECIAL.pattern}))*\s*")
_TURNS = (
    (re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL), "<|im_end|>"),  # ChatML: Qwen, others
    (  # Llama 3
        re.compile(r"<\|start_header_id\|>(\w+)<\|end_header_id\|>\n\n(.*?)(?:<\|eot_id\|>|\Z)", re.DOTALL),
        "<|eot_id|>",
    ),
)
_ROLES = ("system", "user", "assistant")
_NO_REASONING = re.compile(r"\s*(?:<think>\s*</think>\s*)?")  # the reward model's template writes its own


def plain(text: str) -> str:
    """Gives a decoded text without the special tokens at its ends, and the white space beside those.

    Each stretch is looked at once: a pattern that may begin anywhere and must reach the end tries the square of it.
    """
    spans = [match.span() for match in _SPECIAL.finditer(text)]
    start, stop = 0, len(text)
    for begin, end in spans:
        if text[start:begin].strip():
            break
        start = end
    for begin, end in reversed(spans):
        if begin < start or text[end:stop].strip():
            break
        stop = begin
    inner = text[start:stop]
    inner = inner.lstrip() if start else inner
    return inner.rstrip() if stop < len(text) else inner


def dialogue_of(prompt: str) -> tuple[str | list[dict[str, str]], str]:
    """Reads the messages of a prompt that was written by a chat template we know, else its text; and the begun answer.

    The reward model learnt from messages, each written by its own template. An answer that isn't finished is where the
    policy was to go on: no turn, but the beginning of the completion.
    """
    for turn, end in _TURNS:
        turns = list(turn.finditer(prompt))
        messages = [{"role": match[1], "content": match[2]} for match in turns]
        begun = ""
        if turns and turns[-1][1] == "assistant" and not turns[-1][0].rstrip().endswith(end):
            begun = messages.pop()["content"]
        if messages and all(message["role"] in _ROLES for message in messages):
            return messages, "" if _NO_REASONING.fullmatch(begun) else begun
    return plain(prompt), ""


def object_of(body: object, *, known: set[str] | None = None) -> dict[str, Any]:
    """Gives the body's fields. Raises DataError.

    known: the only fields that are read; None where others may send what they like beside.
    """
    if not isinstance(body, dict):
        raise DataError(f"the body is a {type(body).__name__}; send an object")
    if known:
        _refuse_others("the body", body, known)
    return body


def _refuse_others(place: str, fields: dict[str, Any], known: set[str]) -> None:
    """A field that nobody reads is a misspelt one: its sender would take the default for what was asked."""
    if others := sorted(fields.keys() - known):
        raise DataError(f"{place} has {others[0]!r:.80}, which is not read; known are {', '.join(sorted(known))}")


def _list(fields: dict[str, Any], name: str) -> list[Any]:
    value = fields.get(name)
    if not isinstance(value, list) or not value:
        raise DataError(f"{name} is {value!r:.80}; it must be a list that isn't empty")
    return value


def refuse_many(groups: list[Group]) -> None:
    """Raises DataError where it would be too much to read at once."""
    refuse_count(sum(len(group.completions) for group in groups))
    characters = [len(group.completions) * sum(len(turn.content) for turn in group.prompt) for group in groups]
    _refuse_over(MOST_READ, sum(characters), "characters")
    _refuse_over(MOST_TURNS, sum(len(group.completions) * len(group.prompt) for group in groups), "turns")


def refuse_count(count: int) -> None:
    """Raises DataError for more completions than one request may have."""
    if count > MOST_COMPLETIONS:
        raise DataError(f"{count:,} completions at once; send at most {MOST_COMPLETIONS:,} a request")


def _asked(fields: dict[str, Any], groups: list[Group]) -> Asked:
    refuse_many(groups)
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


def _refuse_over(most: int, read: int, what: str) -> None:
    if read > most:
        message = f"each completion is read after its whole prompt, which makes {read:,} {what} of prompts to read"
        raise DataError(f"{message}; send fewer completions a request, so that they are at most {most:,}")
