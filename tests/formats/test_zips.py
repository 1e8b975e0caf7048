"""Zips that are made while they are sent: whole, of a length that is known before, and in little memory."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats.zips import PIECE, ChangedFile, Member, length_of, of_file, of_text, stream

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, st.binary(max_size=300), max_size=8))
def test_what_comes_out_is_what_went_in_at_the_length_that_was_said(files: dict[str, bytes]) -> None:
    members = [Member(f"a/{name}", len(data), lambda data=data: (data,)) for name, data in files.items()]  # type: ignore[misc]
    whole = b"".join(stream(members))
    assert len(whole) == length_of(members)
    assert whole == b"".join(stream(members)), "the same files give the same bytes"
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert [archive.read(info) for info in archive.infolist()] == list(files.values())


def test_members_of_unknown_size_are_whole_and_leave_the_length_open() -> None:
    members = [Member("a", None, lambda: (b"one", b"", b"two")), of_text("ä", "ü")]
    assert length_of(members) is None
    with zipfile.ZipFile(io.BytesIO(b"".join(stream(members)))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a": b"onetwo", "ä": "ü".encode()}


def zeros(size: int) -> Iterator[bytes]:
    piece = bytes(PIECE)
    for _ in range(size // PIECE):
        yield piece
    yield piece[: size % PIECE]


def test_beyond_four_gibibytes_the_length_is_right_and_memory_flat(tmp_path: Path) -> None:
    """With a member beyond all limits of small zips, one behind it, and the directory behind both."""
    large = 2**32 + 5
    members = [Member("large", large, lambda: zeros(large)), of_text("behind", "it")]
    tracemalloc.start()
    length, tail = 0, b""
    for piece in stream(members):
        length += len(piece)
        tail = (tail + piece)[-10_000:]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == length_of(members)
    assert peak < 8 * PIECE
    whole = tmp_path / "whole.zip"
    with whole.open("wb") as file:  # sparse: only its end was kept
        file.seek(length - len(tail))
        file.write(tail)
    with zipfile.ZipFile(whole) as archive:
        assert [info.file_size for info in archive.infolist()] == [large, 2]
        assert archive.read("behind") == b"it"


@pytest.mark.parametrize("said", [2, 4])
def test_a_file_that_changed_meanwhile_breaks_the_zip_off(tmp_path: Path, said: int) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with pytest.raises(ChangedFile, match=f"a/a has 3 bytes or more, not {said}"):
        b"".join(stream([of_file(tmp_path / "a", "a/a", said), of_text("b", "b")]))


def test_a_download_that_ends_half_way_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(3 * PIECE))
    closed: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield from of_file(path, "a", 3 * PIECE).pieces()
        finally:
            closed.append(True)

    download = stream([Member("a", 3 * PIECE, pieces)])
    next(download)
    download.close()  # type: ignore[attr-defined]
    assert closed == [True]
