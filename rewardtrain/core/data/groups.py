"""Reading rankings: JSON Lines in the import format, or Parquet of the same structure. No torch."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

from formats import limits, rows
from formats.limits import Limits
from formats.lines import Unreadable, read_lines
from formats.messages import check_characters, parse_foreign
from formats.prompts import prompt_key, split_of
from formats.rankings import RankingRow
from formats.refusals import Refused
from rewardtrain.core.errors import DataError

COLUMNS = ("id", "split", "prompt", "completions", "rankings")
# Columns of a table are declared once for all its rows: those that aren't of the format are their writer's.
OF_TABLE = Limits(other_keys=True)


@dataclass(frozen=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True)
class Rewrite:
    """What a labeler made of a completion: better, to them, than all that they ranked."""

    of: int  # the completion's place
    text: str


@dataclass(frozen=True)
class Ranking:
    """One labeler's ranking: ranks run parallel to the completions, dense, 1 is best; equal ranks are a tie.

    Rank 0 is of a completion that the labeler never saw. With `rest_unranked` those of the last rank are what was left
    below the best few: nothing was said of any two of them.
    """

    labeler: str
    ranks: tuple[int, ...]
    strength: int | None = None  # of K = 2: 1 slightly, 2 clearly, 3 much better; None where it was not said
    flags: tuple[dict[str, bool], ...] = ()  # parallel to the completions, or empty; a name left out was not said
    rest_unranked: bool = False
    rewrite: Rewrite | None = None
    # By attribute, such as helpful: ranks by what the labeler rated, as above; 0 of what they did not rate.
    attributes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def judgements(self) -> Iterator[tuple[int, int, int]]:
        """Yields every two completions that it compares: the better one's place, the worse one's, and how many ranks
        apart, counted without holes; 0 is a tie."""
        distinct = sorted(set(self.ranks) - {0})
        place = {rank: index for index, rank in enumerate(distinct)}
        rest = distinct[-1] if self.rest_unranked and distinct else None
        for (i, first), (j, second) in combinations(enumerate(self.ranks), 2):
            if not first or not second or first == second == rest:
                continue
            gap = place[second] - place[first]
            yield (i, j, gap) if gap >= 0 else (j, i, -gap)


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
        """Gives a number for each completion, equal where nothing can tell two apart: a pair of these says nothing."""
        return self.read_as or tuple(range(len(self.completions)))

    @cached_property
    def prompt_digest(self) -> bytes:
        return prompt_digest(self.prompt)

    @cached_property
    def prompt_key(self) -> str:
        """Gives what prompts share that are the same but for white space and what can't be seen, whatever their id."""
        return prompt_key(((turn.role, turn.content) for turn in self.prompt), self.completions)


def told_apart(group: Group, inputs: Sequence[bytes]) -> Group:
    """Gives the group as a model reads it. inputs: parallel to the completions, equal ones for equal input."""
    numbers = _numbers(inputs)
    return group if numbers == group.inputs else _changed(group, read_as=numbers)


def with_rewrites(group: Group) -> Group:
    """Gives the group with what labelers made of completions as further ones, each preferred by its labeler, and by
    nobody else, to all that they ranked. A rewrite of a completion that has the same text says nothing.

    It is the same dialogue as before: its prompt_key stays.
    """
    texts, rankings = list(group.completions), list[Ranking]()
    for ranking in group.rankings:
        edited = ranking.rewrite
        if edited is None or edited.text.strip() == group.completions[edited.of].strip():
            continue
        ranks = [2 * (rank > 0) for rank in ranking.ranks] + [0] * (len(texts) - len(ranking.ranks)) + [1]
        rankings.append(Ranking(ranking.labeler, tuple(ranks), rest_unranked=True))
        texts.append(edited.text)
    if not rankings:
        return group
    seen = [replace(each, ranks=_padded(each.ranks, len(texts))) for each in (*group.rankings, *rankings)]
    return _changed(group, completions=tuple(texts), rankings=tuple(seen), read_as=_numbers(texts))


def by_attribute(group: Group, name: str) -> Group:
    """Gives the group with rankings by one attribute, of those who rated it."""
    rated = (Ranking(each.labeler, each.attributes[name]) for each in group.rankings if name in each.attributes)
    return _changed(group, rankings=tuple(rated))


def ranks_by_rating(ratings: Sequence[Mapping[str, int]]) -> dict[str, tuple[int, ...]]:
    """Ranks completions by each attribute, the highest rating first; 0 where one wasn't rated.

    ratings: parallel to the completions, by attribute.
    """
    ranks = dict[str, tuple[int, ...]]()
    for name in dict.fromkeys(name for rated in ratings for name in rated):
        values = sorted({rated[name] for rated in ratings if name in rated}, reverse=True)
        ranks[name] = tuple(values.index(rated[name]) + 1 if name in rated else 0 for rated in ratings)
    return ranks


