"""The files that go in: the same prompts in every format."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

K = 4
LABELERS = 25
WORDS = [
    "the",
    "a",
    "of",
    "reward",
    "model",
    "prompt",
    "answer",
    "which",
    "better",
    "people",
    "said",
    "that",
    "it",
    "not",
]


def write_files(folder: Path, prompts: int) -> list[Path]:
    """Writes the same prompts without rankings, with one and with two each, and of the last file the first tenth."""
    draw, order = random.Random(0), random.Random(1)
    paths = [folder / f"{name}.jsonl" for name in ("0", "1", "2", "tenth")]
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(path.open("w")) for path in paths]
        for n in range(prompts):
            bare, rankings = row_of(n, draw), _rankings(n, order)
            lines = [f"{bare}}}\n", *(f'{bare}, "rankings": {json.dumps(rankings[:many])}}}\n' for many in (1, 2))]
            for file, line in zip(files, (*lines, lines[2] if n < prompts / 10 else ""), strict=True):
                file.write(line)
    return paths


def row_of(n: int, draw: random.Random) -> str:
    """Gives a row without its last bracket: a prompt of some 150 characters, completions of some 300."""
    row = {
        "id": f"p{n}",
        "prompt": f"{n}: {' '.join(draw.choices(WORDS, k=30))}?",
        "completions": [
            {"id": f"c{place}", "text": f"{place} {' '.join(draw.choices(WORDS, k=60))}.", "model": f"m{place}"}
            for place in range(K)
        ],
    }
    return json.dumps(row, ensure_ascii=False)[:-1]


def _rankings(n: int, order: random.Random) -> list[dict[str, Any]]:
    return [
        {"labeler": f"labeler{(n + place) % LABELERS}", "ranks": order.sample(range(1, K + 1), K)} for place in range(2)
    ]


# --- A pair of completions for each prompt, as each format has it -----------------------------------------------------


def _pair(n: int) -> tuple[str, str, str]:
    """Gives a prompt of some 150 characters, and a better and a worse completion of some 300."""
    draw = random.Random(n)
    better, worse = (f"{place} {' '.join(draw.choices(WORDS, k=60))}." for place in range(2))
    return f"{n}: {' '.join(draw.choices(WORDS, k=30))}?", better, worse


def _podium(n: int) -> dict[str, Any]:
    prompt, better, worse = _pair(n)
    completions = [{"id": "0", "text": better}, {"id": "1", "text": worse}]
    rankings = [{"labeler": "trl", "ranks": [1, 2]}]
    return {"id": f"p{n}", "prompt": prompt, "completions": completions, "rankings": rankings}


def _trl(n: int) -> dict[str, Any]:
    return dict(zip(("prompt", "chosen", "rejected"), _pair(n), strict=True))


def _trl_messages(n: int) -> dict[str, Any]:
    prompt, *answers = _pair(n)
    asked = [{"role": "user", "content": prompt}]
    chosen, rejected = ([*asked, {"role": "assistant", "content": text}] for text in answers)
    return {"chosen": chosen, "rejected": rejected}


def _hh(n: int) -> dict[str, Any]:
    prompt, *answers = _pair(n)
    chosen, rejected = (f"\n\nHuman: {prompt}\n\nAssistant: {text}" for text in answers)
    return {"chosen": chosen, "rejected": rejected}


def _wide(n: int) -> dict[str, Any]:
    return {**dict(zip(("prompt", "completion_a", "completion_b"), _pair(n), strict=True)), "winner": "a"}


def _long(n: int) -> list[dict[str, Any]]:
    prompt, *answers = _pair(n)
    return [{"prompt": prompt, "completion": text, "rank": rank} for rank, text in enumerate(answers, start=1)]


Records = Iterator[dict[str, Any]]


def _lines(file: IO[bytes], records: Records) -> None:
    for record in records:
        file.write(json.dumps(record).encode() + b"\n")


def _list(file: IO[bytes], records: Records) -> None:
    for place, record in enumerate(records):
        file.write((b",\n" if place else b"[") + json.dumps(record).encode())
    file.write(b"]")


def _csv(file: IO[bytes], records: Records) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    first = next(records)
    table = csv.DictWriter(text, list(first))
    table.writeheader()
    table.writerow(first)
    table.writerows(records)
    text.detach()


def _gzip(file: IO[bytes], records: Records) -> None:
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6) as packed:
        _lines(packed, records)  # type: ignore[arg-type]


def _zstd(file: IO[bytes], records: Records) -> None:
    with pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as packed:
        _lines(packed, records)


def _tables(records: Records) -> Iterator[pa.Table]:
    while some := [record for _, record in zip(range(1_000), records, strict=False)]:
        yield pa.Table.from_pylist(some)


def _parquet(file: IO[bytes], records: Records) -> None:
    tables = _tables(records)
    first = next(tables)
    with pq.ParquetWriter(file, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


def _arrow(file: IO[bytes], records: Records) -> None:
    tables = _tables(records)
    first = next(tables)
    with pa.ipc.new_stream(file, first.schema) as writer:
        writer.write_table(first)
        for table in tables:
            writer.write_table(table)


FORMATS: dict[str, tuple[Callable[[int], Any], Callable[[IO[bytes], Records], None]]] = {
    "own row, JSON Lines": (_podium, _lines),
    "own row, JSON list": (_podium, _list),
    "own row, JSON Lines, gzip": (_podium, _gzip),
    "own row, JSON Lines, zstd": (_podium, _zstd),
    "own row, Parquet": (_podium, _parquet),
    "own row, Arrow": (_podium, _arrow),
    "TRL, JSON Lines": (_trl, _lines),
    "TRL of messages, JSON Lines": (_trl_messages, _lines),
    "TRL, Parquet": (_trl, _parquet),
    "HH-RLHF, JSON Lines": (_hh, _lines),
    "HH-RLHF, gzip": (_hh, _gzip),
    "wide table, CSV": (_wide, _csv),
    "wide table, Parquet": (_wide, _parquet),
    "long table, CSV": (_long, _csv),
}


def write_format(name: str, path: Path, prompts: int) -> None:
    """Writes so many prompts with a pair each."""
    make, write = FORMATS[name]
    made = (make(n) for n in range(prompts))
    with path.open("wb") as file:
        write(file, (record for each in made for record in (each if isinstance(each, list) else [each])))
