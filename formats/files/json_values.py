"""JSON of any size: a list, an object that wraps one, or objects one after another, in the memory of one record."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator

from formats import values
from formats.files.records import Record
from formats.lines import BYTES_AT_ONCE, MAX_LINE, Readable, Unreadable
from formats.refusals import Refused

_white = re.compile(r"[ \t\n\r]*")
_token = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|["\[\]{},]', re.DOTALL)
_escaped = re.compile("[\udc80-\udcff]")  # a byte that is no UTF-8, as the decoder below writes it
MOST_OPEN = 200_000  # brackets in one another: counted no further
UNFINISHED = 12  # characters: the longest escape; a value that ends so close to what was read may go on


class Text:
    """A stream's text, of which no more is held than one record and a piece."""

    def __init__(self, stream: Readable) -> None:
        self.text, self.place, self.is_whole, self.number = "", 0, False, 0
        self.size = 0  # of the last value
        self._has_bad_bytes = False
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="surrogateescape")

    def next_char(self) -> str:
        """Goes to the next character that is no white space and gives it; empty at the end."""
        skipped = -self.place
        while True:
            end = _white.match(self.text, self.place).end()  # type: ignore[union-attr]
            skipped += end - self.place
            self.place = end
            if end < len(self.text):
                return self.text[end]
            if self.is_whole:
                return ""
            if skipped > MAX_LINE:
                raise Unreadable("record_too_long", number=self.number + 1, limit=MAX_LINE // 2**20)
            self._grow()

    def next_value(self) -> object:
        """Reads the value that begins here. Raises ValueError for what is no JSON, and stays before it."""
        while True:
            try:
                value, end = values.decoder.raw_decode(self.text, self.place)
            except RecursionError as error:
                raise ValueError("lists and objects are nested too deep") from error
            except json.JSONDecodeError as error:
                if self.is_whole or not self._may_go_on(error):
                    raise
            else:
                if end < len(self.text) or self.is_whole:
                    self.size, self.place = end - self.place, end
                    return value
            values.check_count(self.text, self.place)
            self._grow()

    def skip(self) -> str:
        """Goes behind a bad value, counting brackets, and gives the text. Raises Unreadable where it has no end."""
        while (end := self._end_of_value()) is None:
            if self.is_whole:
                raise Unreadable("cut_off", number=self.number - 1)
            self._grow()
        start, self.place = self.place, end
        return self.text[start:end]

    def check_bytes(self) -> None:
        """Raises Refused where the last value has a byte that is no UTF-8."""
        if self._has_bad_bytes and (bad := _escaped.search(self.text, self.place - self.size, self.place)):
            n = bad.start() - (self.place - self.size)
            seen = self.text[max(bad.start() - 10, self.place - self.size) : min(bad.start() + 10, self.place)]
            raise Refused("record", seen.encode("utf-8", "surrogateescape").decode("latin-1"), "not_utf8", n=n)

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self.text) - UNFINISHED

    def _end_of_value(self) -> int | None:
        depth = 0
        for token in _token.finditer(self.text, self.place):
            match token[0]:
                case '"':
                    return None
                case "[" | "{":
                    depth += 1
                    if depth > MOST_OPEN:
                        raise Unreadable("too_deep", number=self.number)
                case "]" | "}" | "," if depth == 0:
                    return token.start()
                case "]" | "}":
                    depth -= 1
                    if depth == 0:
                        return token.end()
        return None

    def _grow(self) -> None:
        """Reads as much again as is held, so that a long record is looked at a few times only."""
        held = self.text[self.place :]
        if len(held) > MAX_LINE:
            raise Unreadable("record_too_long", number=self.number, limit=MAX_LINE // 2**20)
        parts, size = [held], 0
        while not self.is_whole and size <= len(held):
            piece = self._stream.read(BYTES_AT_ONCE)
            self.is_whole = not piece
            text = self._decoder.decode(piece, final=not piece)
            self._has_bad_bytes = self._has_bad_bytes or (not text.isascii() and _escaped.search(text) is not None)
            parts.append(text)
            size += len(piece)
        self.text, self.place = "".join(parts), 0


def list_records(stream: Readable) -> Iterator[Record]:
    """Yields what a list holds, and sees that it is all of the file."""
    text = Text(stream)
    text.next_char()
    yield from _items(text)
    if text.next_char():
        raise Unreadable("more_after_list", number=text.number)


def sequence_records(stream: Readable) -> Iterator[Record]:
    """Yields objects that stand one after another, over as many lines as they like."""
    text = Text(stream)
    while text.next_char():
        yield _record(text)


def wrapped_records(stream: Readable, key: str) -> Iterator[Record]:
    """Yields what the list under this key of an object holds; the object may say other things beside it."""
    text = Text(stream)
    text.next_char()
    text.place += 1
    while True:
        if (name := _part(text, '"')) == key and text.next_char() == "[":
            yield from _items(text)
        elif _is_of_objects(_part(text)):
            raise Unreadable("several_lists", first=key, second=name)
        if (char := text.next_char()) not in (",", "}"):
            raise Unreadable("cut_off" if not char else "no_comma", number=text.number)
        text.place += 1
        if char == "}":
            break
    if text.next_char():
        raise Unreadable("more_after_list", number=text.number)


def _part(text: Text, begin: str = "") -> object:
    """Reads a key with its colon, or a value beside the list."""
    char = text.next_char()
    try:
        if begin and char and char != begin:
            raise ValueError
        value = text.next_value()
    except ValueError as error:
        raise Unreadable("no_comma" if char else "cut_off", number=text.number) from error
    if begin:
        if (char := text.next_char()) != ":":
            raise Unreadable("no_comma" if char else "cut_off", number=text.number)
        text.place += 1
    return value


def _is_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _items(text: Text) -> Iterator[Record]:
    text.place += 1
    while (char := text.next_char()) != "]":
        if not char:
            raise Unreadable("cut_off", number=text.number)
        yield _record(text)
        if (char := text.next_char()) == "]":
            break
        if char != ",":
            raise Unreadable("no_comma" if char else "cut_off", number=text.number)
        text.place += 1
        if text.next_char() == "]":
            yield Record(text.number, Refused("record", "]", "trailing_comma"))
    text.place += 1


def _record(text: Text) -> Record:
    text.number += 1
    try:
        value = text.next_value()
        text.check_bytes()
    except Refused as error:
        return Record(text.number, error, text.size)
    except ValueError as error:
        seen = text.skip()
        if not seen:
            raise Unreadable("no_comma", number=text.number - 1) from error
        return Record(text.number, Refused("record", seen[: values.CLIP + 1], "bad_json", error=error), len(seen))
    return Record(text.number, value, text.size)
