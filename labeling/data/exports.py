"""The pairs as a file: {prompt, chosen, rejected} in JSON Lines, CSV or Parquet.

The same rankings give the same bytes, whether they are read live from PostgreSQL or from a frozen version. The order is
prompt, ranking, rank of the chosen, rank of the rejected, and then the completions' places in the imported row.

Pairs that people didn't make come from a source that someone else adds by its name, with columns of its own. They are
never in an export that doesn't name it.
"""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, permutations
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from formats import messages
from labeling.data import datasets
from labeling.errors import Invalid
from labeling.models import Completion, DatasetVersion, PreferencePair, Project, Prompt, Split

FORMATS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8; header=present",
    "parquet": "application/vnd.apache.parquet",
}
LAYOUTS = ("standard", "conversational")
# Test prompts measure the models that are trained on the rest, so they leave only when asked for by name.
DEFAULT_SPLITS = (Split.TRAIN.value, Split.VALIDATION.value)
ALL_SPLITS = "all"

PROMPTS_AT_ONCE = 50
ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 2**16
SPOOL_BYTES = 8 * 2**20

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

T = TypeVar("T")
Message = dict[str, str]
Columns = Mapping[str, pa.DataType]  # after prompt, chosen and rejected
Row = tuple[Any, ...]  # prompt, chosen, rejected as the layout writes them, and what the source says of the pair
COLUMNS = ("prompt", "chosen", "rejected")
# Where somebody said how much better; 0, which moves no loss, where nobody did: trainers take no null.
MARGIN = {"margin": pa.int32()}

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SCHEMAS = {
    "standard": pa.schema([(name, pa.string()) for name in COLUMNS]),
    "conversational": pa.schema([(name, _MESSAGES) for name in COLUMNS]),
}

# Only live rankings have pairs, which the database holds.
_PAIRS_OF_PROMPTS = """
SELECT pair.prompt_id, chosen.position, rejected.position, coalesce(pair.margin, 0)
FROM labeling_preferencepair pair
JOIN labeling_rankedcompletion better ON better.ranking_id = pair.ranking_id AND better.completion_id = pair.chosen_id
JOIN labeling_rankedcompletion worse ON worse.ranking_id = pair.ranking_id AND worse.completion_id = pair.rejected_id
JOIN labeling_completion chosen ON chosen.id = pair.chosen_id
JOIN labeling_completion rejected ON rejected.id = pair.rejected_id
WHERE pair.prompt_id = ANY(%s)
ORDER BY pair.prompt_id, pair.ranking_id, better.rank, worse.rank, chosen.position, rejected.position
"""


class Pair(NamedTuple):
    """Places of two completions, and the values of its source's columns."""

    chosen: int
    rejected: int
    said: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Group:
    """A prompt, its completions' texts by place, and its pairs in the file's order."""

    messages: list[Message]
    texts: dict[int, str]
    pairs: Sequence[Pair]


@dataclass(frozen=True)
class Pairs:
    """Prompts that have pairs, the pairs of some of them in the file's order, and what columns these have besides."""

    prompts: QuerySet[Prompt]
    of: Callable[[list[int]], Mapping[int, Sequence[Pair]]]
    columns: Columns


@dataclass(frozen=True)
class Source:
    """Who made pairs, and what a project has of them.

    `pairs` raises PodiumError where the project has none from there.
    """

    words: StrOrPromise  # for people to choose it by
    pairs: Callable[[Project], Pairs]


def stream_pairs(
    project: Project,
    *,
    file_format: str,
    layout: str,
    split: str | None = None,
    version: DatasetVersion | None = None,
    source: str = "",
) -> Generator[bytes, None, None]:
    """The file in pieces; memory stays flat however long it is. Raises PodiumError before the first piece."""
    writer = _WRITERS[_one_of(file_format, FORMATS, "format")]
    layout = _one_of(layout, LAYOUTS, "layout")
    splits = splits_of(split)
    found = _SOURCES[source_of(source)]
    if version is None:
        pairs = found.pairs(project)
        return writer(_live_groups(pairs, splits), layout, pairs.columns)
    if source_of(source) != PEOPLE:
        message = _("A frozen version holds people's labels alone; leave out the version, or the source %(source)r.")
        raise Invalid("frozen_of_people", message % {"source": source}, attr="version")
    columns = MARGIN if datasets.has_strengths(version) else {}
    return writer(_frozen_groups(version, splits, columns), layout, columns)


