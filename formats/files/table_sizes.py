"""How much a table's rows hold, known before they are made: a column may repeat a text of megabytes at no cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from formats.lines import MAX_LINE, Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 64
MOST_AT_ONCE = 2 * MAX_LINE  # bytes of rows that are held together
MOST_OF_A_COLUMN = 2**30  # bytes of one column in one row group, which may lie in one page
MOST_VALUES = 2**26  # in the same
_HEADER = 24  # bytes, in which a page's header says how large the page is


def check_group(group: Any) -> None:
    """Raises Unreadable for a row group that takes too much memory to read, however few rows are asked for."""
    columns = [group.column(n) for n in range(group.num_columns)]
    if any(each.total_uncompressed_size > MOST_OF_A_COLUMN or each.num_values > MOST_VALUES for each in columns):
        raise Unreadable("row_group_too_large", limit=MOST_OF_A_COLUMN // 2**30)


def rows_at_once(file: Any, table: Any, group: Any) -> int:
    """Tells how many rows of a row group can be held: by their mean size, and by the dictionaries of columns that have
    one value a row, each of which may be repeated whole."""
    mean = int(group.total_byte_size) // max(int(group.num_rows), 1)
    repeated = sum(
        _dictionary_bytes(file, group.column(n))
        for n in range(group.num_columns)
        if not table.schema.column(n).max_repetition_level
    )
    return max(1, min(ROWS_AT_ONCE, MOST_AT_ONCE // max(mean, repeated, 1)))


def repeating(file: Any, table: Any) -> list[str]:
    """Lists the columns within lists of which one row may repeat a dictionary until it is larger than all that is held.
    They are read as dictionaries, which takes four times as long."""
    found: dict[str, None] = {}
    for group in map(table.metadata.row_group, range(table.metadata.num_row_groups)):
        for n in range(group.num_columns):
            column, said = group.column(n), table.schema.column(n)
            is_of_texts = said.max_repetition_level and said.physical_type == "BYTE_ARRAY"
            if is_of_texts and _dictionary_bytes(file, column) * column.num_values > MOST_OF_A_COLUMN:
                found[said.path] = None
    return list(found)


def _dictionary_bytes(file: Any, column: Any) -> int:
    """Reads how large a column's dictionary is once it is unpacked: the second field of its page's header (Thrift's
    compact protocol). A header of another kind counts as all that a dictionary can be."""
    if not column.has_dictionary_page or column.dictionary_page_offset is None:
        return 0
    file.seek(column.dictionary_page_offset)
    head = file.read(_HEADER)
    try:
        if head[0] != 0x15 or head[1] & 0x80 or head[2] != 0x15:
            return int(column.total_uncompressed_size)
        value = shift = 0
        for byte in head[3:]:
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
    except IndexError:
        return int(column.total_uncompressed_size)
    return max(value >> 1, 0)


def bytes_of(array: Any) -> int:
    """Counts what the values take once they are made, those of a dictionary as often as they are repeated."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        lengths = pc.binary_length(array.dictionary).take(array.indices)
        return int(pc.sum(lengths).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(map(bytes_of, array.flatten()))
    if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        return bytes_of(array.flatten())
    return int(array.nbytes)


def batch_bytes(batch: pa.RecordBatch) -> int:
    return sum(map(bytes_of, batch.columns))
