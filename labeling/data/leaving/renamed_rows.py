"""The file of a frozen version anew, with another name for the labeler of some of its rankings and nothing else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_ID, _LABELER = "id", "labeler"
_COLUMNS = [f"rankings.list.element.{name}" for name in (_ID, _LABELER)]
GROUPS_A_SIGN = 20  # row groups between two signs of life


def count(file: IO[bytes], rankings: pa.Array, name: str, alive: Callable[[], object]) -> tuple[int, int]:
    """Counts the rankings with one of these ids, and those of them under another name than this one."""
    found = others = 0
    with pq.ParquetFile(file) as parquet:
        for number in range(parquet.num_row_groups):
            _sign(number, alive)
            said = _values(parquet.read_row_group(number, columns=_COLUMNS))
            theirs = pc.is_in(said.field(_ID), value_set=rankings)
            found += theirs.true_count
            others += pc.and_(theirs, pc.not_equal(said.field(_LABELER), name)).true_count
    return found, others


def write(file: IO[bytes], draft: Path, rankings: pa.Array, name: str, alive: Callable[[], object]) -> None:
    """Writes the draft, which is on the disk at the end: a row group in memory at a time, each as long as it was."""
    with draft.open("wb") as to, pq.ParquetFile(file) as parquet:
        with pq.ParquetWriter(to, parquet.schema_arrow, compression="zstd") as writer:
            for number in range(parquet.num_row_groups):
                _sign(number, alive)
                table = parquet.read_row_group(number)
                writer.write_table(_renamed(table, rankings, name), row_group_size=max(table.num_rows, 1))
        to.flush()
        os.fsync(to.fileno())


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sign(number: int, alive: Callable[[], object]) -> None:
    if number % GROUPS_A_SIGN == 0:
        alive()


def _renamed(table: pa.Table, rankings: pa.Array, name: str) -> pa.Table:
    place = table.schema.get_field_index("rankings")
    field = table.schema.field(place)
    structs = _values(table)
    fields = [structs.type.field(number) for number in range(structs.type.num_fields)]
    theirs = pc.is_in(structs.field(_ID), value_set=rankings)
    columns = [
        pc.if_else(theirs, name, structs.field(each.name)) if each.name == _LABELER else structs.field(each.name)
        for each in fields
    ]
    lists = pa.ListArray.from_arrays(
        _lists(table).offsets, pa.StructArray.from_arrays(columns, fields=fields), type=field.type
    )
    return table.set_column(place, field, lists)


def _values(table: pa.Table) -> Any:
    return _lists(table).values


def _lists(table: pa.Table) -> Any:
    """Gives the rankings of each prompt as one array, which begins where its values begin."""
    return table["rankings"].combine_chunks()
