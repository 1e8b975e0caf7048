"""Which part of a file a request asks for, and whether it has the file already: RFC 9110, sections 13 and 14.

Of plain values: headers as text, sizes in bytes. A file has one strong ETag, for its bytes never change.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1000  # letters of a header that is read: what is longer asks for nothing that anybody needs
_ONE_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """Bytes first to last, both of them counted from 0 and both in it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class NotThere(Exception):
    """The part that is asked for begins behind the end of the file."""


def part_of(size: int, *, asked: str, if_range: str, etag: str) -> Part | None:
    """Gives the part that `Range` asks for; None for all of it. Raises NotThere.

    All of it also where several parts are asked for, where the header can't be read, and where `If-Range` names
    another file: a server may answer so, and whoever resumes sees by the status that it begins anew.
    """
    if not asked or len(asked) > LONGEST or (if_range and if_range.strip() != etag):
        return None
    match = _ONE_RANGE.fullmatch(asked.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many
        length = int(last)
        if length == 0 or size == 0:
            raise NotThere
        return Part(max(0, size - length), size - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise NotThere
    return Part(int(first), min(int(last), size - 1) if last else size - 1)


def names(header: str, etag: str, *, weakly: bool) -> bool:
    """Tells whether If-None-Match (weakly) or If-Match names the file: `*`, or its ETag among others."""
    if len(header) > LONGEST:
        return False
    tags = [tag.strip() for tag in header.split(",")]
    if weakly:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or etag in tags