def source_of(name: str) -> str:
    """Whose pairs: people's where none are named. Raises Invalid."""
    return _one_of(name or PEOPLE, _SOURCES, "source")


def sources() -> list[tuple[str, StrOrPromise]]:
    """Their names and words."""
    return [(name, source.words) for name, source in _SOURCES.items()]


def add_source(name: str, source: Source) -> None:
    """Offers pairs of someone else under a name. Call it once, when the app is ready."""
    _SOURCES[name] = source


def content_type(file_format: str) -> str:
    return FORMATS[_one_of(file_format, FORMATS, "format")]


def filename(
    project: Project,
    *,
    file_format: str,
    layout: str = "standard",
    split: str | None = None,
    version: DatasetVersion | None = None,
    source: str = "",
) -> str:
    """helpfulness-v3-train-validation.jsonl: which project, which version (or live), which splits."""
    state = "live" if version is None else f"v{version.number}"
    parts = [project.slug, state, *splits_of(split)]
    if source_of(source) != PEOPLE:
        parts.insert(1, source)
    if _one_of(layout, LAYOUTS, "layout") != "standard":
        parts.append(layout)
    return f"{'-'.join(parts)}.{_one_of(file_format, FORMATS, 'format')}"


def splits_of(split: str | None) -> tuple[str, ...]:
    """ "train", several as "train,test", "all", or nothing for train and validation. Raises Invalid."""
    if not split:
        return DEFAULT_SPLITS
    if split == ALL_SPLITS:
        return tuple(Split.values)
    splits = {_one_of(name.strip(), (*Split.values, ALL_SPLITS), "split") for name in split.split(",")}
    return tuple(Split.values) if ALL_SPLITS in splits else tuple(name for name in Split.values if name in splits)


def expand(ranks: Sequence[int]) -> list[tuple[int, int]]:
    """(chosen, rejected) places of one ranking, ties left out, in the file's order."""
    pairs = [(i, j) for i, j in permutations(range(len(ranks)), 2) if ranks[i] < ranks[j]]
    return sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]], pair))


# --- Where the pairs come from ---------------------------------------------------------------------------------------


def _pairs_of_people(project: Project) -> Pairs:
    ranked = PreferencePair.objects.filter(prompt=OuterRef("pk"))
    columns = MARGIN if PreferencePair.objects.filter(project=project, margin__isnull=False).exists() else {}
    return Pairs(
        Prompt.objects.filter(Exists(ranked), project=project), lambda keys: _pairs_of_prompts(keys, columns), columns
    )


def _pairs_of_prompts(keys: list[int], columns: Columns) -> dict[int, list[Pair]]:
    pairs: dict[int, list[Pair]] = {key: [] for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS_OF_PROMPTS, [keys])
        for key, chosen, rejected, margin in cursor.fetchall():
            pairs[key].append(Pair(chosen, rejected, (margin,) if columns else ()))
    return pairs


PEOPLE = "people"
_SOURCES = {PEOPLE: Source(gettext_lazy("People"), _pairs_of_people)}


def _live_groups(found: Pairs, splits: Sequence[str]) -> Iterator[Group]:
    """Reads the tables as they are when the first piece is asked for."""
    prompts = found.prompts.filter(split__in=splits).order_by("pk")
    with _snapshot():
        for chunk in _batches(prompts.iterator(chunk_size=PROMPTS_AT_ONCE), PROMPTS_AT_ONCE):
            keys = [prompt.pk for prompt in chunk]
            texts: dict[int, dict[int, str]] = {key: {} for key in keys}
            completions = Completion.objects.filter(prompt__in=keys).values_list("prompt_id", "position", "text")
            for key, position, text in completions:
                texts[key][position] = text
            pairs = found.of(keys)
            for prompt in chunk:
                yield Group(prompt.messages, texts[prompt.pk], pairs[prompt.pk])


