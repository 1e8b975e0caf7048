"""Lines of any stream: all line ends, in pieces of any size, within limits, in the memory of one line."""

from __future__ import annotations

import gzip
import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.lines import BYTES_AT_ONCE, MAX_FILE, MAX_LINE, MAX_LINES, Unreadable, read_lines


class Trickle:
    """A body that arrives in pieces of any size, and counts how often it is asked."""

    def __init__(self, *pieces: bytes, times: int = 1) -> None:
        self.pieces, self.left, self.reads = pieces, times * len(pieces), 0

    def read(self, size: int) -> bytes:
        self.reads += 1
        if not self.left:
            return b""
        self.left -= 1
        return self.pieces[-(self.left + 1) % len(self.pieces)]


def test_lines_are_put_together_from_pieces() -> None:
    pieces = (b"a\n\nb", b"b", b"b\nc", b"\n", b"last")
    assert list(read_lines(Trickle(*pieces))) == [b"a", b"", b"bbb", b"c", b"last"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["unix", "windows", "old mac"])
def test_a_line_ends_as_any_system_ends_it(end: bytes) -> None:
    assert list(read_lines(io.BytesIO(end.join((b"a", b"b", b"", b"c", b""))))) == [b"a", b"b", b"", b"c"]


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n"]), max_size=12), st.integers(1, 4))
def test_where_the_pieces_end_changes_nothing(parts: list[bytes], size: int) -> None:
    whole = b"".join(parts)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    expected = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    assert list(read_lines(Trickle(*pieces) if pieces else io.BytesIO())) == expected[: None if expected[-1] else -1]


def test_a_mark_at_the_start_is_no_part_of_the_first_line() -> None:
    assert list(read_lines(Trickle(b"\xef", b"\xbb", b"\xbf", b"a\nb"))) == [b"a", b"b"]
    assert list(read_lines(io.BytesIO(b"\xef\xbb\xbf"))) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 1}'.encode("utf-16"), "the file is in UTF-16; save it as UTF-8"),
        ('{"id": 1}'.encode("utf-16-le"), "UTF-16"),
        ('{"id": 1}'.encode("utf-16-be"), "UTF-16"),
        ('{"id": 1}'.encode("utf-32"), "UTF-32"),
        (gzip.compress(b"{}\n", mtime=0), "the file is packed with gzip; unpack it first"),
        (b"PK\x03\x04rest", "zip"),
        (b"PAR1rest", "the file is Parquet; give JSON Lines"),
    ],
)
def test_what_has_no_lines_is_named_by_its_beginning(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        list(read_lines(io.BytesIO(content)))
    pieces = [content[place : place + 1] for place in range(len(content))]
    with pytest.raises(Unreadable, match=said):
        list(read_lines(Trickle(*pieces)))


def test_a_file_without_line_ends_is_read_no_further_than_a_line_may_be_long() -> None:
    stream = Trickle(b"x" * BYTES_AT_ONCE, times=2**30 // BYTES_AT_ONCE)
    tracemalloc.start()
    with pytest.raises(Unreadable, match="line 1 is longer than 16 MiB"):
        list(read_lines(stream))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stream.reads <= MAX_LINE // BYTES_AT_ONCE + 2
    assert most < 2 * MAX_LINE


def test_twice_as_much_takes_twice_as_many_reads_and_no_more_memory() -> None:
    """The longest line there may be arrives in 256 pieces and is put together once."""

    def cost(times: int) -> tuple[int, int, int]:
        pieces = [b"x" * BYTES_AT_ONCE] * (MAX_LINE // BYTES_AT_ONCE - 1) + [b"\n"]
        stream = Trickle(*pieces, times=times)
        tracemalloc.start()
        n_lines = sum(1 for _ in read_lines(stream))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return n_lines, stream.reads, most

    (_, reads, memory), (n_lines, more_reads, more_memory) = cost(1), cost(4)
    assert n_lines == 4
    assert more_reads <= 4 * reads
    assert more_memory < 2.2 * MAX_LINE
    assert memory < 2.2 * MAX_LINE


def test_a_file_of_too_many_bytes_or_lines_is_refused_with_the_limit() -> None:
    with pytest.raises(Unreadable, match="the file is larger than 4 GiB; send it in several files"):
        _drain(Trickle(b"x" * 2**23 + b"\n", times=MAX_FILE // 2**23 + 1))
    with pytest.raises(Unreadable, match="the file has more than 1000000 lines"):
        _drain(Trickle(b"\n" * BYTES_AT_ONCE, times=MAX_LINES // BYTES_AT_ONCE + 1))


def _drain(stream: Trickle) -> None:
    for _ in read_lines(stream):
        pass
