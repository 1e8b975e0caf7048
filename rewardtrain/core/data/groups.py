"""Reading rankings: JSON Lines in the import format, or Parquet of the same structure. No torch."""

import hashlib
import json
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from formats import values
from formats.lines import Unreadable, read_lines
from formats.prompts import prompt_key, split_of
from rewardtrain.core.errors import DataError

SPLITS = ("train", "validation", "test")
ROLES = ("system", "user", "assistant")
STRENGTHS = (1, 2, 3)
_REPR = reprlib.Repr()  # of what may be nested too deep for repr()
_REPR.maxlist = _REPR.maxdict = _REPR.maxstring = _REPR.maxother = 80
COLUMNS = ("id", "split", "prompt", "completions", "rankings")


@dataclass(frozen=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True)
class Ranking:
    """One labeler's ranking: ranks run parallel to the completions, 1 is best, equal ranks are a tie."""

    labeler: str
    ranks: tuple[int, ...]
    strength: int | None = None  # of K = 2: 1 slightly, 2 clearly, 3 much better; None where it was not said
    flags: tuple[dict[str, bool], ...] = ()  # parallel to the completions, or empty; a name left out was not said


@dataclass(frozen=True)
class Group:
    """A prompt with all its completions and everyone's rankings of them: one element of a batch."""

    id: str
    split: str
    prompt: tuple[Message, ...]
    completions: tuple[str, ...]
    rankings: tuple[Ranking, ...]
    read_as: tuple[int, ...] = ()  # parallel to the completions: equal for those that are one input; empty: none are

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """A number for each completion, equal where nothing can tell two apart: a pair of these says nothing."""
        return self.read_as or tuple(range(len(self.completions)))

    @cached_property
    def prompt_digest(self) -> bytes:
        return prompt_digest(self.prompt)

    @cached_property
    def prompt_key(self) -> str:
        """What prompts share that are the same but for white space and what can't be seen, whatever their id."""
        return prompt_key(((turn.role, turn.content) for turn in self.prompt), self.completions)


def told_apart(group: Group, inputs: Sequence[bytes]) -> Group:
    """The group as a model reads it. inputs: parallel to the completions, equal ones for equal input."""
    numbers = _numbers(inputs)
    return group if numbers == group.inputs else replace(group, read_as=numbers)


def _numbers(values: Sequence[str | bytes]) -> tuple[int, ...]:
    seen = dict[str | bytes, int]()
    return tuple(seen.setdefault(value, len(seen)) for value in values)


@contextmanager
def of_row(name: str) -> Iterator[None]:
    """What is wrong with a row's texts is said with its id."""
    try:
        yield
    except DataError as error:
        raise DataError(f"row {name!r}: {error}") from error