def _frozen_groups(version: DatasetVersion, splits: Sequence[str], columns: Columns) -> Iterator[Group]:
    for row in datasets.read_groups(version):
        if row["split"] in splits:
            texts = {place: completion["text"] for place, completion in enumerate(row["completions"])}
            pairs = [
                Pair(*pair, (ranking["strength"] or 0,) if columns else ())
                for ranking in row["rankings"]
                for pair in expand(ranking["ranks"])
            ]
            yield Group(row["prompt"], texts, pairs)


@contextmanager
def _snapshot() -> Iterator[None]:
    """Everything read inside is of one moment, though labelers go on. Inside a caller's transaction, theirs decides."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


# --- How they are written --------------------------------------------------------------------------------------------


def _write_jsonl(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    buffer = bytearray()
    for group in groups:
        # Each text is encoded once, though it stands in up to K - 1 lines.
        prompt, texts = _cells(group, layout, _json)
        for chosen, rejected, said in group.pairs:
            more = "".join(f",{_json(name)}:{_json(value)}" for name, value in zip(columns, said, strict=True))
            line = f'{{"prompt":{prompt},"chosen":{texts[chosen]},"rejected":{texts[rejected]}{more}}}\n'
            buffer += line.encode()
        if len(buffer) >= BYTES_AT_ONCE:
            yield bytes(buffer)
            buffer.clear()
    if buffer:
        yield bytes(buffer)


def _write_csv(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    """RFC 4180. Cells are written as they are: a text that begins with = or + is training data, not a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, *columns])
    for row in _rows(groups, layout, _json if layout == "conversational" else _as_it_is):
        writer.writerow(row)
        if text.tell() >= BYTES_AT_ONCE:
            yield _drain(text)
    yield _drain(text)


def _write_parquet(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    """Parquet keeps its index at the end, so the file is written aside and then sent."""
    schema = pa.schema([*_SCHEMAS[layout], *(pa.field(name, kind) for name, kind in columns.items())])
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as file:
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for rows in _batches(_rows(groups, layout, _as_it_is), ROWS_AT_ONCE):
                cells = [pa.array([row[i] for row in rows], type=schema.field(i).type) for i in range(len(schema))]
                writer.write_table(pa.Table.from_arrays(cells, schema=schema), row_group_size=ROWS_AT_ONCE)
        file.seek(0)
        while piece := file.read(BYTES_AT_ONCE):
            yield piece


_WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}


def _rows(groups: Iterable[Group], layout: str, encode: Callable[[Any], Any]) -> Iterator[Row]:
    for group in groups:
        prompt, texts = _cells(group, layout, encode)
        for chosen, rejected, said in group.pairs:
            yield prompt, texts[chosen], texts[rejected], *said


def _cells(group: Group, layout: str, encode: Callable[[Any], Any]) -> tuple[Any, dict[int, Any]]:
    """The prompt and the completions as the layout has them, each encoded once."""
    if layout == "standard":
        return encode(messages.as_text(group.messages)), {i: encode(text) for i, text in group.texts.items()}
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in group.messages]
    answers = {i: encode([{"role": "assistant", "content": text}]) for i, text in group.texts.items()}
    return encode(turns), answers


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _as_it_is(value: Any) -> Any:
    return value


def _drain(text: io.StringIO) -> bytes:
    piece = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return piece


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _one_of(value: str, allowed: Iterable[str], attr: str) -> str:
    if value not in allowed:
        values = {"field": attr, "known": ", ".join(allowed), "value": value}
        raise Invalid(f"unknown_{attr}", _("%(field)s is one of %(known)s; got %(value)r.") % values, attr=attr)
    return value
