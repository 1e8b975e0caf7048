"""From a prompt and its completions to token ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from rewardtrain.core.data.groups import Message
from rewardtrain.core.data.marks import Marks, Text
from rewardtrain.core.data.templates import ChatTemplate, Part, render, stop_clock

PAIR, CHAT, TEXT, JOINED = "pair", "chat", "text", "joined"
SPECIAL = "special"
READING = 2  # 1 read a completion apart from its prompt, its blank with the prompt, and its segment as 1 everywhere
_ANSWER = "\n\nAssistant:"


@dataclass(frozen=True)
class Encoded:
    """One completion after its prompt, ready for the model; both arrays have one entry a token."""

    ids: npt.NDArray[np.int32]
    types: npt.NDArray[np.int8]  # the tokenizer's segments
    prompt_cut: bool
    completion_cut: bool
    start: int = 0  # of the completion: the tokens before it are shared by all completions of a prompt, unless cut
    rewritten: bool = False  # a chat template wrote the completion otherwise than it stands

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def key(self) -> bytes:
        """Gives bytes that are equal for sequences that a network can't tell apart."""
        return self.ids.tobytes() + self.types.tobytes()


@dataclass(frozen=True)
class Token:
    """What one token of a sequence stands for."""

    text: str  # with the white space before it, so that the texts one after another are what was read
    part: str  # prompt, completion or special: what the tokenizer adds, and the marks of a chat template


