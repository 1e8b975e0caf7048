"""Lines of what somebody sends, in the words of their language. The reader itself is formats.lines."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from formats.lines import Readable, Unreadable, read_lines
from labeling.errors import Invalid


def lines_of(stream: Readable | None) -> Iterator[bytes]:
    """Yields lines without their ends, none read further than needed. Raises Invalid where no more can be read."""
    if stream is None:
        return
    try:
        yield from read_lines(stream)
    except Unreadable as error:
        raise Invalid(error.code, _words(error.code) % error.values, attr="file") from error


def _words(code: str) -> str:
    return {
        "line_too_long": _(
            "Line %(line)d is longer than %(limit)d MiB, so this is hardly JSON Lines: write one object a line."
        ),
        "file_too_large": _("The file is larger than %(limit)d GiB: send it in several files."),
        "too_many_lines": _("The file has more than %(limit)d lines: send it in several files."),
        "not_utf8": _("The file is in %(name)s: save it as UTF-8."),
        "packed": _("The file is packed with %(name)s: unpack it first."),
        "other_format": _("The file is %(name)s: send JSON Lines, one object a line."),
    }[code]
