"""Single prompts of a frozen version, by their place in the file: 0 is the first, and a place is for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from labeling.data.versions.datasets import Group, path_of, with_flags
from labeling.models import DatasetVersion

IN_SHORT = ("id", "split", "prompt", "rankings.list.element.id")
FIRST_TEXT = "completions.list.element.text"


@dataclass(frozen=True)
class Placed:
    place: int
    row: Group


def read_rows(version: DatasetVersion, first: int, n: int, *, texts: bool = False) -> list[Placed]:
    """Gives n prompts from a place on, with what a list shows of them; `texts` of their completions too."""
    columns = [*IN_SHORT, *((FIRST_TEXT,) if texts else ())]
    return [Placed(place, row) for place, row in _rows(version, first, n, columns)]


def read_row(version: DatasetVersion, place: int) -> Group:
    """Gives all that the file has of one prompt. Raises IndexError for a place that it doesn't have."""
    for _, row in _rows(version, place, 1, None):
        return with_flags(row)
    raise IndexError(place)


def find(version: DatasetVersion, external_id: str) -> int | None:
    """Finds a prompt's place by the id of its row; None where the version doesn't hold it."""
    begins = 0
    with pq.ParquetFile(path_of(version)) as file:
        for number in range(file.num_row_groups):
            ids = file.read_row_group(number, columns=["id"])["id"]
            place = pc.index(ids, external_id).as_py()
            if place >= 0:
                return begins + int(place)
            begins += len(ids)
    return None


def _rows(
    version: DatasetVersion, first: int, n: int, columns: Sequence[str] | None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Reads the row groups that have them, and no other."""
    begins = 0
    with pq.ParquetFile(path_of(version)) as file:
        for number in range(file.num_row_groups):
            length = file.metadata.row_group(number).num_rows
            low, high = max(first, begins), min(first + n, begins + length)
            if low < high:
                table = file.read_row_group(number, columns=None if columns is None else list(columns))
                yield from enumerate(table.slice(low - begins, high - low).to_pylist(), low)
            begins += length
            if begins >= first + n:
                return
