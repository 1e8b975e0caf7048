"""How much a table's rows hold, known before they are made: a column may repeat a text of megabytes at no cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from formats.files import parquet_pages
from formats.lines import MAX_LINE, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 64
MOST_AT_ONCE = 2 * MAX_LINE  # bytes of rows that are held together
MOST_OF_A_COLUMN = 2**30  # bytes of one column in one row group, which may lie in one page
MOST_VALUES = 2**26  # in the same
MOST_OF_PAGES = 2**28  # bytes: the largest page of each column is held, with its dictionary


@dataclass(frozen=True)
class Group:
    """Of a row group: how many of its rows can be held at once, and which columns have to be read as dictionaries."""

    rows_at_once: int
    repeating: tuple[str, ...]


def group_of(file: Any, table: Any, group: Any) -> Group:
    """Looks at a row group before any of it is unpacked. Raises Unreadable for one that takes too much memory to read,
    however few rows are asked for, and ValueError for one that is broken.

    repeating: columns within lists of which one row may repeat a dictionary until it is larger than all that is held.
    Read as dictionaries they take four times as long.
    """
    columns = [group.column(n) for n in range(group.num_columns)]
    if any(each.total_uncompressed_size > MOST_OF_A_COLUMN or each.num_values > MOST_VALUES for each in columns):
        raise Unreadable("row_group_too_large", limit=MOST_OF_A_COLUMN // 2**30)
    found = [parquet_pages.pages_of(file, each) for each in columns]
    if sum(max(each.largest, each.dictionary) for each in found) > MOST_OF_PAGES:
        raise Unreadable("pages_too_large", limit=MOST_OF_PAGES // 2**20)
    repeated, repeating = 0, []
    for n, pages in enumerate(found):
        said = table.schema.column(n)
        if not said.max_repetition_level:  # one value a row, each of which may be the whole dictionary
            repeated += pages.dictionary
        elif said.physical_type == "BYTE_ARRAY" and pages.dictionary * pages.n_values > MOST_OF_A_COLUMN:
            repeating.append(said.path)
    mean = int(group.total_byte_size) // max(int(group.num_rows), 1)
    most = max(1, min(ROWS_AT_ONCE, MOST_AT_ONCE // max(mean, repeated, 1)))
    return Group(most, tuple(repeating))


def is_known(kind: Any) -> bool:
    """Tells whether it is known what values of a type take: not of those that repeat others by other means than a
    dictionary."""
    import pyarrow as pa

    t = pa.types
    if t.is_union(kind) or t.is_run_end_encoded(kind) or t.is_list_view(kind) or t.is_large_list_view(kind):
        return False
    if isinstance(kind, pa.BaseExtensionType):
        return is_known(kind.storage_type)
    if t.is_dictionary(kind):
        return is_known(kind.value_type)
    return all(is_known(kind.field(n).type) for n in range(kind.num_fields))


def bytes_of(array: Any) -> int:
    """Counts what the values take once they are made, those of a dictionary as often as they are repeated."""
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(array.type):
        return _repeated(array)
    if t.is_struct(array.type):
        return sum(map(bytes_of, array.flatten()))
    if t.is_list(array.type) or t.is_large_list(array.type) or t.is_fixed_size_list(array.type):
        return bytes_of(array.flatten())
    if t.is_map(array.type):
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return sum(bytes_of(each.slice(start, end - start)) for each in (array.keys, array.items))
    if t.is_string_view(array.type) or t.is_binary_view(array.type):
        return _of_views(array)
    if isinstance(array, pa.ExtensionArray):
        return bytes_of(array.storage)
    return int(array.nbytes)


def _repeated(array: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = array.dictionary
    if pa.types.is_binary(texts.type) or pa.types.is_string(texts.type):
        return int(pc.sum(pc.binary_length(texts).take(array.indices)).as_py() or 0)
    return sum(
        bytes_of(texts.slice(each["values"], 1)) * each["counts"]
        for each in pc.value_counts(array.indices.drop_null()).to_pylist()
    )


def _of_views(array: Any) -> int:
    """Counts texts each of which may lie in the same place: a view of 16 bytes begins with its length."""
    lengths = memoryview(array.buffers()[1]).cast("i")[4 * array.offset : 4 * (array.offset + len(array)) : 4]
    return sum(length for length, is_there in zip(lengths, array.is_valid().to_pylist(), strict=True) if is_there)


def batch_bytes(batch: pa.RecordBatch) -> int:
    return sum(map(bytes_of, batch.columns))
