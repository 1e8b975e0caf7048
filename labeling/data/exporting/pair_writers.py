"""Pairs as the bytes of a file: JSON Lines, CSV or Parquet, in one of two layouts, in pieces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from formats import messages
from labeling.data.exporting.pair_groups import Columns, Group, batches

LAYOUTS = ("standard", "conversational")
ROWS_AT_ONCE = 1_000
BYTES_AT_ONCE = 2**16

Row = tuple[Any, ...]  # prompt, chosen, rejected as the layout has them, and what the source says of the pair
Cell = Callable[[Any], str]
COLUMNS = ("prompt", "chosen", "rejected")

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_SCHEMAS = {
    "standard": pa.schema([(name, pa.string()) for name in COLUMNS]),
    "conversational": pa.schema([(name, _MESSAGES) for name in COLUMNS]),
}
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _write_jsonl(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    @lru_cache(maxsize=1024)
    def end(said: Row) -> bytes:
        return "".join(f",{_json(name)}:{_json(value)}" for name, value in zip(columns, said, strict=True)).encode()

    yield from _lines(groups, layout, _json, ('{"prompt":', ',"chosen":', ',"rejected":'), end, b"}\n")


def _write_csv(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    """Writes as RFC 4180 says. Cells are written as they are: a text that begins with = or + is training data, not a
    formula."""

    @lru_cache(maxsize=1024)
    def end(said: Row) -> bytes:
        return "".join(f",{_csv_cell(value)}" for value in said).encode()

    def cell(value: Any) -> str:
        return _csv_cell(_json(value) if layout == "conversational" else value)

    yield ",".join(map(_csv_cell, (*COLUMNS, *columns))).encode() + b"\r\n"
    yield from _lines(groups, layout, cell, ("", ",", ","), end, b"\r\n")


def _lines(
    groups: Iterable[Group],
    layout: str,
    cell: Cell,
    before: tuple[str, str, str],
    end: Callable[[Row], bytes],
    line_end: bytes,
) -> Generator[bytes, None, None]:
    """Joins lines of cells that are encoded once for each prompt, though a text stands in up to K - 1 lines of each
    ranking. `before`: what stands before prompt, chosen and rejected. `end`: the columns after."""
    before_prompt, before_chosen, before_rejected = before
    parts: list[bytes] = []
    size = 0
    for group in groups:
        prompt, texts = _cells(group, layout, cell)
        first = f"{before_prompt}{prompt}{before_chosen}"
        chosen = [f"{first}{text}{before_rejected}".encode() for text in texts]
        rejected = [text.encode() for text in texts]
        for better, worse, said in group.pairs:
            line = b"%b%b%b%b" % (chosen[better], rejected[worse], end(said) if said else b"", line_end)
            parts.append(line)
            size += len(line)
        if size >= BYTES_AT_ONCE:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)


def _csv_cell(value: Any) -> str:
    """Writes a cell as it stands in a row of several."""
    text = io.StringIO(newline="")
    csv.writer(text).writerow((value, ""))
    return text.getvalue().removesuffix(",\r\n")


def _write_parquet(groups: Iterable[Group], layout: str, columns: Columns) -> Generator[bytes, None, None]:
    """Parquet keeps its index at the end, so that nothing of what is sent needs to be held."""
    schema = pa.schema([*_SCHEMAS[layout], *(pa.field(name, kind) for name, kind in columns.items())])
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        yield _drain(sink)  # the download has begun: the first rows wait for pandas, which pyarrow loads where it is
        for rows in batches(_rows(groups, layout), ROWS_AT_ONCE):
            cells = [pa.array([row[i] for row in rows], type=schema.field(i).type) for i in range(len(schema))]
            writer.write_table(pa.Table.from_arrays(cells, schema=schema), row_group_size=ROWS_AT_ONCE)
            yield _drain(sink)
    yield _drain(sink)


WRITERS = {"jsonl": _write_jsonl, "csv": _write_csv, "parquet": _write_parquet}


def _rows(groups: Iterable[Group], layout: str) -> Iterator[Row]:
    for group in groups:
        prompt, texts = _cells(group, layout, _as_it_is)
        for chosen, rejected, said in group.pairs:
            yield prompt, texts[chosen], texts[rejected], *said


def _cells(group: Group, layout: str, encode: Callable[[Any], Any]) -> tuple[Any, list[Any]]:
    """Gives the prompt and the completions as the layout has them, each encoded once."""
    if layout == "standard":
        return encode(messages.as_text(group.messages)), [encode(text) for text in group.texts]
    turns = [{"role": turn["role"], "content": turn["content"]} for turn in group.messages]
    return encode(turns), [encode([{"role": "assistant", "content": text}]) for text in group.texts]


def _as_it_is(value: Any) -> Any:
    return value


def _drain(sink: io.BytesIO) -> bytes:
    """Takes what was written; the writer of Parquet counts for itself how far it is."""
    piece = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return piece