@dataclass(frozen=True)
class Frame:
    """The special tokens before, between and after the two parts, with the segment of each, and those of the parts."""

    before: tuple[tuple[int, int], ...]  # (id, type)
    between: tuple[tuple[int, int], ...]
    after: tuple[tuple[int, int], ...]
    types: tuple[int, int] = (0, 1)

    @property
    def size(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


def assemble(prompt: list[int], completion: list[int], frame: Frame, *, max_length: int, unread: int = 0) -> Encoded:
    """Put prompt and completion into their frame, in at most max_length tokens. unread: of the prompt's last tokens.

    The prompt is cut from its left, so that the end of the dialogue stays beside the completion; the completion is cut,
    from its right, only where it is over the length alone. The frame stays, its end too.
    """
    room = max_length - frame.size
    cut = completion[: max(0, room)]
    end = len(prompt) - unread
    tail = prompt[max(0, end - (room - len(cut))) : end]
    parts = [[(token, type_) for token in part] for part, type_ in zip((tail, cut), frame.types, strict=True)]
    tokens = [*frame.before, *parts[0], *frame.between, *parts[1], *frame.after]
    ids, types = zip(*tokens, strict=True)
    return Encoded(
        ids=np.array(ids, dtype=np.int32),
        types=np.array(types, dtype=np.int8),
        prompt_cut=len(tail) < end,
        completion_cut=len(cut) < len(completion),
        start=len(frame.before) + len(tail) + len(frame.between),
    )


@dataclass(frozen=True)
class _Read:
    """A completion after its prompt in tokens, before anything is cut."""

    part: Part
    joined: Text  # the completion, with the end of the prompt where that was read with it
    skipped: int  # tokens of this end that stand before the completion
    prompt: list[int]  # shared by all completions of a prompt, so it is never copied
    unread: int  # of the prompt's tokens those that end in the completion, which has them
    completion: list[int]
    closing: int  # of the completion's tokens those that a chat template ends with


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and the way it is used. Stops the clock of the tokenizer's chat template.

    style: 'pair' is [CLS] prompt [SEP] completion [SEP] with segments, for encoders; 'chat' is the tokenizer's own chat
    template and 'text' role-labelled lines, for decoders. 'joined' is prompt and completion with nothing between, as
    other trainers write plain text; ours never do. reading: see READING; a model is used as it was trained.

    Prompt and completion of a decoder have the ids that the whole text has. Raises BackboneError where the tokenizer is
    no fast one.
    """

    tokenizer: Any
    style: str
    max_length: int
    reading: int = READING
    marks: Marks = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.tokenizer.chat_template = stop_clock(self.tokenizer.chat_template)
        object.__setattr__(self, "marks", Marks(self.tokenizer))

    def encode(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[Encoded]:
        """Encode each completion once; the prompt's tokens are made once and shared. Raises DataError."""
        return [self._assemble(read) for read in self._read(prompt, completions)]

    def tokens(self, prompt: Sequence[Message], completion: str) -> list[Token]:
        """Tells what the ids of encode(prompt, [completion])[0] stand for, one by one."""
        (read,) = self._read(prompt, [completion])
        sequence, frame = self._assemble(read), self._frame_of(read)
        head = self.marks.pieces(read.part.head)[: len(read.prompt) - read.unread]
        tail = self.marks.pieces(read.joined)[read.skipped :]
        if tail and self.style == TEXT and self.reading > 1:  # the blank between them is the prompt's
            head[-1], tail[0] = head[-1] + " ", tail[0].removeprefix(" ")
        n_head = sequence.start - len(frame.before) - len(frame.between)
        n_tail = len(sequence) - sequence.start - len(frame.after)
        closing = tail[len(tail) - read.closing :] if read.closing else [""] * len(frame.after)
        pieces = [
            *[("", SPECIAL)] * len(frame.before),
            *((text, "prompt") for text in head[len(head) - n_head :]),
            *[("", SPECIAL)] * len(frame.between),
            *((text, "completion") for text in tail[:n_tail]),
            *((text, SPECIAL) for text in closing),
        ]
        return [self._token(*each) for each in zip(sequence.ids.tolist(), pieces, strict=True)]

    def _token(self, id_: int, piece: tuple[str, str]) -> Token:
        text, part = piece
        if id_ in self.marks.ids and id_ != self.tokenizer.unk_token_id:
            part, text = SPECIAL, ""
        return Token(text or self.tokenizer.convert_ids_to_tokens(id_) if part == SPECIAL else text, part)

    @cached_property
    def frame(self) -> Frame:
        frame = pair_frame(self.tokenizer) if self.style == PAIR else sequence_frame(self.tokenizer, self.style)
        return replace(frame, types=(0, 1)) if self.reading == 1 and self.style == PAIR else frame

    @cached_property
    def _template(self) -> ChatTemplate:
        return ChatTemplate(self.tokenizer, self.marks)

    def _parts(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[Part]:
        if self.style == CHAT:
            return self._template.parts(prompt, completions)
        head, blank = render(prompt), ""
        if self.style == TEXT:
            head, blank = (head + _ANSWER, " ") if self.reading > 1 else (f"{head}{_ANSWER} ", "")
        if self.style == PAIR or self.reading == 1:
            typed = self.marks.as_typed(head)
            return [Part(typed, self.marks.as_typed(blank + completion)) for completion in completions]
        literal_head, end = self.marks.are_in(head), head if self.style == JOINED else _ANSWER
        parts = []
        for completion in completions:  # read with the end of the prompt, so both in one way
            literal = literal_head or self.marks.are_in(end + blank + completion)
            parts.append(Part(Text(head, literal), Text(blank + completion, literal)))
        return parts

    def _context(self, head: Text) -> Text:
        """Gives the end of the prompt that a completion is read with, so that it has the tokens it has in the whole
        text."""
        if self.style == PAIR or self.reading == 1:
            return Text("", head.literal)
        if self.style == TEXT:
            return Text(_ANSWER.strip(), head.literal)
        return self.marks.last_part(head) if self.style == CHAT else head

    def _read(self, prompt: Sequence[Message], completions: Sequence[str]) -> list[_Read]:
        parts = self._parts(prompt, completions)
        context_of = {head: self._context(head) for head in dict.fromkeys(part.head for part in parts)}
        contexts = [context_of[part.head] for part in parts]
        joined = [
            context + part.tail if context.text else part.tail for context, part in zip(contexts, parts, strict=True)
        ]
        closings = [self.marks.closing(part.tail) if self.style == CHAT else Text("") for part in parts]
        texts = list(dict.fromkeys([*(part.head for part in parts), *contexts, *joined, *closings]))
        ids = dict(zip(texts, self.marks.read(texts), strict=True))
        return [self._divide(*each, ids) for each in zip(parts, contexts, joined, closings, strict=True)]

    def _divide(self, part: Part, context: Text, joined: Text, closing: Text, ids: dict[Text, list[int]]) -> _Read:
        head, end = ids[part.head], ids[context]
        shared = _shared(end, ids[joined])
        if shared < len(end) and head[len(head) - len(end) :] != end:
            joined, end = part.head + part.tail, head
            (ids[joined],) = self.marks.read([joined])
            shared = _shared(end, ids[joined])
        unread = len(end) - shared  # a token begins in the prompt and ends in the completion
        completion = ids[joined][shared:]
        last = ids[closing]
        n_last = len(last) if completion[len(completion) - len(last) :] == last else 0
        return _Read(part, joined, shared, head, unread, completion, n_last)

    def _frame_of(self, read: _Read) -> Frame:
        """Keeps what a chat template ends with: it stays where a completion is cut."""
        after = [(token, 0) for token in read.completion[len(read.completion) - read.closing :]]
        return replace(self.frame, after=tuple(after)) if read.closing else self.frame

    def _assemble(self, read: _Read) -> Encoded:
        body = read.completion[: len(read.completion) - read.closing]
        encoded = assemble(read.prompt, body, self._frame_of(read), max_length=self.max_length, unread=read.unread)
        return replace(encoded, rewritten=True) if read.part.rewritten else encoded


def _shared(one: list[int], other: list[int]) -> int:
    """Counts how many tokens at the beginning are equal."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def pair_frame(tokenizer: Any) -> Frame:
    """Read the frame of a pair from the tokenizer itself, by encoding one: BERT's is [CLS] a [SEP] b [SEP]."""
    probe = tokenizer(["a"], ["a"])
    parts = probe.sequence_ids(0)
    ids = probe["input_ids"][0]
    types = probe["token_type_ids"][0] if "token_type_ids" in probe else [0] * len(ids)
    tokens = list(zip(ids, types, strict=True))
    first, second = parts.index(0), parts.index(1)
    end_first, end_second = len(parts) - parts[::-1].index(0), len(parts) - parts[::-1].index(1)
    between, after = tokens[end_first:second], tokens[end_second:]
    return Frame(tuple(tokens[:first]), tuple(between), tuple(after), (types[first], types[second]))


def sequence_frame(tokenizer: Any, style: str) -> Frame:
    """Finds what a decoder's tokenizer puts before a text, and its end token; a chat template writes both itself."""
    if style == CHAT:
        return Frame((), (), (), (0, 0))
    probe = tokenizer(["a"])
    parts = probe.sequence_ids(0)
    before = probe["input_ids"][0][: parts.index(0)]
    end = () if tokenizer.eos_token_id is None else ((tokenizer.eos_token_id, 0),)
    return Frame(tuple((token, 0) for token in before), (), end, (0, 0))
