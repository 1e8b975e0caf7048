"""Which bytes a request asks for: RFC 9110 by example."""

from __future__ import annotations

import pytest

from labeling.requests.byte_ranges import NotThere, Part, names, part_of

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", Part(0, 9)),
        ("bytes=10-", Part(10, 99)),
        ("bytes=-10", Part(90, 99)),
        ("bytes=-1000", Part(0, 99)),
        ("bytes=90-1000", Part(90, 99)),
        ("BYTES = 5 - 6", Part(5, 6)),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-9", None),
        ("bytes=a-b", None),
        ("bytes=\u0661-", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_a_part_is_what_the_header_says_and_all_where_it_says_nothing(asked: str, part: Part | None) -> None:
    assert part_of(100, asked=asked, if_range="", etag=ETAG) == part


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=999999999999999999-"])
def test_a_part_behind_the_end_is_not_there(asked: str) -> None:
    with pytest.raises(NotThere):
        part_of(100, asked=asked, if_range="", etag=ETAG)


def test_a_resumed_download_begins_anew_where_the_file_is_another() -> None:
    assert part_of(100, asked="bytes=5-", if_range=ETAG, etag=ETAG) == Part(5, 99)
    assert part_of(100, asked="bytes=5-", if_range='"another"', etag=ETAG) is None
    assert part_of(100, asked="bytes=5-", if_range=f"W/{ETAG}", etag=ETAG) is None  # a weak one says too little
    assert part_of(100, asked="bytes=5-", if_range="Sun, 29 Nov 2026 07:00:00 GMT", etag=ETAG) is None


def test_a_header_names_the_file_among_others() -> None:
    assert names('"x", W/"abc"', ETAG, weakly=True)
    assert not names('"x", W/"abc"', ETAG, weakly=False)
    assert names("*", ETAG, weakly=False)
    assert not names('"x"', ETAG, weakly=True)
    assert not names(f'{ETAG}, "{"x" * 2000}"', ETAG, weakly=True)