def attributes_of(groups: Iterable[Group]) -> tuple[str, ...]:
    """Names what anybody rated, sorted."""
    return tuple(sorted({name for group in groups for ranking in group.rankings for name in ranking.attributes}))


def _padded(ranks: tuple[int, ...], k: int) -> tuple[int, ...]:
    return ranks + (0,) * (k - len(ranks))


def _changed(group: Group, **changes: Any) -> Group:
    changed = replace(group, **changes)
    vars(changed)["prompt_key"] = group.prompt_key
    return changed


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
    """Gives the sha256 of the dialogue's canonical JSON: [{"content":...,"role":...}], sorted keys, no spaces,
    UTF-8."""
    messages = [{"role": message.role, "content": message.content} for message in prompt]
    text = json.dumps(messages, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def fingerprint(path: Path) -> str:
    """Gives the sha256 of the file's bytes, in hex. Raises DataError where there is no such file."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"data file {str(path)!r} can't be read: {error.strerror}") from error


def read_groups(path: Path) -> list[Group]:
    """Reads every row of a .parquet file or a JSON Lines file, in its order.

    Rows without a split get one by their prompt_key. Raises DataError naming the row, field, value and what to do.
    """
    groups, seen = [], dict[str, str]()
    bounds = OF_TABLE if path.is_file() and _is_parquet(path) else limits.NONE
    for place, row in read_rows(path, COLUMNS):
        group = parse_row(place, row, bounds)
        if group.id in seen:
            raise DataError(f"{place}: id {group.id!r} was used before, on {seen[group.id]}; give each row its own")
        seen[group.id] = place
        groups.append(group)
    return groups


def read_rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """Yields every row as it stands in a .parquet file (these columns of it) or a JSON Lines file, with the name of its
    place.

    Raises DataError.
    """
    if not path.is_file():
        raise DataError(f"data file {str(path)!r} doesn't exist; give a JSON Lines or a Parquet file")
    yield from _parquet_rows(path, columns) if _is_parquet(path) else _json_rows(path)


def parse_row(place: str, row: object, bounds: Limits = limits.NONE) -> Group:
    """Makes a group of a row of the format; `place` names it in a DataError."""
    with _at(place):
        parsed = rows.parse_row(row, bounds)
    completions = tuple([completion.text for completion in parsed.completions])
    key = prompt_key([(turn["role"], turn["content"]) for turn in parsed.messages], completions)
    group = Group(
        id=parsed.id,
        split=parsed.split or split_of(key),
        prompt=_messages(parsed.messages),
        completions=completions,
        rankings=tuple(map(_ranking, parsed.rankings)),
        read_as=_numbers(completions) if len(set(completions)) < len(completions) else (),
    )
    vars(group)["prompt_key"] = key  # as the cached property keeps it: to make one costs a third of reading a row
    return group


def _messages(messages: Iterable[dict[str, str]]) -> tuple[Message, ...]:
    return tuple([Message(message["role"], message["content"]) for message in messages])


def _ranking(row: RankingRow) -> Ranking:
    return Ranking(
        labeler=row.labeler,
        ranks=row.ranks,
        strength=row.strength,
        flags=row.flags if any(row.flags) else (),
        rest_unranked=row.top_k is not None,
        rewrite=Rewrite(*row.more.rewrite) if row.more.rewrite else None,
        attributes=ranks_by_rating(row.more.attributes) if row.more.attributes else {},
    )


def parse_texts(place: str, prompt: object, completions: object) -> Group:
    """Reads what is to be scored: a text or messages, and texts, which may be empty, as what a policy writes may be."""
    with _at(place):
        if not isinstance(completions, list) or not completions:
            raise Refused("completions", completions, "texts")
        for index, text in enumerate(completions):
            if not isinstance(text, str):
                raise Refused(f"completions[{index}]", text, "content")
            check_characters(text, f"completions[{index}]")
        messages = _messages(parse_foreign(prompt))
    return Group(id=place, split="test", prompt=messages, completions=tuple(completions), rankings=())


def parse_preference(place: str, split: str, prompt: object, chosen: str, rejected: str, *, labeler: str) -> Group:
    """Makes a group of two answers in another project's format, the first of which was preferred."""
    group = parse_texts(place, prompt, [chosen, rejected])
    return replace(group, split=split, rankings=(Ranking(labeler, (1, 2)),))


@contextmanager
def _at(place: str) -> Iterator[None]:
    """What is wrong with a row is said with its place."""
    try:
        yield
    except Refused as error:
        raise DataError(f"{place}: {error}") from error


def _json_rows(path: Path) -> Iterator[tuple[str, object]]:
    with path.open("rb") as file:
        try:
            for number, line in enumerate(read_lines(file, max_bytes=None, max_lines=None), start=1):
                if line.strip():
                    with _at(f"line {number}"):
                        value = rows.read_json(line)
                    yield f"line {number}", value
        except Unreadable as error:
            raise DataError(f"data file {str(path)!r} can't be read: {error}") from error


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