def prompt_digest(prompt: Iterable[Message]) -> bytes:
    """sha256 of the dialogue's canonical JSON: [{"content":...,"role":...}], sorted keys, no spaces, UTF-8."""
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    text = json.dumps(messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def fingerprint(path: Path) -> str:
    """sha256 of the file's bytes, in hex. Raises DataError where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"data file {str(path)!r} can't be read: {error.strerror}") from error


def read_groups(path: Path) -> list[Group]:
    """Every row of a .parquet file or a JSON Lines file, in its order.

    Rows without a split get one by their prompt_key. Raises DataError naming the row, field, value and what to do.
    """
    groups, seen = [], dict[str, str]()
    for place, row in read_rows(path, COLUMNS):
        group = parse_row(place, row)
        if group.id in seen:
            raise DataError(f"{place}: id {group.id!r} was used before, on {seen[group.id]}; give each row its own")
        seen[group.id] = place
        groups.append(group)
    return groups


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Every row as it stands in a .parquet file (these columns of it) or a JSON Lines file, with the name of its place.

    Raises DataError.
    """
    if not path.is_file():
        raise DataError(f"data file {str(path)!r} doesn't exist; give a JSON Lines or a Parquet file")
    yield from _parquet_rows(path, columns) if _is_parquet(path) else _json_rows(path)


def parse_row(place: str, row: object) -> Group:
    """Check one row's types and values; `place` names it in a DataError."""
    fields = _expect(place, "row", row, dict, "an object")
    name = _text(place, "id", fields.get("id"))
    prompt = _prompt(place, fields.get("prompt"))
    items = _expect(place, "completions", fields.get("completions"), list, "a list")
    completions = tuple(_completion(place, index, item) for index, item in enumerate(items))
    rankings = _expect(place, "rankings", fields.get("rankings") or [], list, "a list")
    parsed = tuple(_ranking(place, index, item, len(completions)) for index, item in enumerate(rankings))
    split = fields.get("split") or ""
    if split not in ("", *SPLITS):
        raise DataError(f"{place}: split is {_short(split)}; use one of {', '.join(SPLITS)}, or leave it out")
    equal = _numbers(completions) if len(set(completions)) < len(completions) else ()
    group = Group(name, split, prompt, completions, parsed, read_as=equal)
    return group if split else replace(group, split=split_of(group.prompt_key))


def parse_texts(place: str, prompt: object, completions: object) -> Group:
    """What is to be scored: a text or messages, and texts, which may be empty, as what a policy writes may be."""
    texts = _expect(place, "completions", completions, list, "a list of texts")
    if not texts:
        raise DataError(f"{place}: completions is an empty list; give at least one text")
    for index, text in enumerate(texts):
        _sound(place, f"completions[{index}]", _expect(place, f"completions[{index}]", text, str, "text"))
    messages = _prompt(place, prompt)
    return Group(id=place, split="test", prompt=messages, completions=tuple(texts), rankings=())


def _sound(place: str, field: str, text: str) -> None:
    """JSON can say half of a surrogate pair, which is no character and which no tokenizer reads."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            seen = f"{field} holds {_short(text[error.start])}, which is no character"
            raise DataError(f"{place}: {seen}; repair its encoding") from error


def _json_rows(path: Path) -> Iterator[tuple[str, object]]:
    with path.open("rb") as file:
        try:
            for number, line in enumerate(read_lines(file, max_bytes=None, max_lines=None), start=1):
                if line.strip():
                    yield f"line {number}", _parse_line(f"line {number}", line)
        except Unreadable as error:
            raise DataError(f"data file {str(path)!r} can't be read: {error}") from error


def _parse_line(place: str, line: bytes) -> object:
    try:
        return values.parse(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        byte = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise DataError(f"{place}: not UTF-8 ({byte}); save the file as UTF-8") from error
    except ValueError as error:
        start = line[:60].decode("utf-8", "replace").strip()
        raise DataError(f"{place}: not JSON ({error}), it begins {start!r}; write one object") from error


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet_rows(path: Path, wanted: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    import pyarrow as pa  # a JSON Lines run needs no pyarrow
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            columns = [name for name in file.schema_arrow.names if name in wanted]
            number = 0
            for batch in file.iter_batches(batch_size=1024, columns=columns):
                for row in batch.to_pylist():
                    number += 1
                    yield f"row {number}", row
    except pa.ArrowException as error:
        raise DataError(f"data file {str(path)!r} is not a readable Parquet file: {error}; freeze it again") from error


def _prompt(place: str, value: object) -> tuple[Message, ...]:
    if isinstance(value, str):
        _sound(place, "prompt", value)
        return (Message("user", value),)  # may be empty: a text to classify stands alone; so may a turn of a dialogue
    turns = _expect(place, "prompt", value, list, "text or a list of messages")
    if not turns:
        raise DataError(f"{place}: prompt is an empty list; give at least one message")
    messages = []
    for index, turn in enumerate(turns):
        field = f"prompt[{index}]"
        turn = _expect(place, field, turn, dict, "an object with role and content")
        if turn.get("role") not in ROLES:
            raise DataError(f"{place}: {field}.role is {turn.get('role')!r}; use one of {', '.join(ROLES)}")
        content = _expect(place, f"{field}.content", turn.get("content"), str, "text")
        _sound(place, f"{field}.content", content)
        messages.append(Message(turn["role"], content))
    return tuple(messages)


def _completion(place: str, index: int, value: object) -> str:
    field = f"completions[{index}]"
    text = _text(place, f"{field}.text", _expect(place, field, value, dict, "an object with a text").get("text"))
    _sound(place, f"{field}.text", text)
    return text


def _ranking(place: str, index: int, value: object, size: int) -> Ranking:
    field = f"rankings[{index}]"
    fields = _expect(place, field, value, dict, "an object with labeler and ranks")
    labeler = _text(place, f"{field}.labeler", fields.get("labeler"))
    ranks = _expect(place, f"{field}.ranks", fields.get("ranks"), list, "a list of whole numbers")
    if len(ranks) != size:
        raise DataError(f"{place}: {field}.ranks is {ranks!r}; give one rank to each of the {size} completions")
    for rank in ranks:
        if type(rank) is not int or rank < 1:
            raise DataError(f"{place}: {field}.ranks holds {rank!r}; ranks are whole numbers, 1 is best")
    strength = _strength(place, f"{field}.strength", fields.get("strength"), size)
    return Ranking(labeler, tuple(ranks), strength, _flags(place, f"{field}.flags", fields.get("flags"), size))


def _strength(place: str, field: str, value: object, size: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value not in STRENGTHS:
        raise DataError(f"{place}: {field} is {_short(value)}; it must be 1 (slightly), 2 (clearly) or 3 (much better)")
    if size != 2:
        raise DataError(f"{place}: {field} is {value}, but of {size} completions; only a ranking of two has a strength")
    return value


def _flags(place: str, field: str, value: object, size: int) -> tuple[dict[str, bool], ...]:
    """Parquet holds them as JSON text, for the names are each project's own."""
    if value is None:
        return ()
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise DataError(f"{place}: {field} is {_short(value)}, not JSON ({error}); freeze it again") from error
    flags = _expect(place, field, value, list, "a list of objects such as {'hateful': false}")
    if len(flags) not in (0, size):
        raise DataError(f"{place}: {field} is {_short(flags)}; give one object to each of the {size} completions")
    for index, named in enumerate(flags):
        said = _expect(place, f"{field}[{index}]", named, dict, "an object such as {'hateful': false}")
        for name, answer in said.items():
            if not isinstance(answer, bool):
                raise DataError(f"{place}: {field}[{index}].{name} is {_short(answer)}; it must be true or false")
    return tuple(flags)


def _expect(place: str, field: str, value: object, kind: type, wanted: str) -> Any:
    if not isinstance(value, kind):
        raise DataError(f"{place}: {field} is {_short(value)}; it must be {wanted}")
    if isinstance(value, values.Repeated):
        raise DataError(f"{place}: {field} has the key {_short(value.key)} twice; keep one of them")
    return value


def _text(place: str, field: str, value: object) -> str:
    if not isinstance(value, str) or not value or value.isspace():  # strip() would copy every text
        raise DataError(f"{place}: {field} is {_short(value)}; it must be text that isn't empty")
    return value


def _short(value: object) -> str:
    text = _REPR.repr(value) if isinstance(value, dict | list) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
