"""JSON from outside, read to the letter: not too deep, no key twice, no NaN, no text that can't be stored.

Pure: no database. Whoever reads JSON from outside reads it by this.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from django.utils.translation import gettext as _

from labeling.errors import Invalid

Way = tuple[()] | tuple["Way", str | int]  # each step with the steps before it

MAX_DEPTH = 64
MAX_DIGITS = 300  # so that any whole number is a float too: the largest has 309 digits

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("]"): -1}
_AT_ONCE = 4096  # brackets


def loads(body: bytes, *, unstorable: bool = False) -> Any:
    """Reads the value. Raises Invalid, which names what is wrong and where: 'parse_error', 'too_deep', 'duplicate_key',
    'unstorable'.

    unstorable: lets a text hold U+0000 or half a surrogate pair, for a caller that names the row which it is in.
    """
    if _is_deeper(body, MAX_DEPTH):
        message = _("Objects and lists are nested more than %(limit)d deep; send something flatter.")
        raise Invalid("too_deep", message % {"limit": MAX_DEPTH})
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        seen = body[max(error.start - 10, 0) : error.start + 10].decode("latin-1")
        message = _("The text is not UTF-8 at byte %(n)d (%(value)r); send it as UTF-8.")
        raise Invalid("parse_error", message % {"n": error.start, "value": seen}) from error
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_whole
        )
    except ValueError as error:  # JSONDecodeError is one
        message = _("This is not JSON: %(error)s.")
        raise Invalid("parse_error", message % {"error": error}) from error
    if not unstorable and "\\u" in text:  # JSON has no other way to write one
        refuse_unstorable(value)
    return value


def refuse_unstorable(value: object) -> None:
    """Raises Invalid('unstorable') naming the place of a text, or of a key, that PostgreSQL can't keep."""
    for way, text in _texts(value):
        if (bad := unstorable(text)) is not None:
            message = _("%(value)s can't be stored: it holds %(what)s. Leave it out, or repair the encoding.")
            values = {"value": ascii(text if len(text) <= 40 else text[:37] + "..."), "what": bad}
            raise Invalid("unstorable", message % values, attr=_place(way) or None)


def unstorable(text: str) -> str | None:
    """Says what a text holds that PostgreSQL can't keep, in words; None of any other."""
    if "\0" in text:
        return _("a NUL character (U+0000)")
    try:
        text.encode()
    except UnicodeEncodeError:
        return _("half of a surrogate pair")
    return None


def _is_deeper(body: bytes, limit: int) -> bool:
    """Counts before anything is parsed, and without recursion: one step a bracket, at the speed of itertools, and none
    after the first one that is too deep. What is closed more often than opened is broken: the parser will say so."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    if len(body) > 2 * _AT_ONCE and _is_deeper(body[:_AT_ONCE], limit):  # nothing more of it needs to be looked at
        return True
    brackets = _STRING.sub(b"", body).translate(_ONE_KIND, _ALL_BUT_BRACKETS)
    depth = 0
    for start in range(0, len(brackets), _AT_ONCE):
        depths = list(accumulate(map(_STEP.__getitem__, brackets[start : start + _AT_ONCE]), initial=depth))
        if max(depths) > limit:
            return True
        depth = depths[-1]
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        for key, _value in pairs:
            if key in seen:
                message = _("The key %(key)r is there twice in one object; send it once.")
                raise Invalid("duplicate_key", message % {"key": key[:80]}, attr=ascii(key[:80])[1:-1])
            seen.add(key)
    return value


def _constant(name: str) -> None:
    raise ValueError(_("%(name)s is no number in JSON") % {"name": name})


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(_("the number %(digits)s is too large") % {"digits": digits[:40]})
    return number


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(_("the number %(digits)s... is too large") % {"digits": digits[:40]})
    return int(digits)


def _texts(value: object) -> Iterator[tuple[Way, str]]:
    """Yields all texts and keys with the way to them, without recursion."""
    waiting: list[tuple[Way, object]] = [((), value)]
    while waiting:
        way, item = waiting.pop()
        if isinstance(item, str):
            yield way, item
        elif isinstance(item, dict):
            yield from ((way, key) for key in item)
            waiting += (((way, key), held) for key, held in item.items())
        elif isinstance(item, list):
            waiting += (((way, index), held) for index, held in enumerate(item))


def _place(way: Way) -> str:
    """Writes the way as a dotted path, such as flags.0.label. Of every text it would hold a long key once more."""
    steps = []
    while way:
        way, step = way
        steps.append(str(step)[:80])
    return ".".join(reversed(steps))
