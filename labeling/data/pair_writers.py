"""Pairs as the bytes of a file: JSON Lines, CSV or Parquet, in one of two layouts, in pieces."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from formats import messages
from labeling.data.pair_groups import Columns, Group, batches

LAYOUTS = ("standard", "conversational")
ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 2**16
SPOOL_BYTES = 8 * 2**20

Row = tuple[Any, ...]  # prompt, chosen, rejected as the layout writes them, and what the source says of the pair
COLUMNS = ("prompt", "chosen", "rejected")

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SCHEMAS = {
    "standard": pa.schema([(name, pa.string()) for name in COLUMNS]),
    "conversational": pa.schema([(name, _MESSAGES) for name in COLUMNS]),
}


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
    """Writes as RFC 4180 says. Cells are written as they are: a text that begins with = or + is training data, not a
    formula."""
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
            for rows in batches(_rows(groups, layout, _as_it_is), ROWS_AT_ONCE):
                cells = [pa.array([row[i] for row in rows], type=schema.field(i).type) for i in range(len(schema))]
                writer.write_table(pa.Table.from_arrays(cells, schema=schema), row_group_size=ROWS_AT_ONCE)
        file.seek(0)
        while piece := file.read(BYTES_AT_ONCE):
            yield piece


WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}


def _rows(groups: Iterable[Group], layout: str, encode: Callable[[Any], Any]) -> Iterator[Row]:
    for group in groups:
        prompt, texts = _cells(group, layout, encode)
        for chosen, rejected, said in group.pairs:
            yield prompt, texts[chosen], texts[rejected], *said


def _cells(group: Group, layout: str, encode: Callable[[Any], Any]) -> tuple[Any, dict[int, Any]]:
    """Gives the prompt and the completions as the layout has them, each encoded once."""
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
