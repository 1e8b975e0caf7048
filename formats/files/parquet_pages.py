"""How large the pages of a Parquet column are, by their own headers: a reader makes room for what a page's header says,
whatever the table's end says of the column.

A header is a struct in Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/ and
https://parquet.apache.org/docs/file-format/data-pages/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from formats.lines import Unreadable

MOST_PAGES = 100_000  # of one column in one row group
_SHORT, _LONGEST = 2**8, 2**24  # bytes of a header: what it nearly always has, and what readers take
_DICTIONARY = 2  # the type of a page
_OF_TYPE = (5, 7, 8)  # the fields of a header that say more of a page of its type, first of all its number of values


@dataclass
class Pages:
    """largest and dictionary: bytes once unpacked. n_values: of all of them."""

    largest: int = 0
    dictionary: int = 0
    n_values: int = 0


def pages_of(file: IO[bytes], column: Any) -> Pages:
    """Looks at the header of each page of a column chunk. Raises ValueError where one is none, and Unreadable where
    there are too many."""
    place = column.data_page_offset
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < place:
        place = column.dictionary_page_offset
    end = place + column.total_compressed_size
    found = Pages()
    for _ in range(MOST_PAGES):
        if place >= end or found.n_values >= column.num_values:  # as readers do
            return found
        header = _read(file, place)
        kind, size, packed = (header.numbers.get(n, 0) for n in (1, 2, 3))
        if size < 0 or packed < 0:
            raise ValueError("a page's length is below 0")
        found.largest = max(found.largest, size)
        found.dictionary += size if kind == _DICTIONARY else 0
        found.n_values += 0 if kind == _DICTIONARY else max(header.n_values, 0)
        place += header.length + packed
    raise Unreadable("too_many_pages", limit=MOST_PAGES)


@dataclass
class _Header:
    length: int = 0
    numbers: dict[int, int] = field(default_factory=dict)  # by their fields
    n_values: int = 0


def _read(file: IO[bytes], place: int) -> _Header:
    size = _SHORT
    while True:
        file.seek(place)
        data = file.read(size)
        try:
            return _parse(_Thrift(data))
        except IndexError as error:
            if len(data) < size or size >= _LONGEST:
                raise ValueError("a page has no header") from error
            size *= 16


def _parse(thrift: _Thrift) -> _Header:
    header = _Header()
    for number, kind in thrift.fields():
        if kind in _Thrift.NUMBERS:
            header.numbers[number] = thrift.number()
        elif kind == _Thrift.STRUCT and number in _OF_TYPE:
            for inner, inner_kind in thrift.fields():
                if inner == 1 and inner_kind in _Thrift.NUMBERS:
                    header.n_values = thrift.number()
                else:
                    thrift.skip(inner_kind)
        else:
            thrift.skip(kind)
    header.length = thrift.place
    return header


class _Thrift:
    """Values one after another. Raises IndexError where the data ends, and ValueError for what is none."""

    NUMBERS, STRUCT = (4, 5, 6), 12
    DEEPEST = 16

    def __init__(self, data: bytes) -> None:
        self._data, self.place = data, 0

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yields number and type of each field of a struct, whose value is read before the next."""
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self.number()
            yield number, head & 15

    def number(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def skip(self, kind: int, depth: int = 0) -> None:
        match kind:
            case _ if depth > self.DEEPEST:
                raise ValueError("a page's header is nested too deep")
            case 1 | 2:  # true and false
                pass
            case 3:
                self.place += 1
            case 4 | 5 | 6:
                self._varint()
            case 7:
                self.place += 8
            case 8:
                length = self._varint()
                self.place += length
            case 9 | 10:
                head = self._byte()
                for _ in range(self._varint() if head >> 4 == 15 else head >> 4):
                    self.skip(3 if head & 15 in (1, 2) else head & 15, depth + 1)
            case 12:
                for _number, inner in self.fields():
                    self.skip(inner, depth + 1)
            case _:
                raise ValueError("a page has no header")

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("a number of a page's header has no end")
        return value | byte << shift

    def _byte(self) -> int:
        self.place += 1
        return self._data[self.place - 1]
