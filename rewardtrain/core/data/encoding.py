"""From a prompt and its completions to token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data.groups import Message
from rewardtrain.core.errors import BackboneError, DataError

PAIR, CHAT, TEXT, JOINED = "pair", "chat", "text", "joined"
SPECIAL = "special"


@dataclass(frozen=True)
class Encoded:
    """One completion after its prompt, ready for the model; both arrays have one entry a token."""

    ids: npt.NDArray[np.int32]
    types: npt.NDArray[np.int8]  # 0 in the prompt, 1 in the completion, as BERT's segments
    prompt_cut: bool
    completion_cut: bool
    start: int = 0  # of the completion: the tokens before it are shared by all completions of a prompt, unless cut

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Token:
    """What one token of a sequence stands for."""

    text: str  # with the white space before it, so that the texts one after another are what was read
    part: str  # prompt, completion or special: what the tokenizer adds, and the marks of a chat template


@dataclass(frozen=True)
class Frame:
    """The special tokens before, between and after the two parts, with the segment of each."""

    before: tuple[tuple[int, int], ...]  # (id, type)
    between: tuple[tuple[int, int], ...]
    after: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


def render(prompt: Sequence[Message]) -> str:
    """A dialogue as text, as the export writes it: a lone user turn is its content, else each is `Role: content`."""
    if len(prompt) == 1 and prompt[0].role == "user":
        return prompt[0].content
    return "\n\n".join(f"{message.role.capitalize()}: {message.content}" for message in prompt)


def assemble(prompt: list[int], completion: list[int], frame: Frame, *, max_length: int) -> Encoded:
    """Put prompt and completion into their frame, in at most max_length tokens.

    The prompt is cut from its left, so that the end of the dialogue stays beside the completion; the completion is cut,
    from its right, only where it is over the length alone.
    """
    room = max_length - frame.size
    kept = completion[:room]
    tail = prompt[max(0, len(prompt) - (room - len(kept))) :]
    parts = [[(token, 0) for token in tail], [(token, 1) for token in kept]]
    tokens = [*frame.before, *parts[0], *frame.between, *parts[1], *frame.after]
    ids, types = zip(*tokens, strict=True)
    return Encoded(
        ids=np.array(ids, dtype=np.int32),
        types=np.array(types, dtype=np.int8),
        prompt_cut=len(tail) < len(prompt),
        completion_cut=len(kept) < len(completion),
        start=len(frame.before) + len(tail) + len(frame.between),
    )


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and the way it is used.

    style: 'pair' is [CLS] prompt [SEP] completion [SEP] with segments, for encoders; 'chat' is the tokenizer's own chat
    template and 'text' role-labelled lines, for decoders. 'joined' is prompt and completion with nothing between, as
    other trainers write plain text; ours never do.
    """

    tokenizer: Any
    style: str
    max_length: int

    def encode(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[Encoded]:
        """Encode each completion once; the prompt's tokens are made once and shared."""
        head, tails = self._parts(prompt, completions)
        first, *rest = self.tokenizer([head, *tails], add_special_tokens=False, verbose=False)["input_ids"]
        return [assemble(first, tokens, self.frame, max_length=self.max_length) for tokens in rest]

    def tokens(self, prompt: Sequence[Message], completion: str) -> list[Token]:
        """What the ids of encode(prompt, [completion])[0] stand for, one by one."""
        sequence = self.encode(prompt, [completion])[0]
        first, (second,) = self._parts(prompt, [completion])
        head, tail = self._pieces(first), self._pieces(second)
        before, between, after = len(self.frame.before), len(self.frame.between), len(self.frame.after)
        n_head, n_tail = sequence.start - before - between, len(sequence) - sequence.start - after
        read = [
            *[("", SPECIAL)] * before,
            *((text, "prompt") for text in head[len(head) - n_head :]),
            *[("", SPECIAL)] * between,
            *((text, "completion") for text in tail[:n_tail]),
            *[("", SPECIAL)] * after,
        ]
        marks = set(self.tokenizer.all_special_ids) - {self.tokenizer.unk_token_id}
        return [
            Token(self.tokenizer.convert_ids_to_tokens(id_), SPECIAL)
            if part == SPECIAL or id_ in marks
            else Token(text, part)
            for id_, (text, part) in zip(sequence.ids.tolist(), read, strict=True)
        ]

    def _pieces(self, text: str) -> list[str]:
        """The text as its tokens divide it; of a character that is several tokens the first has all of it."""
        found = self.tokenizer([text], add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        pieces, end = [], 0
        for _, stop in found["offset_mapping"][0]:
            pieces.append(text[end:stop])
            end = max(end, stop)
        return pieces

    @cached_property
    def frame(self) -> Frame:
        return pair_frame(self.tokenizer) if self.style == PAIR else sequence_frame(self.tokenizer, self.style)

    def _parts(self, prompt: Sequence[Message], completions: Sequence[str]) -> tuple[str, list[str]]:
        if self.style == PAIR:
            return render(prompt), list(completions)
        end = self.tokenizer.eos_token or ""
        if self.style == JOINED:
            return render(prompt), [text + end for text in completions]
        if self.style == TEXT:
            return render(prompt) + "\n\nAssistant: ", [text + end for text in completions]
        head = self._chat(prompt, None)
        whole = [self._chat(prompt, text) for text in completions]
        # A template that writes earlier turns differently once an answer follows has no prompt of its own to cut.
        return head, [
            text.removeprefix(head) if text.startswith(head) else completion + end
            for text, completion in zip(whole, completions, strict=True)
        ]

    def _chat(self, prompt: Sequence[Message], completion: str | None) -> str:
        turns = [{"role": message.role, "content": message.content} for message in prompt]
        if completion is not None:
            turns.append({"role": "assistant", "content": completion})
        try:
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=completion is None)
        except Exception as error:  # a template is a program of its own and raises what it likes
            roles = [turn["role"] for turn in turns]
            raise DataError(f"the chat template refuses the roles {roles}: {error}; choose another backbone") from error
        return str(text)


def pair_frame(tokenizer: Any) -> Frame:
    """Read the frame of a pair from the tokenizer itself, by encoding one: BERT's is [CLS] a [SEP] b [SEP]."""
    probe = tokenizer(["a"], ["a"])
    try:
        parts = probe.sequence_ids(0)
    except ValueError as error:
        raise BackboneError("the backbone has no fast tokenizer; choose one with a tokenizer.json") from error
    ids = probe["input_ids"][0]
    types = probe["token_type_ids"][0] if "token_type_ids" in probe else [0] * len(ids)
    tokens = list(zip(ids, types, strict=True))
    first, second = parts.index(0), parts.index(1)
    end_first, end_second = len(parts) - parts[::-1].index(0), len(parts) - parts[::-1].index(1)
    return Frame(tuple(tokens[:first]), tuple(tokens[end_first:second]), tuple(tokens[end_second:]))


def sequence_frame(tokenizer: Any, style: str) -> Frame:
    """What a decoder's tokenizer puts before a text; a chat template writes that itself."""
    if style == CHAT:
        return Frame((), (), ())
    probe = tokenizer(["a"])
    parts = probe.sequence_ids(0)
    return Frame(tuple((token, 0) for token in probe["input_ids"][0][: parts.index(0)]), (), ())
